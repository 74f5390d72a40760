"""Copies of audit lines, to a syslog server on loopback."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE, Watch, until
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.record import syslog
from proxmox_mcp.record.audit import AuditLog, Outcome
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.syslog import Syslog, SyslogAddress
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = re.compile(rb"<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ proxmox-mcp \d+ audit - ")


def body(message: bytes) -> bytes:
    """What a message of RFC 5424 carries."""
    head = HEAD.match(message)
    assert head, message
    return message[head.end() :]


class TcpServer:
    """Takes messages with counted octets (RFC 6587)."""

    def __init__(self, port: int) -> None:
        self.got: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            with connection.makefile("rb") as file:
                try:
                    while count := b"".join(iter(lambda: file.read(1).strip(), b"")):
                        self.got.append(body(file.read(int(count))))
                except OSError:
                    continue

    def close(self) -> None:
        for each in (self._listener, *self._connections):
            with_shutdown(each)
        self._thread.join(PATIENCE)


def with_shutdown(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@pytest.fixture
def sending() -> Iterator[Callable[[str], Syslog]]:
    made: list[Syslog] = []

    def make(url: str) -> Syslog:
        made.append(Syslog(SyslogAddress.parse(url)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_each_line_is_sent_as_it_is_in_the_file(tmp_path: Path, sending: Callable[[str], Syslog]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        copies = sending(f"udp://127.0.0.1:{server.getsockname()[1]}")
        log = AuditLog(tmp_path / "audit.jsonl", Redactor(), copies=copies)
        call = Call(method="GET", path=ApiPath.parse("/nodes"), client="a\nb\u2028é")
        for _ in range(3):
            log.outcome(call, Outcome(result="ok", seconds=0.1))
        got = [body(server.recv(65536)) for _ in range(3)]
        log.close()
    assert got == (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert json.loads(got[2])["seq"] == 3


def test_without_a_file_they_are_sent_too(sending: Callable[[str], Syslog], tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(PATIENCE)
        log = AuditLog(None, Redactor(), copies=sending(f"unix://{path}"))
        log.act("freeze", "anna", {})
        assert json.loads(body(server.recv(65536)))["event"] == "freeze"


def test_lines_wait_for_a_server_that_is_away_and_come_in_their_order(
    sending: Callable[[str], Syslog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(syslog, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(syslog, "LONGEST_PAUSE", 0.02)
    caplog.set_level("INFO", "proxmox_mcp.audit.syslog")
    port = free_port()
    copies = sending(f"tcp://127.0.0.1:{port}")
    watch = Watch()
    for number in range(50):
        copies.send(b"%d\n" % number)
    assert watch.soon
    until(lambda: "can't be sent" in caplog.text)
    server = TcpServer(port)
    until(lambda: len(server.got) == 50, lambda: f"{len(server.got)} of 50 lines")
    assert server.got == [b"%d" % number for number in range(50)]
    until(lambda: "are sent to tcp://127.0.0.1" in caplog.text)
    assert caplog.text.count("can't be sent") == 1
    server.close()


def test_of_too_many_the_oldest_are_dropped_and_that_is_told(
    sending: Callable[[str], Syslog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(syslog, "MOST_WAITING", 5)
    monkeypatch.setattr(syslog, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(syslog, "LONGEST_PAUSE", 0.02)
    caplog.set_level("INFO", "proxmox_mcp.audit.syslog")
    port = free_port()
    copies = sending(f"tcp://127.0.0.1:{port}")
    copies.send(b"first\n")
    until(lambda: "can't be sent" in caplog.text)
    for number in range(20):
        copies.send(b"%d\n" % number)
    server = TcpServer(port)
    until(lambda: server.got[-1:] == [b"19"])
    until(lambda: "audit lines were not sent" in caplog.text)
    assert server.got[-5:] == [b"%d" % number for number in range(15, 20)]
    assert len(server.got) <= 6, "the line that was being sent may come too"
    server.close()


def test_what_waits_is_sent_at_the_end(sending: Callable[[str], Syslog]) -> None:
    server = TcpServer(free_port())
    copies = sending(f"tcp://127.0.0.1:{server.port}")
    for number in range(200):
        copies.send(b"%d\n" % number)
    copies.close()
    until(lambda: len(server.got) == 200)
    server.close()


def test_a_line_after_the_end_begins_again(sending: Callable[[str], Syslog]) -> None:
    server = TcpServer(free_port())
    copies = sending(f"tcp://127.0.0.1:{server.port}")
    for number in range(3):
        copies.send(b"%d\n" % number)
        copies.close()
        assert not [each for each in threading.enumerate() if each.name == "audit-syslog"]
        until(lambda: len(server.got) == number + 1)  # noqa: B023
    copies.close()
    server.close()


def test_the_end_does_not_wait_for_a_server_that_is_away(sending: Callable[[str], Syslog]) -> None:
    copies = sending(f"tcp://127.0.0.1:{free_port()}")
    copies.send(b"x\n")
    watch = Watch()
    copies.close()
    assert watch.soon


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("udp://log.example.org", SyslogAddress("udp", "log.example.org", 514)),
        ("tcp://log.example.org", SyslogAddress("tcp", "log.example.org", 601)),
        ("tcp://[::1]:6514/", SyslogAddress("tcp", "::1", 6514)),
        ("unix:///dev/log", SyslogAddress("unix", path="/dev/log")),
    ],
)
def test_addresses(url: str, address: SyslogAddress) -> None:
    assert SyslogAddress.parse(url) == address


@pytest.mark.parametrize(
    "url", ["log.example.org", "http://x", "udp://", "unix://x/dev/log", "tcp://x:99999", "tcp://x/y"]
)
def test_another_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="MCP_AUDIT_SYSLOG") as refused:
        SyslogAddress.parse(url)
    assert "udp://host:514" in refused.value.advice
