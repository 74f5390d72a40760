"""The console in a real browser, with real MCP clients behind the calls that wait there."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from browser import Tab, chromium, link, sign_in, tab
from clients import Answer, connect
from patience import PATIENCE, until
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from serving import TOKEN, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from upstream import Upstream

pytestmark = pytest.mark.slow

PAGES = ("", "approvals", "activity", "changes", "callers", "connect", "account")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@contextmanager
def approving(directory: Path, environment: Mapping[str, str]) -> Iterator[Served]:
    """A server whose calls are approved by operators."""
    audit = {"MCP_AUDIT_FILE": str(directory / "audit.jsonl"), "MCP_CONFIRM": "operator", "MCP_APPROVAL_WAIT": "0"}
    with serving(directory, **environment, MCP_AUTH_TOKEN=TOKEN, **audit) as started:
        yield started


@contextmanager
def tab_of_an_admin(browser: Any, served: Served) -> Iterator[Tab]:
    """It must be clean at the end."""
    with tab(browser, served.url) as opened:
        sign_in(opened, served)
        yield opened
        opened.is_clean()


@pytest.fixture(scope="module")
def served(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with approving(tmp_path_factory.mktemp("console"), demo.environment) as started:
        yield started


@pytest.fixture(scope="module")
def served_slowly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """On a cluster whose copies take longer than any test: they are looked at and stopped while they run."""
    with (
        start_demo_cluster(task_seconds=10 * PATIENCE) as cluster,
        approving(tmp_path_factory.mktemp("slow-console"), cluster.environment) as started,
    ):
        yield started


@pytest.fixture
def lena(browser: Any, served: Served) -> Iterator[Tab]:
    with tab_of_an_admin(browser, served) as opened:
        yield opened


@pytest.fixture
def watching(browser: Any, served_slowly: Served) -> Iterator[Tab]:
    with tab_of_an_admin(browser, served_slowly) as opened:
        yield opened


def called(served: Served, method: str, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> Answer:
    """A call of a real MCP client. In a thread of its own: Playwright has an event loop in this one."""
    found: list[Answer] = []

    async def make() -> None:
        async with connect(served, "http", token=more.pop("token", TOKEN)) as session:
            made = session.get(path, **more) if method == "GET" else session.make(method, path, data, **more)
            found.append(await made)

    thread = threading.Thread(target=anyio.run, args=(make,))
    thread.start()
    thread.join(60)
    assert found, "the call has not ended"
    return found[0]


def asked(served: Served, path: str) -> str:
    """Ask for something that needs an approval; its number."""
    answer = called(served, "POST", path)
    number = re.search(r"proxmox-mcp approve (\d+)", answer.text)
    assert number, answer
    return number[1]


def test_a_call_is_approved_in_the_browser_and_then_made(lena: Tab, served: Served) -> None:
    lena.goes("approvals")
    number = asked(served, "/nodes/pve1/qemu/110/status/reset")
    card = lena.page.locator(f"#approval-{number}")
    card.wait_for()  # It arrives by itself.
    assert "VM 110" in card.inner_text()
    card.get_by_role("button", name="Approve").click()
    lena.page.wait_for_url(f"**/approvals/{number}")
    assert "can make the call now" in lena.page.inner_text("main")
    answer = called(served, "POST", "/nodes/pve1/qemu/110/status/reset", confirm=number)
    assert not answer.is_error, answer
    lena.page.get_by_text("Approved, and the call was made.").wait_for()


def test_a_denial_with_its_reason_reaches_the_model(lena: Tab, served: Served) -> None:
    number = asked(served, "/nodes/pve1/qemu/111/status/reset")
    lena.goes(f"approvals/{number}")
    lena.page.locator("main").get_by_label("Reason").fill("not during the backup")
    lena.page.get_by_role("button", name="Deny").click()
    lena.page.get_by_text("Denied. The call is refused.").wait_for()
    answer = called(served, "POST", "/nodes/pve1/qemu/111/status/reset", confirm=number)
    assert answer.is_error
    assert "not during the backup" in answer.text


def test_a_grant_is_used_without_asking_until_it_is_revoked(lena: Tab, served: Served) -> None:
    reset = "/nodes/pve1/qemu/110/status/reset"
    number = asked(served, reset)
    lena.goes("approvals")
    lena.page.locator(f"#approval-{number}").get_by_role("link", name="Allow for a while").click()
    assert lena.page.get_by_label("Guests").input_value() == "110"
    lena.page.get_by_label("Number of calls").fill("3")
    lena.page.get_by_role("button", name="Approve and allow for a while").click()
    lena.page.locator("#grants-open summary").click()
    strip = lena.page.locator("#grants")
    assert "0 of 3 calls used" in strip.inner_text()
    assert not called(served, "POST", reset, confirm=number).is_error
    assert not called(served, "POST", reset).is_error
    strip.get_by_text("1 of 3 calls used").wait_for()  # It arrives by itself, and stays open.
    assert asked(served, "/nodes/pve1/qemu/111/status/reset")  # Another guest is asked about as before.
    assert lena.axe() == []
    lena.page.set_viewport_size({"width": 360, "height": 800})
    assert lena.page.evaluate("document.documentElement.scrollWidth") <= 360
    strip.get_by_role("button", name="Revoke grant").click()
    strip.get_by_text("in force").wait_for(state="detached")
    assert asked(served, reset)


def test_an_approval_by_keyboard_alone(lena: Tab, served: Served) -> None:
    number = asked(served, "/nodes/pve1/qemu/112/status/reset")
    keyboard = lena.page.keyboard
    lena.goes("")
    keyboard.press("Tab")
    assert lena.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reach(lena, "a", "Approvals")
    keyboard.press("Enter")
    lena.page.wait_for_url("**/approvals")
    reach(lena, "button", f"Approve request {number}")
    keyboard.press("Enter")
    lena.page.wait_for_url(f"**/approvals/{number}")
    assert "approved" in lena.page.inner_text("h1")


def reach(at: Tab, tag: str, text: str) -> None:
    """Press Tab until an element has the focus, which must be visible."""
    for _ in range(80):
        at.page.keyboard.press("Tab")
        found = at.page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e); return "
            "[e.tagName.toLowerCase(), e.textContent.replace(/\\s+/g, ' ').trim(), s.outlineStyle] }"
        )
        if found[0] == tag and found[1].startswith(text):
            assert found[2] != "none"
            return
    raise AssertionError(f"{tag} {text!r} is not reached by Tab")


def test_a_freeze_refuses_writes_until_it_is_ended(lena: Tab, served: Served) -> None:
    config = "/nodes/pve1/qemu/110/config"
    lena.goes("activity")
    lena.page.get_by_text("Freeze", exact=True).click()
    lena.page.locator("#freeze-form").get_by_label("Reason").fill("rack is moved")
    lena.page.get_by_role("button", name="Freeze all writes").click()
    lena.page.get_by_text("All writes are refused.").wait_for()
    answer = called(served, "PUT", config, {"description": "x"})
    assert answer.is_error
    assert "rack is moved" in answer.text
    lena.page.get_by_role("button", name="Allow writes again").click()
    lena.page.get_by_text("All writes are refused.").wait_for(state="detached")
    assert not called(served, "PUT", config, {"description": "x"}).is_error


def test_a_caller_is_made_used_and_revoked(lena: Tab, served: Served) -> None:
    lena.goes("callers")
    lena.page.get_by_label("Name", exact=True).fill("claude-anna")
    lena.page.get_by_label("Mode").select_option("read-only")
    lena.page.get_by_role("button", name="Make a token").click()
    token = lena.page.locator("pre code").inner_text()
    answer = called(served, "GET", "/version", token=token)
    assert not answer.is_error, answer
    assert "claude-anna" in served.run("audit", "--caller", "claude-anna").stdout
    lena.page.get_by_role("link", name="Done").click()
    lena.page.get_by_role("button", name="Revoke claude-anna").click()
    lena.page.get_by_text("revoked", exact=True).wait_for()
    refused = served.ask(
        "POST", "/mcp", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, b"{}"
    )
    assert refused.status == 401


def test_a_running_task_is_stopped_after_its_statement_was_read(watching: Tab, served_slowly: Served) -> None:
    called(served_slowly, "POST", "/nodes/pve1/qemu/110/clone", {"newid": 9110, "full": True}, wait=0)
    watching.goes("activity")
    watching.page.get_by_role("button", name="Stop qmclone 110").click()
    assert "/tasks/UPID:pve" in watching.page.locator(".statement").inner_text()
    watching.page.get_by_role("button", name="Do it").click()
    watching.page.wait_for_url("**/activity")
    stopped = watching.page.locator("#calls li").filter(has_text="/tasks/UPID:").filter(has_not_text="not confirmed")
    stopped.get_by_text("console:lena").wait_for()
    stopped.locator("summary").click()
    assert "approved by lena" in stopped.inner_text()


def test_a_button_under_the_pointer_stays_until_the_pointer_leaves(watching: Tab, served_slowly: Served) -> None:
    called(served_slowly, "POST", "/nodes/*/qemu/web-01/clone", {"newid": 9112, "full": True}, wait=0)
    watching.goes("activity")
    watching.page.evaluate(
        "new EventSource(document.body.dataset.events).addEventListener('changed', () => { window.told = true })"
    )
    button = watching.page.get_by_role("button", name="Stop qmclone 100")
    button.hover()
    button.evaluate("button => { button.dataset.first = 'yes' }")
    watching.page.evaluate("window.told = false")
    called(served_slowly, "GET", "/not/shown/yet")
    until(lambda: watching.page.evaluate("window.told"))
    for _ in range(2):  # Whatever the page asked for when it was told has come before the answers to these.
        watching.page.evaluate(
            "fetch(document.querySelector('[data-from]').dataset.from).then(answer => answer.text())"
        )
    assert button.get_attribute("data-first") == "yes"
    watching.page.mouse.move(0, 0)
    watching.page.get_by_text("/not/shown/yet").first.wait_for()
    called(served_slowly, "GET", "/shown/at/once")
    watching.page.get_by_text("/shown/at/once").first.wait_for()


def test_activity_arrives_by_itself_and_is_filtered(lena: Tab, served: Served) -> None:
    lena.goes("activity?outcome=refused")
    called(served, "GET", "/version")
    called(served, "GET", "/nothing/like/this")
    lena.page.get_by_text("/nothing/like/this").first.wait_for()
    assert "/version" not in lena.page.inner_text("#calls")
    assert " ago)" in lena.page.inner_text("#calls") or "now" in lena.page.inner_text("#calls")


def test_only_the_parts_that_change_are_fetched_and_nothing_while_nobody_sees_them(lena: Tab, served: Served) -> None:
    lena.goes("activity")
    fetched: list[str] = []
    lena.page.on("request", lambda request: fetched.append(request.url.partition("/console/")[2]))
    called(served, "GET", "/not/seen/yet")
    lena.page.get_by_text("/not/seen/yet").first.wait_for()
    assert {each for each in fetched if each.startswith("activity")} == {"activity/live?"}
    turns_its_back = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    lena.page.evaluate(turns_its_back % "true")
    # Another stream with the old marks is told of the first call at once, and of the next one when the page's own is.
    with lena.page.expect_event("console", lambda message: "activity" in message.text):
        lena.page.evaluate(
            "new EventSource(document.body.dataset.events)"
            ".addEventListener('changed', event => console.log(event.data))"
        )
    fetched.clear()
    with lena.page.expect_event("console", lambda message: "activity" in message.text):
        called(served, "GET", "/behind/its/back")
    assert not [each for each in fetched if each.startswith("activity")]
    lena.page.evaluate(turns_its_back % "false")
    lena.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    lena.page.get_by_text("/behind/its/back").first.wait_for()


def test_signing_out_everywhere_ends_the_other_tab(lena: Tab, browser: Any, served: Served) -> None:
    with tab(browser, served.url) as other:
        sign_in(other, served)
        lena.goes("account")
        lena.page.get_by_role("button", name="Sign out everywhere").click()
        lena.page.get_by_text("You are signed out everywhere.").wait_for()
        other.goes("")
        assert "/sign-in" in other.page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_is_accessible_and_fits_the_screen(width: int, scheme: str, browser: Any, served: Served) -> None:
    asked(served, "/nodes/pve1/qemu/113/status/reset")
    view = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with tab(browser, served.url, **view) as opened:
        for path in ("sign-in", "nothing"):
            opened.goes(path)
            assert opened.axe() == []
        opened.errors.clear()  # The browser logs the 404.
        opened.page.goto(served.url)
        assert opened.axe() == []
        sign_in(opened, served)
        for path in PAGES:
            opened.goes(path)
            assert opened.axe() == [], path
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert opened.page.evaluate(wider) <= 0, path
        opened.is_clean()


def test_everything_but_live_updates_works_without_script(browser: Any, served: Served) -> None:
    number = asked(served, "/nodes/pve1/qemu/114/status/reset")
    with tab(browser, served.url, java_script_enabled=False) as opened:
        opened.goes("sign-in")
        opened.page.get_by_label("Sign-in link").fill(link(served))
        opened.page.get_by_role("button", name="Sign in", exact=True).click()
        opened.goes(f"approvals/{number}")
        assert "UTC" in opened.page.inner_text("main")
        opened.page.get_by_role("button", name="Deny").click()
        opened.page.get_by_text("Denied. The call is refused.").wait_for()
        opened.page.get_by_text("Freeze", exact=True).click()
        opened.page.get_by_role("button", name="Freeze all writes").click()
        opened.page.get_by_role("button", name="Allow writes again").click()
        for path in PAGES:
            assert opened.goes(path).status == 200


def test_a_link_is_redeemed_where_the_form_is_open_already(browser: Any, served: Served) -> None:
    with tab(browser, served.url) as opened:
        opened.goes("sign-in")
        sign_in(opened, served)
        opened.is_clean()


def test_the_link_is_in_no_log_and_no_request(browser: Any, served: Served) -> None:
    made = link(served)
    token = made.partition("#")[2]
    with tab(browser, served.url) as opened:
        urls: list[str] = []
        opened.page.on("request", lambda request: urls.append(request.url))
        opened.page.goto(made)
        opened.page.wait_for_url("**/console/")
        assert not any(token in url for url in urls)
        assert token not in opened.page.evaluate("JSON.stringify([location.href, document.referrer])")
    assert token not in served.log
    until(lambda: "signed in as admin" in served.log)


def test_a_change_is_undone_after_the_plan_was_read(lena: Tab, served: Served, upstream: Upstream) -> None:
    config = "/nodes/pve1/qemu/110/config"
    before = upstream.call("GET", config)
    answer = called(served, "PUT", config, {"description": "changed <b>here</b>", "cores": 3})
    number = re.search(r"Change (\d+)", answer.text)
    assert number, answer
    lena.goes("changes")
    lena.page.get_by_role("link", name=f"Change {number[1]}", exact=True).click()
    assert "changed <b>here</b>" in lena.page.inner_text(".differences")
    lena.page.get_by_role("button", name=f"Undo change {number[1]}").click()
    assert config in lena.page.locator(".statement").inner_text()
    assert upstream.call("GET", config)["cores"] == 3
    lena.page.get_by_role("button", name="Do it").click()
    lena.page.get_by_role("heading", name="Undone").wait_for()
    after = upstream.call("GET", config)
    assert {**after, "digest": ""} == {**before, "digest": ""}
    lena.goes(f"changes/{number[1]}")
    assert "Undone by" in lena.page.inner_text("main")


def test_the_set_up_is_checked_from_the_page_connect(lena: Tab, served: Served) -> None:
    lena.goes("connect")
    lena.page.get_by_role("button", name="Check this set-up").click()
    report = lena.page.locator("main .text[role=status]").inner_text()
    assert "authentication: " in report
    assert "0 errors" in report
    assert TOKEN not in report


def test_a_running_plan_is_shown_and_stopped(lena: Tab, served: Served) -> None:
    steps = [
        {"method": "POST", "path": "/nodes/pve1/qemu/110/clone", "data": {"newid": 9200 + each, "full": True}}
        for each in range(4)
    ]
    thread = threading.Thread(target=anyio.run, args=(_plan, served, steps))
    thread.start()
    lena.goes("activity")
    lena.page.get_by_role("button", name=re.compile("Stop plan")).click()
    lena.page.get_by_text("stops after its running step").or_(lena.page.get_by_text("Stopped plan")).first.wait_for()
    thread.join(60)


async def _plan(served: Served, steps: list[dict[str, Any]]) -> None:
    async with connect(served, "http") as session:
        await session.call("proxmox_api_plan", steps=steps)
