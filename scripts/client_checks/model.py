"""A scripted model on loopback, for clients that need one: it calls tools in a set order, then says it is done.

What the client sends is kept: the tools as it declares them to the model, and what it hands back of our answers.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SAYS = "The script of this model is at its end."


@dataclass(frozen=True, slots=True)
class Turn:
    """A call of a tool that the model makes. ``before`` runs first: what happens to the server in the meantime.

    ``reads`` gives further arguments from the answer to the call before.
    """

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    reads: Callable[[str], Mapping[str, object]] = lambda _: {}
    before: Callable[[], None] = lambda: None


class Dialect(Protocol):
    """How a vendor's API carries calls, answers and declarations."""

    def answers(self, request: Mapping[str, Any]) -> list[str]:
        """What the client hands back of the tools' answers, in order."""

    def declared(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The tools as the client declares them."""

    def says(self, request: Mapping[str, Any], turn: Turn | None) -> str:
        """The stream that makes a call, or without a turn says the last word."""


class Gemini:
    """Google's ``streamGenerateContent``."""

    def answers(self, request: Mapping[str, Any]) -> list[str]:
        parts = (part for content in request.get("contents", ()) for part in content.get("parts", ()))
        given = (part["functionResponse"]["response"] for part in parts if "functionResponse" in part)
        return [str(each.get("output", each.get("error", each))) for each in given]

    def declared(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [each for tools in request.get("tools", ()) for each in tools.get("functionDeclarations", ())]

    def says(self, _: Mapping[str, Any], turn: Turn | None) -> str:
        part = {"functionCall": {"name": turn.tool, "args": dict(turn.arguments)}} if turn else {"text": SAYS}
        content = {"role": "model", "parts": [part]}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        answer = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}
        return f"data: {json.dumps(answer)}\r\n\r\n"


class Anthropic:
    """Anthropic's ``messages``, streamed."""

    def answers(self, request: Mapping[str, Any]) -> list[str]:
        said = (message["content"] for message in request.get("messages", ()) if isinstance(message["content"], list))
        blocks = (block for content in said for block in content if block.get("type") == "tool_result")
        return [self._text(block.get("content", "")) for block in blocks]

    def declared(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(request.get("tools", ()))

    def says(self, request: Mapping[str, Any], turn: Turn | None) -> str:
        usage = {"input_tokens": 1, "output_tokens": 1}
        opened = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.get("model", "")}
        starts, goes_on = self._block(len(self.answers(request)), turn)
        ends = {"stop_reason": "tool_use" if turn else "end_turn", "stop_sequence": None}
        events: tuple[dict[str, Any], ...] = (
            {"type": "message_start", "message": {**opened, "content": [], "stop_reason": None, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": starts},
            {"type": "content_block_delta", "index": 0, "delta": goes_on},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ends, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        )
        return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)

    @staticmethod
    def _block(number: int, turn: Turn | None) -> tuple[dict[str, Any], dict[str, Any]]:
        if turn is None:
            return {"type": "text", "text": ""}, {"type": "text_delta", "text": SAYS}
        starts = {"type": "tool_use", "id": f"toolu_{number}", "name": turn.tool, "input": {}}
        return starts, {"type": "input_json_delta", "partial_json": json.dumps(dict(turn.arguments))}

    @staticmethod
    def _text(content: Any) -> str:
        if isinstance(content, str):
            return content
        return "".join(block.get("text", "") for block in content)


class ScriptedModel:
    """The model as an HTTP server. It makes as many calls as it has turns, by what has been answered so far."""

    def __init__(self, dialect: Dialect, turns: Sequence[Turn]) -> None:
        self._dialect = dialect
        self._turns = turns
        self._done = 0
        self.answers: list[str] = []
        self.declared: list[dict[str, Any]] = []
        self.heard = ""
        self._failure: Exception | None = None

    def raise_failure(self) -> None:
        """Raises what a turn raised in its ``before``."""
        if self._failure is not None:
            raise self._failure

    def reply(self, request: Mapping[str, Any]) -> str:
        """The stream that answers a request. One without tools is housekeeping of the client's: just a word."""
        declared = self._dialect.declared(request)
        if not declared:
            return self._dialect.says(request, None)
        self.declared = declared
        self.answers = self._dialect.answers(request)
        self.heard = json.dumps(request, ensure_ascii=False)
        if self._done == len(self._turns):
            return self._dialect.says(request, None)
        turn = self._turns[self._done]
        self._done += 1
        try:
            turn.before()
        except Exception as error:  # noqa: BLE001 - told to whoever runs the check, not to the client
            self._failure = error
            return self._dialect.says(request, None)
        last = self.answers[-1] if self.answers else ""
        return self._dialect.says(request, replace(turn, arguments={**turn.arguments, **turn.reads(last)}))


@contextmanager
def serve_model(model: ScriptedModel) -> Iterator[str]:
    """The model's address on loopback, for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(200, model.reply(json.loads(self.rfile.read(length))))

        def do_GET(self) -> None:
            self._answer(404, "")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
