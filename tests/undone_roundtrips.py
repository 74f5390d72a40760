"""Replaying recorded writes on a demo cluster and undoing them with our own inverse, made from what we read ourselves.

``recorded_roundtrips`` gives each write its world and compares; the calls that undo it are not the recorded ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.apidoc.validation.encode import needs_json
from proxmox_mcp.policy.call import Call
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.undo import After, Case, Get, Inverse, inverse, wanted
from recorded_roundtrips import Replay, as_caller, comparable, serving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc import EndpointIndex, Schema

Line = dict[str, Any]
_NO_ANSWER = object()


@cache
def index() -> EndpointIndex:
    return load_index("9.2")


@cache
def _by_key() -> Mapping[str, Mapping[str, Schema]]:
    return {call_key(each.method, each.path): each.parameters for each in index().endpoints}


def parameters(method: str, template: str) -> Mapping[str, Schema]:
    """The parameters of an endpoint of 9.2."""
    return _by_key().get(call_key(method, template), {})


def call_of(method: str, path: str, data: Mapping[str, Any] | None) -> Call:
    """A call as the check refines it."""
    given = ApiPath.parse(path)
    found = index().check(method, given, {**given.query, **(data or {})})
    template = found.endpoint.path if found.endpoint else ""
    return Call(
        method=method, path=given, endpoint=found.endpoint, template=template, path_params=found.path_params,
        data=found.data,
    )  # fmt: skip


def calls(found: Inverse) -> list[tuple[str, str, dict[str, Any]]]:
    """The calls that undo something, as method, path and data."""
    return [(each.method, each.path, dict(each.data)) for each in found.calls]


@dataclass
class Undone:
    """One line, written and undone. ``differences`` are between the state before and after both."""

    line: Line
    inverse: Inverse
    refused: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


async def undone(replay: Replay) -> Undone | None:
    """Write and undo one line; None where it is no write that succeeded."""
    line, root = replay.line, replay.as_root()
    if line["write"]["method"] == "GET" or line["write"]["status"] != 200:
        return None
    for call in line.get("setup", ()):
        if not await replay.sent("setup", call, root):
            return None
    headers = await as_caller(replay)
    watched = list(dict.fromkeys(get["path"] for get in [*line["before"], *(line["cascade"] or ())]))
    earlier = {path: await _get(replay, path) for path in watched}
    write = line["write"]
    call = call_of(write["method"], write["path"], write.get("data"))
    before = await _read(replay, call, {})
    status, _, body = await replay.call(write, headers)
    if status != 200 or _task(replay, body.get("data")) not in ("", "OK"):
        return None
    after = After(body.get("data"), await _read(replay, call, before, again=True))
    found = inverse(Case(call, before, parameters, after))
    result = Undone(line, found)
    for each in found.calls:
        sent = call_of(each.method, each.path, each.data)
        wire = {"method": each.method, "path": sent.path.text, "data": dict(sent.data)}
        if needs_json(dict(sent.data)):
            wire["encoding"] = "json"
        if sent.path.encoded != sent.path.text:
            wire["path"] = sent.path.encoded
        status, reason, body = await replay.call(
            wire, headers if "ticket" in f"{line['kind']}{line.get('who')}" else root
        )
        if status != 200:
            result.refused.append(f"{each.method} {each.path} {each.data}: {status} {reason} {body.get('errors')}")
        elif (end := _task(replay, body.get("data"))) not in ("", "OK"):
            result.refused.append(f"{each.method} {each.path} {each.data}: {end}")
    for path in watched:
        now, then = await _get(replay, path), earlier[path]
        if comparable(now) != comparable(then):
            result.differences.append(f"{path}: {now} for {then}"[:600])
    return result


def _task(replay: Replay, answer: Any) -> str:
    """How the task ended that an answer names, empty where it names none."""
    task = replay.pve.tasks.get(answer) if isinstance(answer, str) else None
    return str(task["exitstatus"]) if task else ""


async def _get(replay: Replay, path: str) -> Any:
    status, _, body = await replay.call({"method": "GET", "path": path}, replay.as_root())
    return body.get("data") if status == 200 else _NO_ANSWER


async def _read(replay: Replay, call: Call, known: Mapping[Get, Any], *, again: bool = False) -> dict[Get, Any]:
    """What the undo wants to know, secrets taken out."""
    state: dict[Get, Any] = {}
    asked: set[Get] = set()
    while new := [get for get in wanted(Case(call, known if again else state, parameters)) if get not in asked]:
        for get in new:
            asked.add(get)
            answer = await _get(replay, get.name)
            template = call_of("GET", get.name, {}).template
            state[get] = None if answer is _NO_ANSWER else Redactor().data(answer, template)
    return state


async def all_undone(lines: Sequence[Line]) -> list[Undone]:
    async with serving() as replay_of:
        found = [await undone(replay_of(line)) for line in lines]
    return [each for each in found if each is not None]


def inverse_as_recorded(line: Line) -> Inverse | None:
    """Our inverse of a recorded write, from the states that were recorded; None where they lack what it is made of."""
    write = line["write"]
    call = call_of(write["method"], write["path"], write.get("data"))
    states = []
    for gets in (line["before"], line["after"]):
        known = {get["path"]: get.get("data") if get["status"] == 200 else None for get in gets}
        state: dict[Get, Any] = {}
        for _ in range(2):
            for get in wanted(Case(call, state, parameters)):
                if get.name not in known:
                    return None
                state[get] = Redactor().data(known[get.name], call_of("GET", get.name, {}).template)
        states.append(state)
    return inverse(Case(call, states[0], parameters, After(write.get("body"), states[1])))


def undo_all(lines: Sequence[Line]) -> list[Undone]:
    return asyncio.run(all_undone(lines))
