"""One TLS policy, whatever is fetched: the schema, a call, a login, or what doctor looks at."""

from __future__ import annotations

import ast
import datetime
import ipaddress
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from patience import from_now
from proxmox_mcp.apidoc import source
from proxmox_mcp.doctor.certificate import unverified_context
from proxmox_mcp.errors import ApidocSourceError, ProxmoxMcpError, SettingsError, TlsError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.net.tls import TlsPolicy, parse_fingerprints
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.transport import Transport
from sources import PACKAGE, modules
from web_servers import answering, self_signed, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIN = "ab" * 32
DAY = datetime.timedelta(days=1)
DOCUMENT = b'{"data": {"version": "9.2.1"}}'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A node's certificate with its key, and the cluster's CA as Proxmox makes it: without a key usage."""
    directory = tmp_path_factory.mktemp("cluster")
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Proxmox Virtual Environment")])
    now = datetime.datetime.now(datetime.UTC)

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey, *, is_ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=False)
        )

    ca = builder(authority, authority_key.public_key(), is_ca=True).sign(authority_key, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    pve1 = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pve1")])
    leaf = builder(pve1, key.public_key(), is_ca=False).add_extension(names, critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = leaf.sign(authority_key, hashes.SHA256())
    (directory / "node.pem").write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    (directory / "pve-root-ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return directory / "node.pem", directory / "pve-root-ca.pem"


@pytest.fixture
def strict_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from Python 3.13 on, whatever Python runs this."""
    made = ssl.create_default_context

    def strict(*given: object, **more: object) -> ssl.SSLContext:
        context = made(*given, **more)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


def connection_to(address: str, policy: TlsPolicy) -> Connection:
    host, _, port = address.removeprefix("https://").partition(":")
    return Connection(
        hosts=(HostPort(host, int(port)),),
        user="root@pam",
        secret="s",
        verify_ssl=policy.verify,
        ca_file=policy.ca_file,
        fingerprints=policy.fingerprints,
    )


def fetch(address: str, policy: TlsPolicy) -> bytes:
    return source.fetch(f"{address}/apidoc.js", tls=policy)


def call(address: str, policy: TlsPolicy) -> bytes:
    connection = connection_to(address, policy)
    transport = Transport(connection)
    try:
        return transport.send(connection.hosts[0], "GET", "/version", {}, deadline=RequestDeadline(from_now(10))).body
    finally:
        transport.close()


WAYS = pytest.mark.parametrize("way", [fetch, call])


def essence(context: ssl.SSLContext) -> tuple[object, ...]:
    trusted = sorted(context.get_ca_certs(binary_form=True))
    flags = (context.verify_flags, context.options, context.minimum_version, context.keylog_filename)
    return context.verify_mode, context.check_hostname, trusted, flags


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("pins", [(), (PIN,)])
@pytest.mark.parametrize("with_ca", [True, False])
def test_calls_and_the_schema_are_fetched_with_the_same_context(
    verify: bool, pins: tuple[str, ...], with_ca: bool, node: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[ssl.SSLContext] = []
    wrap = ssl.SSLContext.wrap_socket

    def seen(context: ssl.SSLContext, sock: object, *given: object, **more: object) -> ssl.SSLSocket:
        if not more.get("server_side"):
            used.append(context)
        return wrap(context, sock, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", seen)
    policy = TlsPolicy(verify=verify, ca_file=node[1] if with_ca else None, fingerprints=pins)
    outcomes = []
    with serving(answering(DOCUMENT), node[0]) as address:
        for way in (fetch, call):
            try:
                outcomes.append(way(address, policy) == DOCUMENT)
            except ProxmoxMcpError:
                outcomes.append(False)
    assert len(used) == 2
    assert essence(used[0]) == essence(used[1]) == essence(connection_to("https://h:1", policy).tls.context())
    assert outcomes[0] == outcomes[1]
    assert not used[0].verify_flags & ssl.VERIFY_X509_STRICT


@WAYS
@pytest.mark.usefixtures("strict_by_default")
def test_a_cluster_s_own_authority_without_a_key_usage_is_trusted(
    way: Callable[[str, TlsPolicy], bytes], node: tuple[Path, Path]
) -> None:
    with serving(answering(DOCUMENT), node[0]) as address:
        assert way(address, TlsPolicy(ca_file=node[1])) == DOCUMENT


@WAYS
def test_nothing_that_the_environment_names_is_trusted_or_told(
    way: Callable[[str, TlsPolicy], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fingerprint = self_signed(tmp_path / "node.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(answering(DOCUMENT), path) as address:
        with pytest.raises((ApidocSourceError, TlsError), match="not trusted"):
            way(address, TlsPolicy())
        assert way(address, TlsPolicy(fingerprints=parse_fingerprints(fingerprint))) == DOCUMENT
    assert not (tmp_path / "keys.log").exists()


@WAYS
@pytest.mark.parametrize("policy", [TlsPolicy(verify=False, fingerprints=(PIN,)), TlsPolicy(fingerprints=(PIN, PIN))])
def test_a_certificate_that_is_not_pinned_is_refused_before_anything_is_sent(
    way: Callable[[str, TlsPolicy], bytes], policy: TlsPolicy, node: tuple[Path, Path]
) -> None:
    asked: list[object] = []
    with (
        serving(asked.append, node[0]) as address,
        pytest.raises((ApidocSourceError, TlsError), match="pinned"),
    ):
        way(address, policy)
    assert asked == []


def test_every_context_is_made_by_the_policy() -> None:
    makers = {
        f"{module.relative_to(PACKAGE)}: {ast.unparse(node.func)}"
        for module, tree in modules("ssl.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "context" in ast.unparse(node.func).rpartition("ssl.")[2].lower()
        if "ssl." in ast.unparse(node.func)
    }
    assert makers == {"net/tls.py: ssl.SSLContext"}
    assert essence(unverified_context()) == essence(TlsPolicy(verify=False).context())


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(SettingsError, match=r"ca\.pem \(PROXMOX_CA_FILE\) can't be used"):
        TlsPolicy(ca_file=tmp_path / "ca.pem").context()


def test_fingerprints_are_read_in_every_form_they_are_written_in() -> None:
    upper = ":".join(["AB"] * 32)
    for text in (PIN, upper, f"sha256:{PIN}", f" {upper} "):
        assert parse_fingerprints(text) == (PIN,)
    assert parse_fingerprints(f"{PIN},{'cd' * 32}\n{PIN}") == (PIN, "cd" * 32, PIN)
    assert parse_fingerprints("") == ()
    with pytest.raises(ValueError, match="'AB:CD' is not a SHA-256 fingerprint"):
        parse_fingerprints(f"{PIN}, AB:CD")
