"""A model server on loopback that speaks both APIs, and answers what it was told to."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StandIn:
    """``asked`` are the requests so far: path, headers in lower case, and body."""

    def __init__(self, answers: Callable[[dict[str, Any]], dict[str, Any]], status: int) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stand_in.asked.append((self.path, headers, body))
                answer = json.dumps(answers(body)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def standing_in(answers: Callable[[dict[str, Any]], dict[str, Any]], status: int = 200) -> Iterator[StandIn]:
    """Serve for the length of a block; ``answers`` makes the answer to a request's body."""
    made = StandIn(answers, status)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def openai(text: str, *calls: tuple[str, str]) -> dict[str, Any]:
    """An answer of chat completions: ``calls`` are tools and their arguments as the model writes them."""
    uses = [
        {"id": f"call-{n}", "type": "function", "function": {"name": tool, "arguments": arguments}}
        for n, (tool, arguments) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": text or None, **({"tool_calls": uses} if uses else {})}
    return {"choices": [{"message": message}], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}


def anthropic(text: str, *calls: tuple[str, str]) -> dict[str, Any]:
    """The same as messages."""
    uses = [
        {"type": "tool_use", "id": f"call-{n}", "name": tool, "input": json.loads(arguments)}
        for n, (tool, arguments) in enumerate(calls)
    ]
    blocks = [*([{"type": "text", "text": text}] if text else []), *uses]
    return {"content": blocks, "usage": {"input_tokens": 100, "output_tokens": 10}}
