"""Models at an address: a conversation with tools, by the chat completions of OpenAI or the messages of Anthropic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.run import Told

_PATIENCE_SECONDS = 300
_MOST_TOKENS = 4096
_VERSION = "2023-06-01"


class ModelError(Exception):
    """The model's address did not answer as its API says."""


@dataclass(frozen=True)
class Use:
    """A tool that the model wants to be called. ``arguments`` is None where it wrote no JSON object."""

    id: str
    tool: str
    arguments: dict[str, Any] | None


@dataclass(frozen=True)
class Turn:
    """What the model said, the tools that it wants, and the tokens it was asked and answered with."""

    text: str
    uses: tuple[Use, ...]
    tokens: int


@dataclass(frozen=True)
class Model:
    """A model's name, the address of its API, and the key that it wants, if any."""

    name: str
    url: str
    key: str = ""


class Conversation(Protocol):
    """A conversation that goes on: ``turn`` lets the model speak, ``answer`` tells what its tools answered."""

    def turn(self) -> Turn: ...

    def answer(self, told: Sequence[tuple[Use, Told]]) -> None: ...


class OpenAiConversation:
    """By ``/chat/completions`` below the address, which ends in ``/v1`` for most servers."""

    def __init__(self, model: Model, system: str, question: str, tools: Sequence[Mapping[str, Any]]) -> None:
        self._model = model
        self._messages: list[dict[str, Any]] = [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ]
        self._tools = [
            {
                "type": "function",
                "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]},
            }
            for t in tools
        ]

    def turn(self) -> Turn:
        headers = {"Authorization": f"Bearer {self._model.key}"} if self._model.key else {}
        body = {"model": self._model.name, "messages": self._messages, "tools": self._tools}
        answer = _posted(f"{self._model.url.rstrip('/')}/chat/completions", headers, body)
        try:
            message = answer["choices"][0]["message"]
            calls = message.get("tool_calls") or []
            uses = tuple(Use(c["id"], c["function"]["name"], _object(c["function"]["arguments"])) for c in calls)
            text = message.get("content") or ""
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise _no_message(answer) from error
        self._messages.append({"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})})
        return Turn(text, uses, _sum(answer, "prompt_tokens", "completion_tokens"))

    def answer(self, told: Sequence[tuple[Use, Told]]) -> None:
        self._messages += [{"role": "tool", "tool_call_id": use.id, "content": answer.text} for use, answer in told]


class AnthropicConversation:
    """By ``/v1/messages`` below the address."""

    def __init__(self, model: Model, system: str, question: str, tools: Sequence[Mapping[str, Any]]) -> None:
        self._model, self._system = model, system
        self._messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
        self._tools = [{"name": t["name"], "description": t["description"], "input_schema": t["schema"]} for t in tools]

    def turn(self) -> Turn:
        headers = {"anthropic-version": _VERSION, **({"x-api-key": self._model.key} if self._model.key else {})}
        body = {
            "model": self._model.name,
            "max_tokens": _MOST_TOKENS,
            "system": self._system,
            "messages": self._messages,
            "tools": self._tools,
        }
        answer = _posted(f"{self._model.url.rstrip('/')}/v1/messages", headers, body)
        try:
            blocks = answer["content"]
            text = "".join(block["text"] for block in blocks if block["type"] == "text")
            uses = tuple(
                Use(block["id"], block["name"], block["input"] if isinstance(block["input"], dict) else None)
                for block in blocks
                if block["type"] == "tool_use"
            )
        except (KeyError, TypeError) as error:
            raise _no_message(answer) from error
        self._messages.append({"role": "assistant", "content": blocks})
        return Turn(text, uses, _sum(answer, "input_tokens", "output_tokens"))

    def answer(self, told: Sequence[tuple[Use, Told]]) -> None:
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": answer.text, "is_error": answer.failed}
            for use, answer in told
        ]
        self._messages.append({"role": "user", "content": results})


APIS: dict[str, type[OpenAiConversation | AnthropicConversation]] = {
    "openai": OpenAiConversation,
    "anthropic": AnthropicConversation,
}
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""The variable of the environment that holds the key for each API."""


def _posted(url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        response = requests.post(url, json=body, headers=headers, timeout=_PATIENCE_SECONDS)
        if not response.ok:
            raise ModelError(f"{url} answered {response.status_code}: {response.text[:300]}")
        answer = response.json()
    except requests.RequestException as error:
        raise ModelError(f"{url} can't be asked: {error}") from error
    if not isinstance(answer, dict):
        raise _no_message(answer)
    return answer


def _object(text: str) -> dict[str, Any] | None:
    """Arguments as the model wrote them; a tool without any may be called by an empty text."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _sum(answer: Mapping[str, Any], *names: str) -> int:
    usage = answer.get("usage") or {}
    return sum(int(usage.get(name) or 0) for name in names)


def _no_message(answer: object) -> ModelError:
    return ModelError(f"this is no answer of this API: {str(answer)[:300]}")
