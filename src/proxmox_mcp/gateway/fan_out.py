"""A GET that stands for many places: asked together, merged into one table with the places as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.gateway.answers import Result
from proxmox_mcp.gateway.places import PLACE_FIELDS, place_of
from proxmox_mcp.gateway.returned import legend_of, returned_fields
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.gateway.places import Places
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.gateway.resolve import Target
    from proxmox_mcp.policy.call import Call

_FAILURES_TOLD = 8
_UNREAD_TOLD = 4


async def gather(ask_at: Callable[[ApiPath], Awaitable[Call]], places: Places, client: Client) -> Result:
    """Ask every place and merge what comes. Each is checked, decided and put on record as a call of its own.

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
    records = [
        record for target in asked if target.path in got for record in _records(got[target.path].received.data, target)
    ]
    notes = (*_notes(places, failures), *_unread(got))
    endpoint = _endpoint(got)
    known = (*PLACE_FIELDS, *returned_fields(endpoint))
    return Result(records, notes=notes, known=known, legend=legend_of(endpoint), places=places)


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


def _records(data: Any, target: Target) -> list[dict[str, Any]]:
    place = place_of(target)
    if isinstance(data, list):
        return [{**place, **_of(record, place)} for record in data]
    return [{**place, **_of(data, place)}]


def _of(record: Any, place: dict[str, Any]) -> dict[str, Any]:
    """A record without what its place says already."""
    if not isinstance(record, dict):
        return {"value": record}
    return {key: value for key, value in record.items() if key not in place or value != place[key]}


def _endpoint(got: dict[ApiPath, Call]) -> Endpoint | None:
    return next((each.endpoint for each in got.values()), None)


def _unread(got: dict[ApiPath, Call]) -> tuple[str, ...]:
    """The places where not all rows were read."""
    told = [f"{path}: {each.received.unread}" for path, each in got.items() if each.received.unread]
    more = [f"and of {len(told) - _UNREAD_TOLD} places more."] if len(told) > _UNREAD_TOLD else []
    return (*told[:_UNREAD_TOLD], *more)


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
