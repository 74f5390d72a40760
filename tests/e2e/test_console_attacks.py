"""Attacks on the console in a real browser: markup from outside, forged forms, framing, stolen links and cookies."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import mcp_types as types
import pytest

from browser import chromium, link, sign_in, tab
from clients import connect
from serving import TOKEN, Served, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upstream import Upstream

pytestmark = pytest.mark.slow

SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><svg/onload=alert(3)>{{7*7}}"
HIDDEN = "safe\u202eevil\u200b"
PAGES = ("", "approvals", "activity", "changes", "callers", "connect", "account")
INJECTED = "document.querySelectorAll('img[src=x], main script, svg[onload], [onerror]').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def served(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("attacked")
    audit = {"MCP_AUDIT_FILE": str(directory / "audit.jsonl"), "MCP_CONFIRM": "operator", "MCP_APPROVAL_WAIT": "0"}
    with serving(directory, **on_demo, **audit) as started:
        yield started


@contextmanager
def neighbour(page: str) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Another web server on this host: its port, and the headers of what it was sent."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append({name.lower(): value for name, value in self.headers.items()})
            body = page.encode()
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
            yield listener.server_address[1], received
        finally:
            listener.shutdown()
            thread.join()


def calls_of_a_hostile_client(served: Served) -> None:
    """Calls with script in the client's name, a path, a value and a reason; some wait for an approval."""

    async def make() -> None:
        info = types.Implementation(name=SCRIPT, version=HIDDEN)
        async with connect(served, "http", info=info) as session:
            await session.make("POST", "/nodes/pve1/qemu/110/status/reset")
            await session.make("PUT", "/nodes/pve1/qemu/110/config", {"description": SCRIPT + HIDDEN})
            await session.make("DELETE", "/nodes/pve1/qemu/110/snapshot/" + quote(SCRIPT, safe=""))
            await session.get("/nodes/" + quote(SCRIPT, safe="") + "/qemu")

    thread = threading.Thread(target=anyio.run, args=(make,))
    thread.start()
    thread.join(60)


def test_what_others_wrote_is_text_and_never_runs(browser: Any, served: Served, upstream: Upstream) -> None:
    upstream.call("PUT", "/nodes/pve1/qemu/110/config", description=SCRIPT)
    calls_of_a_hostile_client(served)
    with tab(browser, served.url) as lena:
        sign_in(lena, served)
        lena.goes(f"activity?caller={quote(SCRIPT)}&guest={quote(SCRIPT)}&before=x&since={quote(SCRIPT)}")
        assert lena.page.evaluate(INJECTED) == 0
        for path in (*PAGES, "approvals/1", "changes/1", "activity?writes=yes"):
            lena.goes(path)
            assert lena.page.evaluate(INJECTED) == 0, path
        lena.goes("activity")
        seen = lena.page.inner_text("main")
        assert "<script>alert(2)</script>" in seen
        for row in lena.page.locator("#calls summary").all():
            row.click()
        seen = lena.page.inner_text("main")
        assert "\\u202e" in seen
        assert "\u202e" not in seen
        lena.page.locator("#freeze-form summary").click()
        lena.page.locator("#freeze-form").get_by_label("Reason").fill(SCRIPT)
        lena.page.get_by_role("button", name="Freeze all writes").click()
        lena.page.get_by_text("All writes are refused.").wait_for()
        assert lena.page.evaluate(INJECTED) == 0
        lena.page.get_by_role("button", name="Allow writes again").click()
        lena.is_clean()
        for path in (
            quote(SCRIPT, safe=""),
            f"tasks/default/{quote(SCRIPT, safe='')}",
            f"tasks/{quote(SCRIPT, safe='')}/x",
        ):
            assert lena.goes(path).status == 404
            assert lena.page.evaluate(INJECTED) == 0
        assert lena.dialogs == []


