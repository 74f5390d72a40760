"""However a call is spelt: what is decided and what is sent are those of the plain spelling, or it is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from example_counts import share_of
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.errors import CallError, GuardError, ProxmoxMcpError
from proxmox_mcp.gateway import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.from_thread import BlockingPortal

    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

RULES = """
[[rule]]
verdict = "deny"
guest = 100
method = ["POST", "PUT", "DELETE"]

[[rule]]
verdict = "deny"
path = ["/access/**", "/nodes/{node}/qemu/{vmid}/agent/file-read"]

[[rule]]
verdict = "deny"
node = "pve2"
risk = "destroy"
"""

PLAIN = [
    Request(method="DELETE", path="/nodes/pve1/qemu/100"),
    Request(method="POST", path="/nodes/pve1/qemu/100/status/stop"),
    Request(method="PUT", path="/nodes/pve1/qemu/100/config", data={"cores": 4}),
    Request(method="GET", path="/nodes/pve1/qemu/101/agent/file-read", data={"file": "/etc/shadow"}),
    Request(method="POST", path="/access/users", data={"userid": "eve@pve"}),
    Request(method="PUT", path="/access/acl", data={"path": "/", "roles": "Administrator", "users": "eve@pve"}),
    Request(method="DELETE", path="/nodes/pve2/storage/nas/content/backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst"),
    Request(method="DELETE", path="/nodes/pve2/qemu/102"),
    Request(method="DELETE", path="/nodes/pve1/qemu/101", data={"purge": True}),
    Request(method="POST", path="/nodes/pve1/qemu/101/status/stop"),
    Request(method="PUT", path="/nodes/pve1/qemu/101/config", data={"cores": 4, "delete": ["net1", "net2"]}),
    Request(method="POST", path="/nodes/pve1/qemu/101/snapshot", data={"snapname": "before"}),
]
"""Under the rules above in ``full`` mode: the first eight are denied, the others sent."""


@dataclass(frozen=True)
class Seen:
    """What became of a call: what was written upstream, how it was decided, and the error."""

    sent: tuple[tuple[str, str, bytes], ...]
    decided: tuple[tuple[str, str, str], ...]
    error: ProxmoxMcpError | None


class Watched:
    """A gateway, with all that it sends and records."""

    def __init__(self, gateway: Gateway, upstream: RawServer, portal: BlockingPortal) -> None:
        self._gateway, self._upstream, self._portal = gateway, upstream, portal
        self._audit = Path(str(gateway.guard.audit.path))
        self._plain: dict[int, Seen] = {}

    def make(self, call: Request) -> Seen:
        before, read = len(self._upstream.requests), self._audit.stat().st_size if self._audit.exists() else 0
        error: ProxmoxMcpError | None = None
        try:
            self._portal.call(self._gateway.call, call)
        except ProxmoxMcpError as raised:
            error = raised
        requests = self._upstream.requests[before:]
        sent = tuple((r.method, r.target, r.body) for r in requests if r.method != "GET" or "file-read" in r.target)
        lines = self._audit.read_bytes()[read:].splitlines() if self._audit.exists() else []
        records = [json.loads(line) for line in lines]
        decided = tuple(
            (each.get("template", ""), each["path"], each["decision"]) for each in records if "decision" in each
        )
        return Seen(sent, tuple(dict.fromkeys(decided)), error)

    def plain(self, number: int) -> Seen:
        """What became of one of the plain calls; made once."""
        if number not in self._plain:
            self._plain[number] = self.make(PLAIN[number])
        return self._plain[number]


@pytest.fixture(scope="module")
def watch(recorder: RawServer, gateway_to: Callable[..., Gateway]) -> Iterator[Callable[..., Watched]]:
    """Makes watched gateways, all in one event loop."""
    with start_blocking_portal() as portal:
        gateways: list[Gateway] = []

        def make(policy: str = RULES, upstream: RawServer = recorder, **settings: str) -> Watched:
            gateways.append(gateway_to(upstream.port, policy, **settings))
            return Watched(gateways[-1], upstream, portal)

        yield make
        for gateway in gateways:
            portal.call(gateway.aclose)


@pytest.fixture(scope="module")
def watched(watch: Callable[..., Watched]) -> Watched:
    return watch(MCP_MODE="full", MCP_VALIDATION="enforce")


@pytest.fixture(scope="module")
def lenient(watch: Callable[..., Watched]) -> Watched:
    """As ``watched``, but what the schema doesn't know is sent: what a server does before a node newer than it."""
    return watch(MCP_MODE="full", MCP_VALIDATION="warn")


