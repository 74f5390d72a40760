"""A webhook on loopback: takes messages as people's services do, and fails when it is told to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Webhook:
    """What came in, as title and text."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.attempts = 0
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.attempts += 1
                if hook.status == 200:
                    hook.messages.append((body["title"], body["message"]))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}"

    def wait_for(self, messages: int) -> None:
        until(lambda: len(self.messages) >= messages)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    thread = threading.Thread(target=hook.server.serve_forever, args=(0.02,))  # How often it looks for its end.
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()