FORGED = """<!doctype html><form id=f method=post action="{url}/console/freeze">
<input name=form_token value="{token}"><input name=for value=""><input name=reason value=forged></form>
<script>document.getElementById("f").submit()</script>"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_form_of_another_origin_or_port_is_refused_even_with_the_right_token(
    host: str, browser: Any, served: Served
) -> None:
    """``localhost`` is another site; another port of the same address is the same site, so the cookie comes along."""
    with tab(browser, served.url) as lena:
        sign_in(lena, served)
        token = lena.page.locator("input[name=form_token]").first.get_attribute("value")
        with neighbour(FORGED.format(url=served.url, token=token)) as (port, _):
            answers: list[int] = []
            # The page's stream of events may be answered late: its address names the freeze too.
            posted = f"{served.url}/console/freeze"
            lena.page.on("response", lambda answer: answers.append(answer.status) if answer.url == posted else None)
            lena.page.goto(f"http://{host}:{port}/")
            lena.page.wait_for_url("**/console/freeze")
            assert answers == [403]
            assert "did not come from this console" in lena.page.inner_text("main")
        lena.goes("")
        assert "All writes are refused." not in lena.page.inner_text("body")


def test_no_page_can_be_framed(browser: Any, served: Served) -> None:
    framing = f'<!doctype html><iframe src="{served.url}/console/approvals"></iframe>'
    with tab(browser, served.url) as lena, neighbour(framing) as (port, _):
        sign_in(lena, served)
        lena.page.goto(f"http://127.0.0.1:{port}/")
        lena.page.wait_for_load_state("networkidle")
        (frame,) = [each for each in lena.page.frames if each != lena.page.main_frame]
        assert "Approvals" not in frame.content()
        assert any("frame-ancestors" in each or "X-Frame-Options" in each for each in lena.errors), lena.errors


def test_a_stolen_link_is_worth_nothing_once_it_was_used(browser: Any, served: Served) -> None:
    made = link(served)
    with tab(browser, served.url) as lena, tab(browser, served.url) as thief:
        lena.page.goto(made)
        lena.page.wait_for_url("**/console/")
        thief.page.goto(made)
        thief.page.get_by_text("was used before").wait_for()
        thief.goes("")
        assert "/sign-in" in thief.page.url


def test_a_viewer_who_posts_an_approval_is_refused(browser: Any, served: Served) -> None:
    calls_of_a_hostile_client(served)
    with tab(browser, served.url) as viewer:
        sign_in(viewer, served, "jo", "viewer")
        viewer.goes("approvals")
        number = viewer.page.locator("article").first.get_attribute("id").removeprefix("approval-")
        assert viewer.page.get_by_role("button", name="Approve").count() == 0
        viewer.goes("account")
        status = viewer.page.evaluate(
            """async number => {
                const token = document.querySelector("input[name=form_token]").value;
                const body = new URLSearchParams({form_token: token, answer: "approve"});
                return (await fetch(`approvals/${number}`, {method: "POST", body})).status;
            }""",
            number,
        )
        assert status == 403
    assert f"#{number} pending" in served.run("approvals").stdout


def test_a_cookie_is_given_to_no_other_name_and_opens_no_other_console(browser: Any, served: Served) -> None:
    """Browsers give a cookie to each port of a name, which is why a console should have a name of its own."""
    port = str(free_port())
    alone = {"MCP_CONSOLE_PORT": port, "MCP_STATE_DIR": str(served.directory / "state" / "state")}
    with (
        tab(browser, served.url) as lena,
        neighbour("<!doctype html>hello") as (other, received),
        serving(served.directory / "second", **{**served.settings, "MCP_PORT": str(free_port()), **alone}),
    ):
        sign_in(lena, served)
        lena.page.goto(f"http://localhost:{other}/")
        assert "cookie" not in received[-1]
        lena.page.goto(f"http://127.0.0.1:{other}/")
        (given,) = [each for each in lena.page.context.cookies() if each["name"].endswith("console")]
        assert given["httpOnly"]
        assert given["sameSite"] == "Lax"
        assert "proxmox-mcp-console" not in json.dumps(lena.page.evaluate("document.cookie"))
        lena.page.goto(f"http://127.0.0.1:{port}/console/")
        assert "/sign-in" in lena.page.url


def test_a_token_of_a_client_opens_no_page(browser: Any, served: Served) -> None:
    with tab(browser, served.url, extra_http_headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        client.goes("")
        assert "/sign-in" in client.page.url
        client.page.get_by_label("Sign-in link").fill(TOKEN)
        client.page.get_by_role("button", name="Sign in", exact=True).click()
        client.page.get_by_text("This link is unknown").wait_for()