@pytest.fixture(scope="module")
def reading(watch: Callable[..., Watched]) -> Watched:
    return watch("", MCP_MODE="read-only", MCP_VALIDATION="warn")


# Spellings.

_DIGITS = {ord("0") + n: st.sampled_from([chr(0x0660 + n), chr(0xFF10 + n), chr(0x0966 + n)]) for n in range(10)}
_HARMLESS: list[Callable[[str], str]] = [
    lambda path: path,
    lambda path: path + "/",
    lambda path: path + "//",
    lambda path: path.lstrip("/"),
    lambda path: "/" + path,
    lambda path: "api2/json" + path,
    lambda path: "/api2/json" + path,
    lambda path: f" {path} ",
    lambda path: path.replace("/", "//"),
    lambda path: path.replace("/", "%2F"),
    lambda path: path.replace("e", "%65"),
    lambda path: path.replace("1", "%31"),
    lambda path: path.replace("pve1", "*").replace("pve2/qemu", "*/qemu"),
    lambda path: path.replace("/100", "/web-01").replace("/101", "/web-02"),
]
"""Ways to write a path that mean the plain one."""

_HOSTILE: list[Callable[[str], str]] = [
    lambda path: "/api2/json/api2/json" + path,
    lambda path: "/api2/extjs" + path,
    lambda path: path + "\n",
    lambda path: path + "\r\nX-Evil: 1",
    lambda path: path + "%0A",
    lambda path: path + "\0",
    lambda path: path + "?",
    lambda path: path + "?purge=1",
    lambda path: path + "#",
    lambda path: path + "#/version",
    lambda path: path + "/..",
    lambda path: path + "/%2e%2e/",
    lambda path: path + "/.",
    lambda path: "/nodes/../" + path.lstrip("/"),
    lambda path: "/version/.." + path,
    lambda path: "/." + path,
    lambda path: "//127.0.0.1:1" + path,
    lambda path: "https://127.0.0.1:1/api2/json" + path,
    lambda path: "@127.0.0.1:1" + path,
    lambda path: path.replace("/", "\\"),
    lambda path: path.replace("/", "%252F"),
    lambda path: path.replace("/", ";/"),
    lambda path: path.replace("/", "/;a=b/"),
    lambda path: path.upper(),
    lambda path: path.title(),
    lambda path: path.replace("pve1", "pve1."),
    lambda path: path.replace("100", "WEB-01"),
    lambda path: path.replace("/100", "/0100").replace("/101", "/+101"),
    lambda path: path.replace("/100", "/1e2").replace("/101", "/101.0"),
    lambda path: path.replace("/100", "/100,101"),
]
"""Ways to write one that look as if they meant it."""


@st.composite
def spellings(draw: st.DrawFn, plain: str) -> str:
    """Another way to write a path; whether it means the same is for Proxmox to say."""
    path = draw(st.sampled_from(_HARMLESS))(plain)
    if draw(st.booleans()):
        return path
    for character in draw(st.lists(st.sampled_from(sorted(set(plain))), max_size=3, unique=True)):
        how = draw(st.sampled_from(["%02X", "%02x", "other"]))
        if how != "other":
            path = path.replace(character, f"%{how % ord(character)}")
        elif ord(character) in _DIGITS:
            path = path.replace(character, draw(_DIGITS[ord(character)]))
    return draw(st.sampled_from([*_HARMLESS, *_HOSTILE]))(path)


def methods(plain: str) -> st.SearchStrategy[str]:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in plain)
    odd = [f" {plain}", f"{plain}\n", f"{plain}\0", f"{plain} /x", plain[:-1], wide, "PATCH", "HEAD", "OPTIONS", ""]
    return st.sampled_from([plain, plain.lower(), plain.title(), *odd])


