"""A GET that stands for many places: asked together, merged into one table with the places as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.gateway.answers import Result, legend_of_all, returned_fields
from proxmox_mcp.gateway.places import PLACE_FIELDS, place_of, told_of
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.gateway.places import Places
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.gateway.resolve import Target
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.render import View

_FAILURES_TOLD = 8
_UNREAD_TOLD = 4
_NOTES_TOLD = 4


async def gather(ask_at: Callable[[ApiPath], Awaitable[Call]], places: Places, view: View, client: Client) -> Result:
    """Ask every place and merge what comes. Each is checked, decided and put on record as a call of its own.

    Fields that the view names and only the inventory knows (``status``, ``tags``) are added to the records.

    What is denied at one place fails there, and leaves the others. Raises the error of the first place where every
    one failed.
    """
    got: dict[ApiPath, Call] = {}
    failures: dict[ApiPath, ProxmoxMcpError] = {}
    done = 0

    async def ask(target: Target) -> None:
        nonlocal done
        try:
            got[target.path] = await ask_at(target.path)
        except ProxmoxMcpError as error:
            failures[target.path] = error
        done += 1
        await client.progress(done / len(places.targets), f"{done} of {len(places.targets)} places")

    asked = [target for target in places.targets if target.online]
    await _all(ask, asked)
    failures = {target.path: failures[target.path] for target in asked if target.path in failures}
    if failures and not got:
        raise next(iter(failures.values()))
    named = {*view.fields, *(condition.field for condition in view.conditions.conditions)}
    records = [
        record
        for target in asked
        if target.path in got
        for record in _records(got[target.path].received.data, target, named)
    ]
    notes = (*_notes(places, failures), *places.notes, *_unread(got), *_said(got))
    endpoints = list({call.template: call.endpoint for call in got.values() if call.endpoint}.values())
    known = dict.fromkeys((*PLACE_FIELDS, *(field for each in endpoints for field in returned_fields(each))))
    return Result(records, notes=notes, known=tuple(known), legend=legend_of_all(endpoints), places=places)


async def _all(ask: Any, targets: list[Target]) -> None:
    first: BaseException | None = None
    try:
        async with anyio.create_task_group() as group:
            for target in targets:
                group.start_soon(ask, target)
    except* ProxmoxMcpError as errors:
        first = errors.exceptions[0]
    if first is not None:  # raised within except*, it would come in a group again before Python 3.11.4
        raise first from None


def _records(data: Any, target: Target, named: set[str]) -> list[dict[str, Any]]:
    """What came from a place, with the columns of the place."""
    place = place_of(target)
    known = told_of(target.guest, named)
    return [{**place, **known, **_of(record, place)} for record in (data if isinstance(data, list) else [data])]


def _of(record: Any, place: dict[str, Any]) -> dict[str, Any]:
    """A record without what its place says already."""
    if not isinstance(record, dict):
        return {"value": record}
    return {key: value for key, value in record.items() if key not in place or value != place[key]}


def _unread(got: dict[ApiPath, Call]) -> tuple[str, ...]:
    """The places where not all rows were read."""
    told = [f"{path}: {each.received.unread}" for path, each in got.items() if each.received.unread]
    more = [f"and of {len(told) - _UNREAD_TOLD} places more."] if len(told) > _UNREAD_TOLD else []
    return (*told[:_UNREAD_TOLD], *more)


def _said(got: dict[ApiPath, Call]) -> tuple[str, ...]:
    """What is to be said beside the data of the places, the same only once."""
    notes = list(dict.fromkeys(note for each in got.values() for note in each.received.notes))
    more = [f"and {len(notes) - _NOTES_TOLD} notes more."] if len(notes) > _NOTES_TOLD else []
    return (*notes[:_NOTES_TOLD], *more)


def _notes(places: Places, failures: dict[ApiPath, ProxmoxMcpError]) -> tuple[str, ...]:
    notes = []
    offline = [target.node for target in places.targets if not target.online]
    if offline:
        notes.append(f"Not asked, offline: {', '.join(map(shown, sorted(set(offline))))}.")
    for path, error in list(failures.items())[:_FAILURES_TOLD]:
        notes.append(f"{path} failed: {error.message.splitlines()[0]}")
    if len(failures) > _FAILURES_TOLD:
        notes.append(f"and {len(failures) - _FAILURES_TOLD} more failed.")
    if places.following:
        end = places.first + len(places.targets)
        notes.append(f"Places {places.first + 1}-{end} of {places.total} were asked; the rest: cursor=places-{end}")
    return tuple(notes)
