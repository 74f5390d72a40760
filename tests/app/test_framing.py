"""A request that can be read in two ways is refused, and its connection closed."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse

from asgi import ask
from proxmox_mcp.app.framing import SINGLE, Framing

pytestmark = pytest.mark.anyio


async def answer(*headers: tuple[bytes, bytes], query: bytes = b"", version: str = "1.1") -> tuple[int, str, bool]:
    """The status and the text of the answer, and whether the connection is closed."""
    app = Framing(PlainTextResponse("passed"))
    reply = await ask(app, "POST", "/mcp", list(headers), query=query, http_version=version)
    return reply.status, reply.body.decode(), (b"connection", b"close") in reply.headers


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("second", [b"a", b"b"])
async def test_a_header_that_decides_something_comes_once_at_most(name: bytes, second: bytes) -> None:
    assert await answer((name, b"a")) == (200, "passed", False)
    status, text, closed = await answer((name, b"a"), (b"accept", b"x"), (name, second))
    assert (status, closed) == (400, True)
    assert text.lower() == f"bad request: the header {name.decode()} was sent more than once. send it once."


async def test_other_headers_may_come_again() -> None:
    assert await answer((b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"a"), (b"cookie", b"b")) == (
        200,
        "passed",
        False,
    )


async def test_a_body_has_one_end() -> None:
    length, coding = (b"content-length", b"4"), (b"transfer-encoding", b"chunked")
    status, text, closed = await answer(length, coding)
    assert (status, closed) == (400, True)
    assert "Content-Length and Transfer-Encoding were both sent" in text
    assert (await answer(coding))[0] == 200


async def test_a_coding_that_an_old_protocol_does_not_have_is_refused() -> None:
    status, text, closed = await answer((b"transfer-encoding", b"chunked"), version="1.0")
    assert (status, closed) == (400, True)
    assert "HTTP/1.0 has no Transfer-Encoding" in text
    assert (await answer((b"content-length", b"0"), version="1.0"))[0] == 200


async def test_a_query_is_ascii() -> None:
    status, text, closed = await answer(query="a=ü".encode())
    assert (status, closed) == (400, True)
    assert "Percent-encode it" in text
    assert (await answer(query=b"a=%C3%BC"))[0] == 200
