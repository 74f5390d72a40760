"""Results on their way to a model: what an endpoint's returned schema tells of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.render import render
from proxmox_mcp.render.cells import no_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.schema import Schema
    from proxmox_mcp.gateway.places import Places
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.render import Budget, Terms, View

_CLOSED = frozenset({"pve-priv-list", "pve-storage-content-list", "pve-vmid-list", "pve-hotplug-features", "ip-list"})
"""Formats of lists whose members Proxmox itself names, or numbers: of any length, they say nothing of anybody's."""

_INDEX = re.compile(r"(?<![0-9])[0-9]+$")

_NEXT = "next: cursor="
"""Before the cursor of a page, which has to name the places that it is a page of, where those are not the first."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gives at all the places it stands for.

    ``known`` are fields that records may have, ``terms`` those that hold Proxmox's own terms, ``places`` the places of
    a merged table, None for a single place.
    """

    data: Any
    told: str = ""
    notes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    terms: Terms = no_terms
    places: Places | None = None

    def text(self, view: View, budget: Budget) -> str:
        """The result for a model, within a budget. Raises ViewError where the view does not suit the data."""
        if self.told:
            return "\n".join((self.told, *self.notes))
        text = render(self.data, view, budget=budget, terms=self.terms, notes=self.notes, known=self.known)
        head, next_, tail = text.rpartition(_NEXT)
        if next_ and self.places is not None and self.places.first:
            return f"{head}{next_}places-{self.places.first}/{tail}"
        return text


def result_of(call: Call) -> Result:
    """What one call gives."""
    received = call.received
    notes = (*received.notes, received.unread) if received.unread else received.notes
    return Result(received.data, received.told, notes, returned_fields(call.endpoint), terms_of(call.endpoint))


def returned_fields(endpoint: Endpoint | None) -> tuple[str, ...]:
    """The fields that an endpoint's records may have."""
    return tuple(_returned(endpoint))


def terms_of(endpoint: Endpoint | None) -> Terms:
    """Which fields of an endpoint's records hold Proxmox's own terms: enumerations, closed lists, property strings."""
    returned = _returned(endpoint)
    if not returned:
        return no_terms

    def terms(field: str) -> bool:
        schema = returned.get(field) or returned.get(_INDEX.sub("[n]", field))
        if schema is None:
            return False
        named = schema.format is None or isinstance(schema.format, str)
        return bool(schema.enum) or not named or schema.format in _CLOSED

    return terms


def _returned(endpoint: Endpoint | None) -> Mapping[str, Schema]:
    if endpoint is None:
        return {}
    returns = endpoint.returns
    record = returns.items if returns.type == "array" and returns.items is not None else returns
    return record.properties or {}
