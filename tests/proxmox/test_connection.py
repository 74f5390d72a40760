from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.connection import Connection, parse_hosts, parse_identity

if TYPE_CHECKING:
    from pathlib import Path

UUID = "ef30d6e0-7527-40d1-89c3-fdf493a53834"


def parse(**given: Any) -> Connection:
    return Connection.parse(**{"host": "pve1", "user": "mcp@pve", "secret": UUID} | given)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("pve1", [("pve1", 8006)]),
        ("pve1:443", [("pve1", 443)]),
        ("10.0.0.1, 10.0.0.2:8007 pve3.lan.", [("10.0.0.1", 8006), ("10.0.0.2", 8007), ("pve3.lan.", 8006)]),
        ("pve1,pve1", [("pve1", 8006)]),
        ("fd00::1", [("fd00::1", 8006)]),
        ("[fd00::1]", [("fd00::1", 8006)]),
        ("[fd00::1]:9", [("fd00::1", 9)]),
        ("https://pve1:8006/", [("pve1", 8006)]),
        ("node_a", [("node_a", 8006)]),
    ],
)
def test_hosts_are_read_in_every_usual_form(text: str, hosts: list[tuple[str, int]]) -> None:
    assert parse_hosts(text) == tuple(HostPort(*host) for host in hosts)


@pytest.mark.parametrize(
    "text",
    ["", " , ", "http://pve1", "pve1:port", "pve1:0", "pve1:70000", "pve1/api2", "root@pve1", "pve 1:x", "-pve", "::g"],
)
def test_what_is_no_host_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="PROXMOX_HOST"):
        parse_hosts(text)


def test_an_ipv6_address_is_written_with_brackets() -> None:
    assert str(HostPort("fd00::1", 8006)) == "[fd00::1]:8006"


@pytest.mark.parametrize(("user", "token_id"), [("mcp@pve", "t1"), ("mcp@pve", "mcp@pve!t1"), ("", "mcp@pve!t1")])
def test_a_token_id_may_be_a_name_or_whole(user: str, token_id: str) -> None:
    assert parse_identity(user, token_id) == ("mcp@pve", "t1")
    assert parse(user=user, token_id=token_id).identity == "mcp@pve!t1"


@pytest.mark.parametrize(
    ("user", "token_id", "advice"),
    [
        ("mcp@pve!t1", "", "PROXMOX_USER=mcp@pve and PROXMOX_TOKEN_ID=t1"),
        ("mcp@pve!t1", "t2", "PROXMOX_TOKEN_ID=t2"),
        ("mcp@pve", "root@pam!t1", "PROXMOX_USER=root@pam"),
        ("mcp@pve", "mcp@pve", "a user, not a token"),
        ("mcp@pve", UUID, "PROXMOX_PASSWORD"),
        ("mcp@pve", f"mcp@pve!t1={UUID}", "PROXMOX_PASSWORD"),
        ("mcp@pve", "1t", "starts with a letter"),
        ("mcp", "t1", "mcp@pam"),
        ("", "t1", "user@realm"),
        ("a b@pve", "", "user@realm"),
    ],
)
def test_a_mix_up_of_user_and_token_is_explained(user: str, token_id: str, advice: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_identity(user, token_id)
    assert advice in str(caught.value)
    assert UUID not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "token_id"),
    [
        ("", ""),
        ("", "t1"),
        (f"mcp@pve!t1={UUID}", "t1"),
        (f"PVEAPIToken=mcp@pve!t1={UUID}", "t1"),
        (f"{UUID}\r\nX-Evil: 1", "t1"),
        (f'"{UUID} "', "t1"),
    ],
)
def test_a_secret_that_can_not_be_one_is_refused_without_showing_it(secret: str, token_id: str) -> None:
    with pytest.raises(SettingsError, match="PROXMOX_PASSWORD") as caught:
        parse(secret=secret, token_id=token_id)
    assert UUID not in str(caught.value)


def test_a_password_may_hold_any_character() -> None:
    assert parse(secret="pa ss=wörd!").secret == "pa ss=wörd!"


def test_the_secret_is_not_in_the_repr() -> None:
    assert UUID not in repr(parse(token_id="t1"))


@pytest.mark.parametrize("text", ["AA" * 32, ":".join(["ab"] * 32), "sha256:" + "0f" * 32])
def test_fingerprints_are_taken_with_and_without_colons(text: str) -> None:
    (digest,) = parse(fingerprint=text).fingerprints
    assert len(digest) == 64
    assert digest == digest.lower()


def test_each_node_may_have_its_fingerprint() -> None:
    assert parse(fingerprint=f"{'aa' * 32},{'bb' * 32}").fingerprints == ("aa" * 32, "bb" * 32)


@pytest.mark.parametrize("text", ["abcd", "zz" * 32, "ab" * 20])
def test_what_is_no_sha256_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="PROXMOX_FINGERPRINT"):
        parse(fingerprint=text)


def test_a_ca_file_that_is_not_there_and_a_timeout_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PROXMOX_CA_FILE"):
        parse(ca_file=tmp_path / "none.pem")
    with pytest.raises(SettingsError, match="PROXMOX_TIMEOUT"):
        parse(timeout=0)
