"""What is wrong in a cluster: read past the guard, and told in few tokens, each kind with where to look next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.errors import PermissionDeniedError
from proxmox_mcp.proxmox.inventory import in_a_row
from proxmox_mcp.proxmox.problems import TITLES, ClusterProblem, ProblemReport, Unread, examine
from proxmox_mcp.proxmox.records import records
from proxmox_mcp.proxmox.visibility import hidden
from proxmox_mcp.render import Clock, estimate_tokens
from proxmox_mcp.render.units import number_of, short_duration
from proxmox_mcp.untrusted import one_line, shown, with_notice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.gateway.gateway import Gateway
    from proxmox_mcp.gateway.request import Request
    from proxmox_mcp.proxmox.permissions import Permissions

RESOURCES = "/cluster/resources"
MOST_TOKENS = 400
_LONGEST_NAME, _LONGEST_WHY = 60, 80
_MOST_UNREAD = 4
_CONTENT = "/nodes/{node}/storage/{storage}/content"
_CHECKED = "Checked: nodes, quorum, HA, replication, storages, services, tasks, certificates, locks, backups."


async def problems_of(gateway: Gateway, request: Request) -> tuple[Clock, ProblemReport]:
    """The problems of the cluster that a request names, as its caller may see them, and the clock of that cluster.

    The request is one for ``RESOURCES``. Raises ProxmoxMcpError where not even these can be read.
    """
    partly: dict[str, Unread] = {}
    hides_backups = False
    async with gateway.reading(request) as (cluster, read_call):
        rights = await cluster.permissions.rights()
        limited = None if rights is None or rights.unlimited else rights.permissions

        async def read(path: str, params: Mapping[str, Any]) -> Any:
            nonlocal hides_backups
            call = await read_call(path, params)
            data = call.received.data
            if limited is None:
                return data
            if (missing := hidden(call.template, limited)) is not None:
                partly.setdefault(call.template, Unread(f"all of {call.template}", "", path, f"lacks {missing}"))
            if path == RESOURCES:  # Asked for first, and once: there may be thousands of guests, and many storages.
                hides_backups = _cannot_back_up_all(data, limited)
            if call.template == _CONTENT:
                _must_show_backups(call.path_params["storage"], limited, hides_backups=hides_backups)
            return data

        clock = await cluster.time.clock()
        report = await examine(read, clock.now, _yesterday(clock))
    return clock, replace(report, unread=(*report.unread, *partly.values()))


def _cannot_back_up_all(resources: Any, permissions: Permissions) -> bool:
    """Whether ``VM.Backup`` is missing for a guest."""
    guests = (record for record in records(resources) if "vmid" in record)
    return any("VM.Backup" not in permissions.at(f"/vms/{guest['vmid']}") for guest in guests)


def _must_show_backups(storage: str, permissions: Permissions, *, hides_backups: bool) -> None:
    """Raise PermissionDeniedError where Proxmox leaves backups out of a storage's list without a word
    (``PVE::Storage::check_volume_access``): a list without them looks as if there were none."""
    held = permissions.at(f"/storage/{storage}")
    if "Datastore.Allocate" in held:
        return
    if "Datastore.AllocateSpace" not in held:
        raise PermissionDeniedError("lacks Datastore.AllocateSpace, without which backups are hidden")
    if hides_backups:
        raise PermissionDeniedError("lacks VM.Backup of some guests, without which their backups are hidden")


def _yesterday(clock: Clock) -> float:
    """The first second of yesterday, where the cluster is."""
    today = datetime.fromtimestamp(clock.now, clock.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - timedelta(days=1)).timestamp()


def problems_text(report: ProblemReport, clock: Clock, *, most_tokens: int = MOST_TOKENS) -> str:
    """The report for a model: a line for each kind of problem, as much of each as fits; of the rest its number."""
    kinds = len(report.of_kind())
    shapes = [*_SHAPES, *(replace(_SHAPES[-1], kinds=most) for most in range(kinds - 1, -1, -1))]
    for shape in shapes:
        text = with_notice("\n".join(_lines(report, clock, shape)))
        if estimate_tokens(text) <= most_tokens:
            break
    return text


class _Shape(Struct, frozen=True):
    """How much is told: ``subjects`` of a kind, ``words`` (characters) of each, ``reasons`` why something is unread,
    ``kinds`` with a line of their own."""

    subjects: int
    words: int
    reasons: int
    kinds: int = len(TITLES)


_SHAPES = (_Shape(6, 80, 4), _Shape(4, 80, 4), _Shape(3, 60, 3), _Shape(2, 40, 2), _Shape(1, 40, 1))


def _lines(report: ProblemReport, clock: Clock, shape: _Shape) -> list[str]:
    count = len(report.problems)
    found = number_of(count, "problem") if count else "No problems found"
    lines = [f"{found}, {clock.present}", *([] if count else [_CHECKED])]
    kinds = list(report.of_kind().items())
    for kind, problems in kinds[: shape.kinds]:
        first = [_told(each, report.taken, shape.words) for each in problems[: shape.subjects]]
        told = in_a_row(first, len(problems), "; ")
        heading = f"{problems[0].severity}: {TITLES[kind]} ({len(problems)})"
        lines.append(f"{heading}: {told} -> GET {_path(problems[0].look)}")
    if rest := [f"{TITLES[kind]} ({len(problems)})" for kind, problems in kinds[shape.kinds :]]:
        lines.append(f"also: {', '.join(rest)}")
    return [*lines, *_unread(report.unread, shape.reasons)]


def _told(problem: ClusterProblem, now: float, words: int) -> str:
    subject = " ".join(shown(one_line(name, _LONGEST_NAME)) for name in problem.names)
    node = f"on {shown(problem.node)}" if problem.node else ""
    said = shown(one_line(problem.said, words)) if problem.said else ""
    return " ".join(filter(None, (subject, node, age_of(problem, now), said)))


def _path(path: str) -> str:
    """A path whose segments may be names that anybody chose; a task's id among them is longer than other tokens."""
    return "/".join(segment and shown(segment) for segment in path.split("/"))


def age_of(problem: ClusterProblem, now: float) -> str:
    """``3d ago``, ``in 12d``; empty where no moment matters."""
    if problem.when is None:
        return ""
    age = now - problem.when
    return f"{short_duration(age)} ago" if age >= 0 else f"in {short_duration(-age)}"


def _unread(unread: Sequence[Unread], most: int) -> list[str]:
    """What is not known, grouped by the reason."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for each in unread:
        places = reasons.setdefault(one_line(each.why, _LONGEST_WHY), {}).setdefault(each.what, [])
        places += [each.of] if each.of else []
    lines = [f"not read: {_whats(whats)} ({why})" for why, whats in list(reasons.items())[:most]]
    others = sum(len(whats) for whats in list(reasons.values())[most:])
    return [*lines, f"not read for other reasons: {others} more"] if others else lines


def _whats(whats: Mapping[str, Sequence[str]]) -> str:
    """What was not read for one reason, each with the nodes or storages."""
    return in_a_row([_with_places(what, of) for what, of in list(whats.items())[:_MOST_UNREAD]], len(whats))


def _with_places(what: str, places: Sequence[str]) -> str:
    named = in_a_row([shown(each, _LONGEST_NAME) for each in places[:_MOST_UNREAD]], len(places))
    return f"{what} of {named}" if places else what
