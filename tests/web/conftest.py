"""A console without a cluster, on a store of its own."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from console_site import Site, served
from proxmox_mcp.app.people import ConsoleOnly
from proxmox_mcp.settings import load_settings
from proxmox_mcp.web import FrontPages, Passwords, console_of, make_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from starlette.types import Receive, Scope, Send


def asked(
    host: str = "pve:8010", scheme: str = "http", root: str = "", method: str = "GET", path: str = "/", **headers: str
) -> Request:
    """A request as the pages get it, without a server."""
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "scheme": scheme, "root_path": root, "query_string": b"",
        "server": ("127.0.0.1", 8010), "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    return Request(scope)


async def nothing_else(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("only the console is served")


@pytest.fixture
def serving_console(tmp_path: Path) -> Callable[..., AbstractContextManager[Site]]:
    """Serves a console with settings, for the length of a block."""
    from contextlib import contextmanager

    @contextmanager
    def serve(hosts: tuple[str, ...] = (), check: Callable[[], str] | None = None, **settings: str) -> Iterator[Site]:
        read = load_settings({"MCP_STATE_DIR": str(tmp_path / "state"), **settings})
        passwords = Passwords(read.server.mcp_console_password.get_secret_value())
        console = console_of(read, None, passwords, serves_clients=False, check=check)
        front = FrontPages(healthy=lambda: True, console=True, asks_token=True)
        with (
            closing(console.store),
            closing(console.activity),
            served(ConsoleOnly(nothing_else, front, make_console(console), hosts)) as port,
        ):
            yield Site(console, port)

    return serve


@pytest.fixture
def site(serving_console: Callable[..., AbstractContextManager[Site]]) -> Iterator[Site]:
    with serving_console() as found:
        yield found
