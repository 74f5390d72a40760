"""The tasks of calls in the console: progress while they run, a page of their own, and stopping them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from browser import Tab, chromium, sign_in, tab
from clients import connect
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on a cluster whose tasks take long enough to be looked at."""
    directory = tmp_path_factory.mktemp("tasks")
    with (
        start_demo_cluster(task_seconds=15.0) as demo,
        serving(directory, **demo.environment, MCP_AUTH_TOKEN=TOKEN) as started,
    ):
        yield started


@pytest.fixture
def lena(served: Served) -> Iterator[Tab]:
    with chromium() as browser, tab(browser, served.url) as opened:
        sign_in(opened, served)
        yield opened
        opened.is_clean()


def cloning(served: Served, newid: int) -> threading.Thread:
    """A client that clones a VM and waits for it, in a thread: Playwright has an event loop in this one."""

    async def clone() -> None:
        async with connect(served, "http") as session:
            await session.make("POST", "/nodes/pve1/qemu/110/clone", {"newid": newid, "full": True})

    thread = threading.Thread(target=anyio.run, args=(clone,))
    thread.start()
    return thread


def running_call(at: Tab, newid: int) -> Any:
    at.goes("activity")
    found = at.page.locator("#calls li").filter(has_text=str(newid))
    found.locator("summary").click()
    return found


def test_a_call_shows_the_progress_of_its_task_and_leads_to_its_page(lena: Tab, served: Served) -> None:
    thread = cloning(served, 9111)
    call = running_call(lena, 9111)
    call.locator("dd").get_by_text(re.compile(r"^[1-9]\d?%$")).wait_for()  # While the client still waits.
    assert "transferred" in lena.page.inner_text("#tasks")
    assert lena.axe() == []
    call.get_by_role("link", name="qmclone 110").click()
    lena.page.wait_for_url("**/tasks/default/UPID*")
    lena.page.locator("h1").get_by_text("running").wait_for()
    assert lena.axe() == []
    lena.page.locator("h1").get_by_text("done").wait_for()  # It arrives by itself.
    assert "TASK OK" in lena.page.inner_text("#task")
    assert "/nodes/pve1/qemu/110/clone by default" in lena.page.inner_text("#task")
    assert lena.axe() == []
    thread.join(60)


def test_a_task_is_stopped_from_the_call_that_started_it(lena: Tab, served: Served) -> None:
    thread = cloning(served, 9112)
    call = running_call(lena, 9112)
    call.get_by_role("button", name="Stop qmclone 110").click()
    assert "/tasks/UPID:pve1" in lena.page.locator(".statement").inner_text()
    lena.page.get_by_role("button", name="Do it").click()
    lena.page.wait_for_url("**/activity")
    stopped = lena.page.locator("#calls li").filter(has_text="DELETE").filter(has_text="approved by lena")
    stopped.get_by_text("console:lena").wait_for()
    thread.join(60)
