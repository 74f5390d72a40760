"""Sessions of a client with a scripted model: what the model does in them, and what it should have seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import ANSWERS, NAMES, ClientFaultError, expect, expect_answers, expect_tools
from scripts.client_checks.model import Turn

from proxmox_mcp.instructions import instructions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scripts.client_checks.model import ScriptedModel

_WRONG = {"path": "/nodes/*/qemu/web-01/config", "method": "PUT", "data": {"memroy": 2048}}
_RISKY = {"path": "/nodes/*/qemu/web-01/status/reboot", "method": "POST"}
_KINDS = {"string", "integer", "boolean", "object", "array"}
_HARMFUL = {"anyOf", "oneOf", "allOf", "$ref", "$defs", "nullable"}
"""What has broken clients or models in a tool's schema."""

DOES = "a session with a scripted model: each tool, a wrong call, a reboot and its confirmation"
_WHOLE = "answers, faults and instructions reach the model, the schemas are whole"
RESTARTED = "the server is restarted between two calls"


def whole(prefix: str) -> list[Turn]:
    """A call of each tool, a wrong one, a risky one and its confirmation. ``prefix`` is what the client names us by."""
    return [
        *(Turn(prefix + tool, arguments) for tool, (arguments, _) in ANSWERS.items()),
        Turn(f"{prefix}proxmox_api_call", _WRONG),
        Turn(f"{prefix}proxmox_api_call", _RISKY),
        Turn(f"{prefix}proxmox_api_call", _RISKY, reads=_token),
    ]


def expect_whole(model: ScriptedModel, prefix: str, key: str, *, asks: bool) -> str:
    """What the model saw of it; ``key`` is where the client puts a tool's schema. Raises UnexpectedError.

    ``asks``: the client says that it can ask its person, and where none is there dismisses the question by itself.
    """
    _expect_schemas(model.declared, prefix, key)
    expect(len(model.answers) == len(whole(prefix)), "every call should be answered", model.answers)
    expect_answers(dict(zip(ANSWERS, model.answers, strict=False)))
    wrong, stated, done = model.answers[-3:]
    expect("Did you mean memory?" in wrong, "a wrong call should teach the right one", wrong)
    expect(instructions(NAMES).partition(". ")[0] in model.heard, "the instructions should reach the model")
    if asks:
        expect("dismissed" in stated and "dismissed" in done, "a reboot that nobody agrees to should not be done", done)
        return f"{_WHOLE}; nobody is there to confirm, nothing is done"
    expect(_token(stated), "a reboot should come back as a statement with a token", stated)
    expect("ended: OK" in done, "a confirmed reboot should be followed to its end", done)
    return f"{_WHOLE}; confirmed with the token, the task followed to its end"


def interrupted(prefix: str, interrupt: Callable[[], None]) -> list[Turn]:
    """The same call before something happens to the connection, right after, and once more."""
    nodes = Turn(f"{prefix}list_nodes")
    return [nodes, Turn(nodes.tool, before=interrupt), nodes]


def expect_recovery(answers: Sequence[str]) -> str:
    """What the model saw of it. Raises UnexpectedError, or ClientFaultError where the client keeps a dead session."""
    _, text = ANSWERS["list_nodes"]
    expect(len(answers) == 3, "every call should be answered", answers)
    expect(text in answers[0], "the call before should be answered", answers[0])
    if all("Session not found" in answer for answer in answers[1:]):
        raise ClientFaultError(
            "it keeps the session that the server says is gone (404), where the specification asks for a new one; "
            "use /sse, or MCP_STATELESS=true"
        )
    for answer in answers[1:]:
        expect(text in answer, "the next calls should be answered", answer)
    return "the next call is answered"


def _token(statement: str) -> Mapping[str, object]:
    found = re.search(r"confirm: ([\w-]{16,})", statement)
    return {"confirm": found[1]} if found else {}


def _expect_schemas(declared: Iterable[Mapping[str, Any]], prefix: str, key: str) -> None:
    """The tools as a client declares them to its model: all of ours, described, typed, with nothing harmful."""
    ours = {tool["name"].removeprefix(prefix): tool for tool in declared if tool["name"].startswith(prefix)}
    expect_tools(ours)
    for name, tool in ours.items():
        schema = tool.get(key) or {}
        expect(tool.get("description"), f"{name} should have a description")
        expect(_HARMFUL.isdisjoint(_keys(schema)), f"the schema of {name} should be plain", schema)
        for parameter, told in schema.get("properties", {}).items():
            expect(str(told.get("type", "")).lower() in _KINDS, f"{parameter} of {name} should be typed", told)


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)
