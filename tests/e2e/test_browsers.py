"""Pages that call us from a browser: what is answered to any, and a real browser with a real page."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from serving import TOKEN, Served, serving
from tools import required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHAT = "https://chat.example.org"
MCP_ROUTES = ["/mcp", "/mcp/", "/sse", "/sse/", "/messages/?session_id=0", "/messages"]
SENT = "authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-protocol-version,mcp-session-id"


def preflight(origin: str, method: str = "POST", headers: str = SENT, **more: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.mark.parametrize("route", MCP_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_preflight_of_an_allowed_origin_is_answered_without_a_token(route: str, method: str, several: Served) -> None:
    answer = several.ask("OPTIONS", route, preflight(CHAT, method))
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == CHAT
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-allow-headers"] == SENT
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_of_the_internet_may_call_the_local_network_where_its_origin_is_allowed(several: Served) -> None:
    asked = preflight(CHAT, Access_Control_Request_Private_Network="true")
    assert several.ask("OPTIONS", "/mcp", asked).headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://pve.example.org:1", "http://chat.example.org"]
)
@pytest.mark.parametrize("route", MCP_ROUTES)
def test_a_preflight_of_another_origin_is_refused_with_the_variable_to_set(
    origin: str, route: str, several: Served
) -> None:
    answer = several.ask("OPTIONS", route, preflight(origin))
    assert answer.status == 403
    assert f"set MCP_ALLOWED_ORIGINS={CHAT},{origin}" in answer.text
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("route", ["/metrics", "/readyz?verbose", "/nothing", "/.well-known/oauth-protected-resource"])
def test_what_is_not_mcp_answers_no_preflight(route: str, several: Served) -> None:
    answer = several.ask("OPTIONS", route, preflight(CHAT))
    assert answer.status in (401, 404)
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("route", MCP_ROUTES)
def test_a_page_can_read_why_it_was_refused(route: str, several: Served) -> None:
    answer = several.ask("GET", route, {"Origin": CHAT})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == CHAT
    assert {"Mcp-Session-Id", "WWW-Authenticate"} <= set(answer.headers["access-control-expose-headers"].split(", "))


@pytest.mark.parametrize("route", MCP_ROUTES)
def test_a_client_that_is_no_browser_gets_no_such_headers(route: str, several: Served) -> None:
    answer = several.ask("GET", route)
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://chat.example.org:443", "https://CHAT.example.org/"])
def test_an_origin_may_be_set_in_any_spelling(origin: str, tmp_path: Path) -> None:
    away = {"PROXMOX_HOST": "127.0.0.1:9", "PROXMOX_USER": "root@pam", "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555"}  # fmt: skip
    with serving(tmp_path, **away, MCP_AUTH_TOKEN=TOKEN, MCP_ALLOWED_ORIGINS=origin) as served:
        assert served.ask("OPTIONS", "/mcp", preflight(CHAT)).status == 204


PAGE = """<!doctype html><title>client</title><script>
const NAMES = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"};
const OPENING = {protocolVersion: "2025-06-18", capabilities: {}, clientInfo: {name: "page", version: "1"}};

function message(method, params, id) { return JSON.stringify({jsonrpc: "2.0", method, params, id}); }

async function events(response, enough) {
  const reader = response.body.getReader(), decoder = new TextDecoder();
  let text = "";
  while (!enough(text)) {
    const {value, done} = await reader.read();
    if (done) break;
    text += decoder.decode(value, {stream: true});
  }
  return [text, reader];
}

async function overHttp(base, path, token) {
  const headers = {...NAMES, "Authorization": "Bearer " + token};
  const post = (body, more) => fetch(base + path, {method: "POST", headers: {...headers, ...more}, body});
  const opened = await post(message("initialize", OPENING, 1), {});
  const session = {"Mcp-Session-Id": opened.headers.get("Mcp-Session-Id"), "Mcp-Protocol-Version": "2025-06-18"};
  await opened.text();
  await post(message("notifications/initialized"), session);
  const listed = await (await post(message("tools/list", {}, 2), session)).text();
  const ended = await fetch(base + path, {method: "DELETE", headers: {...headers, ...session}});
  return {session: session["Mcp-Session-Id"], listed, ended: ended.status};
}

async function overSse(base, path, token) {
  const headers = {...NAMES, "Authorization": "Bearer " + token};
  const [opening, reader] = await events(await fetch(base + path, {headers}), t => /data: .+[\\r\\n]/.test(t));
  const target = base + opening.match(/data: (.*)/)[1].trim();
  const sent = await fetch(target, {method: "POST", headers, body: message("initialize", OPENING, 1)});
  const answer = await reader.read();
  await reader.cancel();
  return {sent: sent.status, answer: new TextDecoder().decode(answer.value)};
}

async function refused(base, path) {
  const answer = await fetch(base + path, {method: "POST", headers: {"Authorization": "Bearer wrong"}});
  return {status: answer.status, text: await answer.text()};
}
</script>"""


@contextmanager
def page() -> Iterator[str]:
    """The origin of a web page that speaks MCP."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the output is pytest's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def in_browser() -> Iterator[Callable[[str, str], Any]]:
    """Runs JavaScript on a page of an origin, in Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install '.[browser]'")
    chromium = required("google-chrome", "chromium-browser", "chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def run(origin: str, script: str) -> Any:
            tab = browser.new_page()
            try:
                tab.goto(origin)
                return tab.evaluate(script)
            finally:
                tab.close()

        yield run
        browser.close()


@pytest.mark.slow
def test_a_page_of_an_allowed_origin_speaks_mcp_in_a_real_browser_and_another_is_kept_out(
    in_browser: Callable[[str, str], Any], on_demo: dict[str, str], tmp_path: Path
) -> None:
    with page() as allowed, page() as other:
        settings = {**on_demo, "MCP_ALLOWED_ORIGINS": allowed}
        with serving(tmp_path, **settings) as served:

            def do(call: str, path: str, origin: str = allowed) -> Any:
                arguments = f"{json.dumps(served.url)}, {json.dumps(path)}, {json.dumps(TOKEN)}"
                return in_browser(origin, f"{call}({arguments}).catch(error => String(error))")

            for path in ("/mcp", "/mcp/"):
                over_http = do("overHttp", path)
                assert len(over_http["session"]) == 32
                assert "search_api" in over_http["listed"]
                assert over_http["ended"] == 200
            for path in ("/sse", "/sse/"):
                over_sse = do("overSse", path)
                assert over_sse["sent"] == 202
                assert '"serverInfo"' in over_sse["answer"]
            refused = do("refused", "/mcp")
            assert refused["status"] == 401
            assert "Unauthorized" in refused["text"]
            for call, path in (("overHttp", "/mcp"), ("overSse", "/sse"), ("refused", "/mcp")):
                assert "Failed to fetch" in do(call, path, other)
            assert f"set MCP_ALLOWED_ORIGINS={allowed},{other}" in served.log
