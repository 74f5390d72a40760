"""Results on their way to a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from proxmox_mcp.gateway.returned import legend_of, returned_fields
from proxmox_mcp.render import Legend, render

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.gateway.cluster_time import ClusterTime
    from proxmox_mcp.gateway.places import Places
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.render import Budget, View

_NEXT = "next: cursor="
"""Before the cursor of a page, which has to name the places that it is a page of, where those are not the first."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gives at all the places it stands for.

    ``known`` are fields that records may have, ``legend`` tells how they read, ``places`` the places of a merged table,
    None for a single place.
    """

    data: Any
    told: str = ""
    notes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    legend: Legend = field(default_factory=Legend)
    places: Places | None = None

    def text(self, view: View, budget: Budget) -> str:
        """The result for a model, within a budget. Raises ViewError where the view does not suit the data."""
        if self.told:
            return "\n".join((self.told, *self.notes))
        text = render(self.data, view, budget=budget, legend=self.legend, notes=self.notes, known=self.known)
        head, next_, tail = text.rpartition(_NEXT)
        if next_ and self.places is not None and self.places.first:
            return f"{head}{next_}places-{self.places.first}/{tail}"
        return text

    async def dated(self, view: View, cluster_time: ClusterTime, node: str = "") -> Result:
        """The result with the cluster's clock, where it holds a time or its filter names a date."""
        if self.told or not (view.names_a_date or self.legend.tells_time(self.data, view.fields)):
            return self
        return replace(self, legend=self.legend.at(await cluster_time.clock(node)))


def result_of(call: Call, index: EndpointIndex | None = None) -> Result:
    """What one call gives. The ``index`` is that of the schema in force."""
    received = call.received
    notes = (*received.notes, received.unread) if received.unread else received.notes
    endpoint = call.endpoint
    return Result(received.data, received.told, notes, returned_fields(endpoint), legend_of(endpoint, index))
