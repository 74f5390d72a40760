"""A real browser (Debian's Chromium, driven by Playwright) at the console, and what it must never see."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tools import required

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Served

_MISSING = "Playwright or axe is missing: pip install '.[browser]'"


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, for the length of a block; skips where it or Playwright is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason=_MISSING)
    path = required("google-chrome", "chromium-browser", "chromium")
    with sync_api.sync_playwright() as playwright:
        # No sandbox: Chromium has none for root. No proxy: what isn't loopback must fail, and be seen.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


@dataclass
class Tab:
    """A page of a context of its own, with what went wrong in it."""

    page: Any
    base: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def goes(self, path: str) -> Any:
        """Open a page of the console; the response."""
        return self.page.goto(f"{self.base}/console/{path}")

    def axe(self) -> list[str]:
        """What axe finds serious or worse."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=_MISSING)
        found = axe.Axe().run(self.page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {[node['html'][:200] for node in each['nodes']][:3]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def is_clean(self) -> None:
        """Nothing was logged as an error, no dialog opened, no other host was asked."""
        assert self.errors == []
        assert self.elsewhere == []
        assert self.dialogs == []


@contextmanager
def tab(browser: Any, base: str, **options: Any) -> Iterator[Tab]:
    """A tab in a context of its own: nobody is signed in there."""
    context = browser.new_context(**options)
    found = Tab(context.new_page(), base)
    found.page.set_default_timeout(30_000)
    host = urlsplit(base).netloc

    def asked(request: Any) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws", "wss") and urlsplit(request.url).netloc != host:
            found.elsewhere.append(request.url)

    def opened(dialog: Any) -> None:
        found.dialogs.append(dialog.message)
        dialog.dismiss()

    found.page.on("console", lambda each: found.errors.append(each.text) if each.type == "error" else None)
    found.page.on("pageerror", lambda each: found.errors.append(str(each)))
    found.page.on("request", asked)
    found.page.on("dialog", opened)
    try:
        yield found
    finally:
        context.close()


def link(served: Served, name: str = "lena", role: str = "admin") -> str:
    """A sign-in link, as the operator makes one."""
    made = served.run("console", "link", "--as", name, "--role", role)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def sign_in(tab: Tab, served: Served, name: str = "lena", role: str = "admin") -> None:
    """Open a link, and wait for the first page."""
    tab.page.goto(link(served, name, role))
    tab.page.wait_for_url("**/console/")
