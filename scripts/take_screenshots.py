"""Pictures of the console's pages, from the demo cluster with calls of a real MCP client: scripts/screenshots

Each page light and 1,200 pixels wide, approvals also dark on a phone. They replace those in docs/images.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types

from browser import Tab, chromium, sign_in, tab
from clients import connect
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving import Served

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDE = {"viewport": {"width": 1200, "height": 760}, "color_scheme": "light"}
PHONE = {
    "viewport": {"width": 390, "height": 780},
    "color_scheme": "dark",
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
CLIENT = types.Implementation(name="claude-code", version="2.1.0")
TASK_SECONDS = 20.0
"""Of the clone that is seen running; less than a client waits."""
PAGES = ("overview", "approvals", "activity", "changes", "callers", "connect")


async def _call(served: Served) -> None:
    """What the pages show: reads, writes with and without an undo, a plan, calls that wait for a person."""
    async with connect(served, "http", info=CLIENT) as session:
        await session.get("/nodes/*/qemu")
        await session.get("/cluster/backup")
        await session.make("PUT", "/nodes/*/qemu/101/config", {"cores": 6, "memory": "12288"})
        await session.make("PUT", "/nodes/*/qemu/110/resize", {"disk": "scsi0", "size": "+20G"})
        await session.make("POST", "/nodes/*/qemu/102/status/start")
        steps = [{"method": "POST", "path": "/nodes/*/guests/*/snapshot", "data": {"snapname": "before-update"}}]
        await session.call("proxmox_api_plan", steps=steps, filter="name~stage-")
        await session.get("/nodes/pve1/qemu/999/config")
        await session.make("DELETE", "/nodes/*/qemu/104")
        await session.call(
            "proxmox_api_plan",
            steps=[{"method": "POST", "path": "/nodes/*/guests/*/status/shutdown"}],
            filter="name~stage-",
        )


async def _clone(served: Served) -> None:
    """A task that runs while the next pages are seen."""
    async with connect(served, "http", info=CLIENT) as session:
        await session.make("POST", "/nodes/*/qemu/110/clone", {"newid": 9110, "full": True}, wait=0)


def _in_thread(calls: Callable[[Served], Awaitable[None]], served: Served) -> None:
    """Playwright has an event loop in this one."""
    thread = threading.Thread(target=anyio.run, args=(calls, served))
    thread.start()
    thread.join()


def _make_callers(at: Tab) -> None:
    for name, mode in (("claude-anna", "guarded"), ("gemini-ops", "read-only")):
        at.goes("callers")
        at.page.get_by_label("Name", exact=True).fill(name)
        at.page.get_by_label("Mode").select_option(mode)
        at.page.get_by_role("button", name="Make a token").click()


def _shoot(at: Tab, name: str) -> None:
    """A picture of the page that is open."""
    at.page.wait_for_timeout(500)
    at.page.screenshot(path=str(IMAGES / f"console-{name}.png"))
    print(f"docs/images/console-{name}.png")


def _take(browser: Any, served: Served) -> None:
    with tab(browser, served.url, **WIDE) as opened:
        opened.goes("sign-in")
        opened.page.screenshot(path=str(IMAGES / "console-sign-in.png"))
        sign_in(opened, served)
        _make_callers(opened)
        for name in PAGES:
            opened.goes("" if name == "overview" else name)
            if name == "activity":
                _in_thread(_clone, served)
                opened.page.locator("#calls summary").filter(has_text="/clone").click()
                opened.page.locator("#tasks progress[value]").wait_for()
            _shoot(opened, name)
            if name == "activity":
                opened.page.locator("#tasks a").click()
                _shoot(opened, "task")
        opened.goes("changes/1")
        _shoot(opened, "change")
        opened.goes("approvals/1")
        _shoot(opened, "request")
    with tab(browser, served.url, **PHONE) as opened:
        sign_in(opened, served)
        opened.goes("approvals")
        _shoot(opened, "phone")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        start_demo_cluster(task_seconds=TASK_SECONDS) as cluster,
        chromium() as browser,
    ):
        settings = {**cluster.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_CONFIRM": "operator", "MCP_APPROVAL_WAIT": "0"}
        audit = {"MCP_AUDIT_FILE": str(Path(directory) / "audit.jsonl")}
        with serving(Path(directory), **settings, **audit) as served:
            served.wait_for("from the node itself")
            _in_thread(_call, served)
            _take(browser, served)


if __name__ == "__main__":
    main()
