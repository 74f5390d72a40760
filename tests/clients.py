"""Real MCP clients: the SDK's own, over every transport and in both eras of the protocol."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from forked import COMMAND
from patience import PATIENCE
from seeds import sow
from serving import TOKEN, environment

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path


ERAS = ("legacy", "auto")
"""How a client opens: with ``initialize`` (up to 2025-11-25), or by asking what there is (2026-07-28)."""


class Reachable(Protocol):
    """A server at an address, in whichever process."""

    @property
    def url(self) -> str: ...


class Person:
    """Somebody at a client that can ask: gives the same answer to every question, and keeps the questions."""

    def __init__(self, action: str = "accept", *, confirms: bool = True) -> None:
        self._action, self._confirms = action, confirms
        self.questions: list[str] = []
        self.meanwhile: Callable[[], None] | None = None

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.questions.append(params.message)
        if self.meanwhile is not None:
            self.meanwhile()
        content: dict[str, Any] | None = {"confirm": self._confirms} if self._action == "accept" else None
        return types.ElicitResult(action=self._action, content=content)  # type: ignore[arg-type]


class Answer:
    """What a tool said: its one text, and whether it is an error."""

    def __init__(self, result: types.CallToolResult) -> None:
        assert len(result.content) == 1, result
        block = result.content[0]
        assert isinstance(block, types.TextContent), block
        assert result.structured_content is None
        self.text = block.text
        self.is_error = bool(result.is_error)

    def __repr__(self) -> str:
        return f"{'error' if self.is_error else 'ok'}: {self.text}"

    @property
    def token(self) -> str:
        """The token of a statement that waits for a confirmation."""
        found = [line.removeprefix("confirm: ") for line in self.text.splitlines() if line.startswith("confirm: ")]
        assert found, f"nothing waits for a confirmation: {self}"
        return found[0]


class Session:
    """One connected client; ``call`` gives what the model would read. ``progress`` is what ``watched`` calls told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.progress: list[tuple[float, float | None, str]] = []

    async def call(self, tool: str, /, **arguments: Any) -> Answer:
        return Answer(await self.client.call_tool(tool, arguments, read_timeout_seconds=PATIENCE))

    async def watched(self, method: str, path: str, data: Mapping[str, Any]) -> Answer:
        """A call whose progress the client wants to hear of."""
        self.progress = []
        arguments = {"method": method, "path": path, "data": data}
        result = await self.client.call_tool(
            "proxmox_api_call", arguments, read_timeout_seconds=PATIENCE, progress_callback=self._told
        )
        return Answer(result)

    async def _told(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total, message or ""))

    async def get(self, path: str, **arguments: Any) -> Answer:
        return await self.call("proxmox_api_get", path=path, **arguments)

    async def make(self, method: str, path: str, data: Mapping[str, Any] | None = None, **arguments: Any) -> Answer:
        more = {"data": data} if data is not None else {}
        return await self.call("proxmox_api_call", method=method, path=path, **more, **arguments)


@cache
def _trust() -> ssl.SSLContext:
    """Reading all public authorities takes 25 ms, and each client would do it."""
    return httpx2.create_ssl_context()


def http_client(
    headers: dict[str, str] | None = None,
    timeout: httpx2.Timeout | float | None = PATIENCE,
    auth: httpx2.Auth | None = None,
    **more: Any,
) -> httpx2.AsyncClient:
    """The client of a test, made as the SDK makes its own."""
    return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, verify=_trust(), **more)


@asynccontextmanager
async def connect(
    served: Reachable,
    transport: str = "sse",
    era: str = "legacy",
    token: str = TOKEN,
    person: Person | None = None,
    path: str = "",
    info: types.Implementation | None = None,
) -> AsyncIterator[Session]:
    """A client of a server over ``sse`` or ``http``, named ``info``. With a ``person`` it declares that it can ask."""
    path = path or {"sse": "/sse", "http": "/mcp"}[transport]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if transport == "sse":
        async with _session(
            sse_client(f"{served.url}{path}", headers, PATIENCE, PATIENCE, http_client), era, person, info
        ) as session:
            yield session
        return
    async with (
        http_client(headers, httpx2.Timeout(10, read=60)) as http,
        _session(streamable_http_client(f"{served.url}{path}", http_client=http), era, person, info) as session,
    ):
        yield session


@asynccontextmanager
async def connect_stdio(
    directory: Path, settings: Mapping[str, str], era: str = "legacy", person: Person | None = None
) -> AsyncIterator[Session]:
    """A client that starts the server itself."""
    sow(directory / "state")
    way = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], "serve", "--stdio"], env=environment(directory, **settings)
    )
    async with _session(way, era, person) as session:
        yield session


@asynccontextmanager
async def _session(
    way: Any, era: str, person: Person | None, info: types.Implementation | None = None
) -> AsyncIterator[Session]:
    async with Client(way, mode=era, elicitation_callback=person, client_info=info) as client:
        yield Session(client)
