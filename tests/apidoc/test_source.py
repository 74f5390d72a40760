"""Fetching the document, from real servers on loopback."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import source
from proxmox_mcp.apidoc.source import fetch, node_url
from proxmox_mcp.errors import ApidocSourceError
from proxmox_mcp.net.tls import TlsPolicy, parse_fingerprints
from web_servers import answering, self_signed, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCUMENT = document(*(node(f"/a{number}", GET=method()) for number in range(500)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return self_signed(tmp_path_factory.mktemp("tls") / "pve.pem")


def test_a_document_is_fetched_whole_and_its_progress_told() -> None:
    told: list[tuple[int, int | None]] = []

    with serving(answering(DOCUMENT)) as address:
        fetched = fetch(f"{address}/apidoc.js", progress=lambda done, total: told.append((done, total)))

    assert fetched == DOCUMENT
    assert told[-1] == (len(DOCUMENT), len(DOCUMENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_document_sent_in_chunks_has_no_known_length() -> None:
    told: list[int | None] = []
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(DOCUMENT), DOCUMENT)

    with serving(answering(body, "Transfer-Encoding: chunked")) as address:
        assert fetch(address, progress=lambda _, total: told.append(total)) == DOCUMENT
    assert set(told) == {None}


def test_the_request_asks_for_the_path_and_carries_no_credentials() -> None:
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read_and_close() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.extend(connection.recv(65536).decode().split("\r\n"))

        thread = threading.Thread(target=read_and_close)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ApidocSourceError):
            fetch(f"http://{host}/x/apidoc.js?v=1")
        thread.join()

    assert asked[0] == "GET /x/apidoc.js?v=1 HTTP/1.1"
    assert f"Host: {host}" in asked
    assert not any(line.lower().startswith(("authorization", "cookie")) for line in asked)


def test_the_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with serving(answering(DOCUMENT)) as address:
        assert fetch(address) == DOCUMENT


@pytest.mark.parametrize(
    ("body", "headers", "status", "fault"),
    [
        (b"gone", [], "404 Not Found", "answers 404 Not Found"),
        (b"", [], "500 Oops", "answers 500 Oops"),
        (b"", [], "302 Found", "answers 302"),
        (b"", [], "200 OK", "is empty"),
        (DOCUMENT[:-9], [f"Content-Length: {len(DOCUMENT)}"], "200 OK", "download was interrupted"),
        (b"ffff\r\nconst", ["Transfer-Encoding: chunked"], "200 OK", "download was interrupted"),
        (b"", [f"Content-Length: {source.MAX_BYTES + 1}"], "200 OK", "larger than 64 MiB"),
        (b"", ["Content-Encoding: gzip"], "200 OK", "compressed"),
        (b"", ["X: " + "x" * 70000], "200 OK", "does not speak HTTP"),
    ],
)
def test_an_answer_that_is_no_document_is_a_clear_error(
    body: bytes, headers: list[str], status: str, fault: str
) -> None:
    with serving(answering(body, *headers, status=status)) as address, pytest.raises(ApidocSourceError, match=fault):
        fetch(address)


def test_a_document_without_end_is_left_when_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 1024 * 1024)

    def endless(channel: socket.socket) -> None:
        channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            channel.sendall(b"[" * 65536)

    with serving(endless) as address, pytest.raises(ApidocSourceError, match="larger than 1 MiB"):
        fetch(address)


def drip_the_body(channel: socket.socket) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    _drip(channel)


def drip_the_body_without_length(channel: socket.socket) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _drip(channel)


def drip_the_head(channel: socket.socket) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(channel)


def _drip(channel: socket.socket) -> None:
    while True:
        channel.sendall(b"x")
        time.sleep(0.02)


def say_nothing(channel: socket.socket) -> None:
    channel.recv(1)


@pytest.mark.parametrize("slow", [drip_the_body, drip_the_body_without_length, drip_the_head, say_nothing])
def test_no_server_holds_us_beyond_the_deadline(slow: Callable[[socket.socket], None]) -> None:
    with serving(slow) as address, pytest.raises(ApidocSourceError, match=r"not complete after 0\.3 seconds"):
        fetch(address, deadline=0.3)


def test_a_server_that_never_finishes_the_handshake_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ApidocSourceError, match="not complete after"):
            fetch(f"https://127.0.0.1:{port}/", deadline=0.3)


def test_a_refused_connection_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ApidocSourceError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/")


def test_an_unknown_host_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> socket.socket:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(ApidocSourceError, match=r"host of http://nosuch\.invalid/ can't be resolved: Name or service"):
        fetch("http://nosuch.invalid/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://h/x",
        "https://",
        "http://h:0/",
        "http://h:99999/",
        "http://h/a b",
        "http://[",
        "http://a..b/",
        f"http://{'a' * 64}/",
        "http://ü/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ApidocSourceError, match="not a web address"):
        fetch(url)


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ApidocSourceError) as refused:
        fetch("https://root:hush@127.0.0.1/apidoc.js")

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 T", "308 P", "300 C"])
@pytest.mark.parametrize("where", ["{}/there", "/again", "file:///etc/passwd", "http://127.0.0.1:9/", "//evil.example"])
def test_no_redirect_is_followed_and_where_it_leads_is_said(status: str, where: str) -> None:
    asked: list[bytes] = []

    def answer(channel: socket.socket) -> None:
        asked.append(b"")
        answering(DOCUMENT)(channel)

    with serving(answer) as other:
        target = where.format(other)
        with (
            serving(answering(b"", f"Location: {target}", status=status)) as address,
            pytest.raises(ApidocSourceError, match=r"redirect to .*, which is not followed") as refused,
        ):
            fetch(address)
    assert target in refused.value.message
    assert asked == []


def test_a_self_signed_certificate_is_refused_unless_told_otherwise(certificate: tuple[Path, str]) -> None:
    path, fingerprint = certificate
    with serving(answering(DOCUMENT), path) as address:
        with pytest.raises(ApidocSourceError, match="not trusted") as refused:
            fetch(address)
        assert fetch(address, tls=TlsPolicy(verify=False)) == DOCUMENT
        assert fetch(address, tls=TlsPolicy(ca_file=path)) == DOCUMENT
        assert fetch(address, tls=TlsPolicy(verify=False, ca_file=path)) == DOCUMENT
        assert fetch(address, tls=TlsPolicy(fingerprints=parse_fingerprints(fingerprint))) == DOCUMENT
        both = parse_fingerprints(f"{'ab' * 32}, {fingerprint}")
        assert fetch(address, tls=TlsPolicy(ca_file=path, fingerprints=both)) == DOCUMENT
    assert "fingerprint" in refused.value.advice


def test_another_certificate_than_the_pinned_one_is_refused_and_its_fingerprint_shown(
    certificate: tuple[Path, str],
) -> None:
    path, fingerprint = certificate
    with serving(answering(DOCUMENT), path) as address:
        for tls in (
            TlsPolicy(verify=False, fingerprints=("ab" * 32,)),
            TlsPolicy(ca_file=path, fingerprints=("ab" * 32,)),
        ):
            with pytest.raises(ApidocSourceError, match="pinned") as refused:
                fetch(address, tls=tls)
            assert fingerprint in refused.value.advice


def test_a_ca_file_that_did_not_sign_it_is_refused_although_verification_is_off(
    certificate: tuple[Path, str], tmp_path: Path
) -> None:
    other, _ = self_signed(tmp_path / "other.pem")
    with serving(answering(DOCUMENT), certificate[0]) as address, pytest.raises(ApidocSourceError, match="not trusted"):
        fetch(address, tls=TlsPolicy(verify=False, ca_file=other))


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_is_none_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)

    with pytest.raises(ApidocSourceError, match=r"CA file .*ca\.pem \(PROXMOX_CA_FILE\) can't be used"):
        fetch("https://127.0.0.1:9/", tls=TlsPolicy(ca_file=tmp_path / "ca.pem"))


def test_a_port_without_tls_is_a_clear_error() -> None:
    with (
        serving_at_once(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port,
        pytest.raises(ApidocSourceError, match="TLS with"),
    ):
        fetch(f"https://127.0.0.1:{port}/")


@contextmanager
def serving_at_once(content: bytes) -> Iterator[int]:
    """A server that speaks before it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(content)
                connection.recv(65536)

        thread = threading.Thread(target=speak)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("pve1", "https://pve1:8006/pve-docs/api-viewer/apidoc.js"),
        ("pve1.lan:443", "https://pve1.lan:443/pve-docs/api-viewer/apidoc.js"),
        ("10.0.0.1", "https://10.0.0.1:8006/pve-docs/api-viewer/apidoc.js"),
        ("fd00::1", "https://[fd00::1]:8006/pve-docs/api-viewer/apidoc.js"),
        ("[fd00::1]:443", "https://[fd00::1]:443/pve-docs/api-viewer/apidoc.js"),
        ("[fd00::1]", "https://[fd00::1]:8006/pve-docs/api-viewer/apidoc.js"),
    ],
)
def test_a_node_serves_its_own_document(host: str, url: str) -> None:
    assert node_url(host) == url