@st.composite
def respelt(draw: st.DrawFn) -> tuple[int, Request]:
    """The number of a plain call, and another spelling of it."""
    number = draw(st.integers(0, len(PLAIN) - 1))
    plain = PLAIN[number]
    path, method = draw(spellings(plain.path)), plain.method
    if draw(st.integers(0, 3)) == 0:
        method = draw(methods(plain.method))
    return number, replace(plain, path=path, method=method)


def test_the_plain_spellings_are_decided_as_the_rules_say(watched: Watched) -> None:
    seen = [watched.make(call) for call in PLAIN]
    assert [len(each.sent) for each in seen] == [0] * 8 + [1] * 4
    assert all(isinstance(each.error, GuardError) for each in seen[:8])
    assert [each.error for each in seen[8:]] == [None] * 4
    assert [each.sent[0] for each in seen[8:]] == [
        ("DELETE", "/api2/json/nodes/pve1/qemu/101?purge=1", b""),
        ("POST", "/api2/json/nodes/pve1/qemu/101/status/stop", b""),
        ("PUT", "/api2/json/nodes/pve1/qemu/101/config", b"cores=4&delete=net1%2Cnet2"),
        ("POST", "/api2/json/nodes/pve1/qemu/101/snapshot", b"snapname=before"),
    ]


@settings(max_examples=share_of(400))
@given(call=respelt())
def test_another_spelling_is_the_plain_one_or_is_refused(watched: Watched, call: tuple[int, Request]) -> None:
    number, spelt = call
    as_plain, seen = watched.plain(number), watched.make(spelt)
    if not seen.sent:
        assert isinstance(seen.error, CallError | GuardError)
        return
    if "?purge=1" in spelt.path:
        as_plain = watched.make(replace(PLAIN[number], data={**PLAIN[number].data, "purge": 1}))
    assert seen.sent == as_plain.sent
    assert seen.decided == as_plain.decided
    assert seen.error is None


@settings(max_examples=share_of(400))
@given(call=respelt())
def test_what_is_denied_is_not_sent_in_any_spelling_even_where_the_schema_is_not_trusted(
    lenient: Watched, call: tuple[int, Request]
) -> None:
    number, spelt = call
    plain = PLAIN[number]
    if lenient.plain(number).sent:
        return
    for method, target, _ in lenient.make(spelt).sent:
        assert (method, _as_proxmox_reads(target)) != (plain.method, _as_proxmox_reads(plain.path))


def _as_proxmox_reads(path: str) -> list[str]:
    """The segments of a path: decoded once, then split, empty ones dropped."""
    return [part for part in unquote(path.partition("?")[0]).removeprefix("/api2/json").split("/") if part]


def test_a_node_that_may_be_any_is_denied_what_any_node_is(watched: Watched) -> None:
    assert watched.make(Request(method="DELETE", path="/nodes/localhost/qemu/100")).sent == ()
    assert watched.make(Request(method="DELETE", path="/nodes/localhost/qemu/102")).sent == ()


@settings(max_examples=share_of(150))
@given(call=respelt(), reads=st.booleans())
def test_in_read_only_mode_nothing_is_written_in_any_spelling(
    reading: Watched, call: tuple[int, Request], reads: bool
) -> None:
    assert reading.make(replace(call[1], reads_only=reads)).sent == ()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int, watch: Callable[..., Watched], recorder: RawServer) -> None:
    before = len(recorder.requests)
    away = reply(status=status, reason="Moved", Location=f"https://127.0.0.1:{recorder.port}/api2/json/version")
    with raw_serving(away, _certificate(recorder)) as server:
        seen = watch("", server, MCP_MODE="full").make(PLAIN[-1])
    assert "a redirect, which is not followed" in str(seen.error)
    assert len(seen.sent) == 1
    assert len(recorder.requests) == before


def _certificate(server: RawServer) -> tuple[Path, Path]:
    assert server.certificate is not None
    return server.certificate


def test_no_argument_of_a_caller_names_the_host_or_the_credentials() -> None:
    from proxmox_mcp.server.tools import select_tools

    names = {name for tool in select_tools(writes=True, clusters=("a", "b")).values() for name in tool.parameters}
    assert not names & {"host", "port", "url", "node", "user", "token", "password", "secret", "verify_ssl", "headers"}
