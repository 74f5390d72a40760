"""What stands before the tools over HTTP: names, origins, tokens, sizes, sessions, signals."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from clients import ERAS, connect
from patience import PATIENCE
from serving import TOKEN, Served, callers_file, serving

if TYPE_CHECKING:
    from pathlib import Path

GUARDED = ["/sse", "/mcp", "/messages/", "/metrics", "/readyz/", "/.well-known/oauth-protected-resource", "/", "/x"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", GUARDED)
def test_a_host_that_is_not_allowed_is_turned_away_everywhere_with_the_variable_to_set(
    path: str, several: Served, tokens: dict[str, str]
) -> None:
    for method in ("GET", "POST"):
        answer = several.ask(method, path, {"Host": "evil.example.com:8000", **bearer(tokens["ops"])})
        assert answer.status == 421
        assert answer.text == (
            "Invalid Host header: evil.example.com:8000. Allowed: pve.example.org, [::1], 127.0.0.1, "
            "exact.example.org:8443. To allow it too, set MCP_ALLOWED_HOSTS="
            "pve.example.org,[::1],127.0.0.1,exact.example.org:8443,evil.example.com"
        )


@pytest.mark.parametrize("path", GUARDED)
def test_an_origin_that_is_not_allowed_is_turned_away_everywhere_with_the_variable_to_set(
    path: str, several: Served, tokens: dict[str, str]
) -> None:
    answer = several.ask("GET", path, {"Origin": "https://evil.example.com", **bearer(tokens["ops"])})
    assert answer.status == 403
    assert answer.text == (
        "Invalid Origin header: https://evil.example.com. Allowed: https://chat.example.org. To allow it too, set "
        "MCP_ALLOWED_ORIGINS=https://chat.example.org,https://evil.example.com"
    )


def test_what_says_whether_the_server_lives_answers_any_host_and_tells_nothing(several: Served) -> None:
    for path, text in (("/livez", "ok"), ("/readyz", "ready")):
        answer = several.ask("GET", path, {"Host": "10.0.0.7:8000", "Origin": "https://evil.example.com"})
        assert (answer.status, answer.text) == (200, text)
    assert several.ask("GET", "/readyz?verbose").status == 401


def test_the_reasons_behind_readiness_need_a_token(several: Served, tokens: dict[str, str]) -> None:
    answer = several.ask("GET", "/readyz?verbose", bearer(tokens["viewer"]))
    told = json.loads(answer.text)
    assert told["ready"] is True
    assert "the node runs 9.1.9" in told["clusters"]["default"]["schema"]


@pytest.mark.parametrize(
    "host",
    [
        "pve.example.org",
        "pve.example.org:8000",
        "PVE.Example.ORG:443",
        "pve.example.org.",
        "[::1]:8000",
        "[::1]",
        "127.0.0.1:1",
        "exact.example.org:8443",
    ],
)
def test_an_allowed_name_passes_in_any_case_and_with_any_port(
    host: str, several: Served, tokens: dict[str, str]
) -> None:
    assert several.ask("GET", "/metrics", {"Host": host, **bearer(tokens["ops"])}).status == 200


@pytest.mark.parametrize(
    "host",
    ["", "exact.example.org", "exact.example.org:8444", "pve.example.org.evil.com", "xpve.example.org", "localhost",
     "pve.example.org@evil.com", "pve.example.org:80:80", "[::2]", "127.0.0.1.evil.com"],
)  # fmt: skip
def test_a_name_that_only_looks_allowed_does_not_pass(host: str, several: Served, tokens: dict[str, str]) -> None:
    assert several.ask("GET", "/metrics", {"Host": host, **bearer(tokens["ops"])}).status in (400, 421)


@pytest.mark.parametrize("origin", ["https://chat.example.org", "HTTPS://CHAT.example.org", "http://pve.example.org:1"])
def test_allowed_origins_and_pages_of_our_own_pass(origin: str, several: Served, tokens: dict[str, str]) -> None:
    assert several.ask("GET", "/metrics", {"Origin": origin, **bearer(tokens["ops"])}).status == 200


@pytest.mark.parametrize("origin", ["null", "http://chat.example.org", "https://chat.example.org.evil.com", "file://"])
def test_other_origins_do_not(origin: str, several: Served, tokens: dict[str, str]) -> None:
    assert several.ask("GET", "/metrics", {"Origin": origin, **bearer(tokens["ops"])}).status == 403


@pytest.mark.parametrize("path", ["/sse", "/mcp", "/messages/?session_id=0", "/metrics", "/nothing"])
@pytest.mark.parametrize(
    "given",
    [{}, bearer("wrong"), {"Authorization": "Basic b3BzOm9wcw=="}, {"Authorization": "Bearer"}, bearer("gone")],
)
def test_without_a_valid_token_there_is_a_plain_401(
    path: str, given: dict[str, str], several: Served, tokens: dict[str, str]
) -> None:
    headers = bearer(tokens["gone"]) if given == bearer("gone") else given
    answer = several.ask("GET", path, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.text.startswith("Unauthorized: send the header `Authorization: Bearer <token>`")


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/mcp"]
)
def test_clients_that_look_for_oauth_learn_that_there_is_none(
    path: str, several: Served, tokens: dict[str, str]
) -> None:
    assert several.ask("GET", path).status == 404
    assert several.ask("GET", path, bearer(tokens["ops"])).status == 404


def test_a_program_that_asks_for_an_unknown_path_gets_json(several: Served, tokens: dict[str, str]) -> None:
    for path in ("/nothing", "/mcp/nothing", "/console/nothing"):
        answer = several.ask("GET", path, bearer(tokens["ops"]))
        assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
        assert "/mcp" in json.loads(answer.text)["paths"]


def test_posting_to_sse_is_405_so_that_clients_fall_back_to_get(several: Served, tokens: dict[str, str]) -> None:
    answer = several.ask("POST", "/sse", {**bearer(tokens["ops"]), **JSON}, json.dumps(INITIALIZE).encode())
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"
    assert "For streamable HTTP use the same URL with /mcp" in answer.text


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("PUT", 405), ("DELETE", 405), ("HEAD", 405)])
@pytest.mark.parametrize("path", ["/sse", "/sse/"])
def test_nothing_but_get_opens_a_stream(
    method: str, status: int, path: str, several: Served, tokens: dict[str, str]
) -> None:
    assert several.ask(method, path, bearer(tokens["ops"])).status == status


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages", "/livez", "/readyz", "/metrics", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_path_is_answered_with_a_redirect_which_would_lose_the_scheme_and_the_token(
    path: str, method: str, several: Served, tokens: dict[str, str]
) -> None:
    for spelled in (path, f"{path}/"):
        answer = several.ask(method, spelled, bearer(tokens["ops"]))
        assert not 300 <= answer.status < 400
        assert "location" not in answer.headers


@pytest.mark.anyio
@pytest.mark.parametrize(("transport", "end"), [("http", "/mcp/"), ("sse", "/sse/")])
async def test_a_url_with_a_slash_at_its_end_serves_a_client_in_full(transport: str, end: str, server: Served) -> None:
    async with connect(server, transport, path=end) as session:
        assert "pve1" in (await session.call("list_nodes")).text


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=00000000000000000000000000000000"])
def test_a_message_of_more_than_a_mebibyte_is_413(path: str, several: Served, tokens: dict[str, str]) -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * 2**20 + b'"}'
    assert several.ask("POST", path, {**bearer(tokens["ops"]), **JSON}, body).status == 413
    declared = {**bearer(tokens["ops"]), **JSON, "Content-Length": str(2**30)}
    assert several.ask("POST", path, declared, b"{").status == 413


def _open_http(several: Served, token: str) -> str:
    answer = several.ask("POST", "/mcp", {**bearer(token), **JSON}, json.dumps(INITIALIZE).encode())
    assert answer.status == 200
    return answer.headers["mcp-session-id"]


def test_a_session_over_http_is_not_to_be_used_by_another_caller(several: Served, tokens: dict[str, str]) -> None:
    session = {"Mcp-Session-Id": _open_http(several, tokens["ops"])}
    listing = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}).encode()

    def status(token: str, method: str = "POST") -> int:
        headers = {**bearer(token), **JSON, **session, "Mcp-Protocol-Version": "2025-06-18"}
        return several.ask(method, "/mcp", headers, listing if method == "POST" else None).status

    assert status(tokens["viewer"]) == 404
    assert status(tokens["viewer"], "GET") == 404
    assert status(tokens["viewer"], "DELETE") == 404
    assert status(tokens["ops"]) == 200


def test_a_session_over_sse_is_not_to_be_used_by_another_caller(several: Served, tokens: dict[str, str]) -> None:
    stream = http.client.HTTPConnection("127.0.0.1", several.port, timeout=PATIENCE)
    try:
        stream.request("GET", "/sse", headers=bearer(tokens["ops"]))
        response = stream.getresponse()
        assert response.getheader("X-Accel-Buffering") == "no"
        assert response.readline().strip() == b"event: endpoint"
        target = response.readline().decode().removeprefix("data: ").strip()
        body = json.dumps(INITIALIZE).encode()
        assert several.ask("POST", target, {**bearer(tokens["viewer"]), **JSON}, body).status == 404
        assert several.ask("POST", target, {**bearer(tokens["ops"]), **JSON}, body).status == 202
    finally:
        stream.close()


def test_neither_tokens_nor_tracebacks_get_into_the_log(several: Served, tokens: dict[str, str]) -> None:
    """Runs after the tests above, on all that they have left; and makes requests of its own."""
    several.ask("GET", "/metrics", {"Host": "evil.example.com", **bearer(tokens["ops"])})
    several.ask("GET", "/sse", bearer("a-wrong-token-of-somebody"))
    several.ask("POST", "/mcp", {**bearer(tokens["ops"]), **JSON}, b"{broken")
    log = several.log
    assert "Invalid Host header: evil.example.com" in log
    for token in (*tokens.values(), "a-wrong-token-of-somebody", several.settings["PROXMOX_PASSWORD"]):
        assert token not in log
    assert "Traceback" not in log
    assert "PVEAPIToken" not in log
    assert all(json.loads(line) for line in log.splitlines())


SMUGGLED = [
    ("Origin: https://chat.example.org\r\nOrigin: https://evil.example.com", "Origin was sent more than once"),
    ("Origin: https://chat.example.org\r\norigin: https://chat.example.org", "Origin was sent more than once"),
    ("Authorization: Bearer a\r\nAuthorization: Bearer b", "Authorization was sent more than once"),
    ("Mcp-Session-Id: a\r\nMcp-Session-Id: b", "Mcp-Session-Id was sent more than once"),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length and Transfer-Encoding were both sent"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length and Transfer-Encoding were both sent"),
    ("Content-Length: 5\r\nContent-Length: 6", "Invalid HTTP request"),
    ("Host: evil.example.com", "Invalid HTTP request"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", ""),
]


@pytest.mark.parametrize("path", ["/livez", "/mcp", "/sse", "/messages/"])
@pytest.mark.parametrize(("headers", "told"), SMUGGLED)
def test_a_request_that_can_be_read_in_two_ways_is_refused_and_what_follows_it_is_not_served(
    headers: str, told: str, path: str, several: Served, tokens: dict[str, str]
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: pve.example.org\r\n{headers}\r\n\r\n"
    smuggled = "GET /livez HTTP/1.1\r\nHost: pve.example.org\r\n\r\n"
    with socket.create_connection(("127.0.0.1", several.port), timeout=PATIENCE) as connection:
        connection.sendall(f"{head}0\r\n\r\n{smuggled}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith(("HTTP/1.1 4", "HTTP/1.1 501"))
    assert told in answer
    assert answer.count("HTTP/1.1 ") == 1, "one answer, and the connection is closed"


@pytest.mark.anyio
async def test_the_start_does_not_wait_for_proxmox_and_sigterm_ends_with_0(tmp_path: Path) -> None:
    away = {"PROXMOX_HOST": "127.0.0.1:9", "PROXMOX_USER": "a@pve", "PROXMOX_TOKEN_ID": "mcp"}
    secret = "11111111-2222-3333-4444-555555555555"
    with serving(tmp_path, **away, PROXMOX_PASSWORD=secret, MCP_AUTH_TOKEN=TOKEN) as served:
        async with connect(served, "sse") as session:
            found = await session.call("search_api", query="grow a disk")
            nodes = await session.call("list_nodes")
        assert "/resize" in found.text
        assert "refuses the connection" in nodes.text
        stream = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        stream.request("GET", "/sse", headers=bearer(TOKEN))
        assert stream.getresponse().status == 200
        assert served.end(signal.SIGTERM) == 0
        stream.close()
        assert "Traceback" not in served.log


@pytest.mark.anyio
@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize("era", ERAS)
async def test_a_caller_who_may_only_read_gets_instructions_that_name_its_own_tools_alone(
    transport: str, era: str, several: Served, tokens: dict[str, str]
) -> None:
    for caller, writes in (("viewer", False), ("ops", True)):
        async with connect(several, transport, era, tokens[caller]) as session:
            told = session.client.instructions or ""
            listed = {tool.name for tool in (await session.client.list_tools()).tools}
        assert ("proxmox_api_call" in listed) is writes
        assert set(re.findall(r"[a-z]+_[a-z_]+", told)) - {"dry_run"} <= listed
        assert ("proxmox_api_call" in told) is writes


def _writes(served: Served, token: str) -> bool:
    """Whether a caller is shown the writing tool."""
    session = _open_http(served, token)
    headers = {**bearer(token), **JSON, "Mcp-Session-Id": session, "Mcp-Protocol-Version": "2025-06-18"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    try:
        listing = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
        connection.request("POST", "/mcp", listing, headers)
        return "proxmox_api_call" in connection.getresponse().read().decode()
    finally:
        connection.close()


def test_sighup_reloads_policy_and_callers_and_keeps_the_old_ones_if_the_files_have_errors(
    on_demo: dict[str, str], tokens: dict[str, str], tmp_path: Path
) -> None:
    callers, policy = tmp_path / "callers.toml", tmp_path / "policy.toml"
    callers.write_text(callers_file(ops="read-only"))
    policy.write_text('[[rule]]\nverdict = "deny"\npath = "/nodes/{node}/qemu/*"\n')
    settings = {name: value for name, value in on_demo.items() if name != "MCP_AUTH_TOKEN"}
    files = {"MCP_CALLERS_FILE": str(callers), "MCP_POLICY_FILE": str(policy)}
    with serving(tmp_path, **settings, **files) as served:
        assert not _writes(served, tokens["ops"])
        callers.write_text(callers_file(ops="guarded"))
        served.process.send_signal(signal.SIGHUP)
        served.wait_for("callers reloaded")
        assert "policy reloaded" in served.log
        assert _writes(served, tokens["ops"])
        callers.write_text("[[caller]]\nnmae = 1\n")
        policy.write_text('[[rule]]\nverdict = "alow"\n')
        served.process.send_signal(signal.SIGHUP)
        served.wait_for("callers not reloaded, those in force stay")
        assert "policy.toml" in served.log.split("policy reloaded")[1]
        assert _writes(served, tokens["ops"])
        assert served.end() == 0
