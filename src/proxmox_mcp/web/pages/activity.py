"""The last calls, live and filtered, with their tasks; and what runs now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup
from msgspec import Struct

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web.marks import NO_PLANS
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


class Asked(Struct, frozen=True):
    """The filter of a query as it was given, and the number of the row that the rows must be older than."""

    chosen: Mapping[str, str]
    before: int | None

    @classmethod
    def of(cls, visit: Visit) -> Asked:
        given = visit.request.query_params
        return cls(
            {name: given.get(name, "")[:_LONGEST_FIELD] for name in _FIELDS}, before=whole(given.get("before", ""))
        )

    @property
    def is_filtered(self) -> bool:
        return any(self.chosen.values())

    def query(self, before: int | None) -> str:
        """The query for the same filter, from a row on."""
        return urlencode({name: value for name, value in (*self.chosen.items(), ("before", before)) if value})


async def activity(visit: Visit) -> Response:
    """The page: what runs now, and the calls that fit the filter, newest first."""
    asked = Asked.of(visit)
    return visit.page(
        "activity.html",
        **await _parts(visit, asked),
        chosen=asked.chosen,
        is_filtered=asked.is_filtered,
        callers=await visit.console.store.in_thread(visit.console.activity.names),
        outcomes=OUTCOMES,
        effects=list(Effect),
    )


async def live(visit: Visit) -> Response:
    """The parts of the page that change with each call, alone."""
    return visit.page("activity_live.html", **await _parts(visit, Asked.of(visit)))


async def _parts(visit: Visit, asked: Asked) -> dict[str, Any]:
    """The values of what is live."""
    console, seen = visit.console, visit.shell.seen
    tasks = await running_tasks(console, seen["activity"])
    # Made once for all who look: at 1,000 calls a minute the list is another one at each update.
    view = (base_of(visit.request), *asked.chosen.values(), asked.before, visit.may(Role.OPERATOR))
    mark = (seen["activity"], *((each.upid, each.percent) for each in tasks))
    calls = await console.calls.get(view, mark, lambda: _calls(visit, asked, tasks))
    return {
        "calls": calls,
        "tasks": tasks,
        "plans": await console.gateway.plans.all_running() if console.gateway and seen["plans"] != NO_PLANS else [],
        "clusters": list(console.clusters),
        "query": asked.query(asked.before),
        "is_older": asked.before is not None,
    }


async def _calls(visit: Visit, asked: Asked, tasks: Sequence[RunningTask]) -> Markup:
    """The list of calls, ready to be put into a page."""
    wanted = _wanted(asked.chosen, asked.before)
    rows = await visit.console.store.in_thread(visit.console.activity.page, wanted, _ROWS + 1)
    html = render(
        "calls.html",
        rows=rows[:_ROWS],
        older=asked.query(rows[_ROWS - 1].number) if len(rows) > _ROWS else "",
        running={each.upid: each for each in tasks},
        is_filtered=asked.is_filtered,
        is_operator=visit.may(Role.OPERATOR),
        base=base_of(visit.request),
    )
    return Markup(html)  # noqa: S704 - a template has escaped it


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
