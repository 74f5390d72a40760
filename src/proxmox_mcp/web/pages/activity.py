"""The last calls, live and filtered, with their tasks; and what runs now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from markupsafe import Markup

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web.rendering import render
from proxmox_mcp.web.roles import Role
from proxmox_mcp.web.tasks import running_tasks
from proxmox_mcp.web.visit import base_of, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from proxmox_mcp.web.tasks import RunningTask
    from proxmox_mcp.web.visit import Visit

_ROWS = 50
SINCE: Mapping[str, float] = {"15m": 900, "1h": 3600, "24h": 86400, "7d": 604800}
OUTCOMES = ("ok", "running", "refused", "failed")
_LONGEST_FIELD = 100
_FIELDS = ("caller", "cluster", "guest", "effect", "outcome", "since", "writes")


@dataclass(frozen=True, slots=True)
class ShownCalls:
    """The list of calls, ready to be put into a page, and all callers to choose from."""

    html: Markup
    callers: Sequence[str]


async def activity(visit: Visit) -> Response:
    """The page: what runs now, and the calls that fit the filter, newest first."""
    console, given = visit.console, visit.request.query_params
    chosen = {name: given.get(name, "")[:_LONGEST_FIELD] for name in _FIELDS}
    before = whole(given.get("before", ""))
    tasks = await running_tasks(console, visit.shell.seen["activity"])

    async def make() -> ShownCalls:
        return await _shown(visit, chosen, before, tasks)

    # Made once for all who look: at 1,000 calls a minute the list is another one at each update.
    view = (base_of(visit.request), *chosen.values(), before, visit.may(Role.OPERATOR))
    mark = (visit.shell.seen["activity"], *((each.upid, each.percent) for each in tasks))
    calls = await console.calls.get(view, mark, make)
    return visit.page(
        "activity.html",
        calls=calls.html,
        tasks=tasks,
        plans=await console.gateway.plans.all_running() if console.gateway else [],
        chosen=chosen,
        is_filtered=any(chosen.values()),
        is_older=before is not None,
        callers=calls.callers,
        clusters=list(console.clusters),
        outcomes=OUTCOMES,
        effects=list(Effect),
    )


async def _shown(
    visit: Visit, chosen: Mapping[str, str], before: int | None, tasks: Sequence[RunningTask]
) -> ShownCalls:
    store, log = visit.console.store, visit.console.activity
    rows = await store.in_thread(log.page, _wanted(chosen, before), _ROWS + 1)
    filtered = {name: value for name, value in chosen.items() if value}
    html = render(
        "calls.html",
        rows=rows[:_ROWS],
        older=urlencode({**filtered, "before": rows[_ROWS - 1].number}) if len(rows) > _ROWS else "",
        running={each.upid: each for each in tasks},
        is_filtered=bool(filtered),
        is_operator=visit.may(Role.OPERATOR),
        base=base_of(visit.request),
    )
    return ShownCalls(Markup(html), await store.in_thread(log.names))  # noqa: S704 - a template has escaped it


def _wanted(chosen: Mapping[str, str], before: int | None) -> ActivityFilter:
    """The filter of a query; values that make no sense count as not given."""
    return ActivityFilter(
        caller=chosen["caller"],
        cluster=chosen["cluster"],
        guest=chosen["guest"].strip(),
        effect=chosen["effect"] if chosen["effect"] in list(Effect) else "",
        outcome=chosen["outcome"] if chosen["outcome"] in OUTCOMES else "",
        since=time.time() - SINCE[chosen["since"]] if chosen["since"] in SINCE else None,
        writes=chosen["writes"] == "yes",
        before=before,
    )
