"""How writes are undone: what has to be read before one, and the calls that take it back.

Pure: nothing here reads or sends anything. ``apidoc/effects`` says in words how each endpoint is undone and which have
no way back; ``recipes`` does what those words say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.record.undo.cascade import cascade, gone_with
from proxmox_mcp.record.undo.model import (
    After,
    Case,
    Get,
    Inverse,
    InverseCall,
    Made,
    Parameters,
    Recipe,
    State,
    filled,
    none,
)
from proxmox_mcp.record.undo.proven import proven

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import Schema
    from proxmox_mcp.policy.call import Call

__all__ = [
    "After",
    "Case",
    "Get",
    "Inverse",
    "InverseCall",
    "Made",
    "Parameters",
    "State",
    "cascade",
    "created",
    "gone_with",
    "guest_config",
    "inverse",
    "is_remade",
    "objects",
    "observed",
    "proven",
    "wanted",
]


GONE_MEANWHILE = "what is gone by then"
"""What does not come back where a call ``destroys for good``: its inverse restores settings, and not what they did."""


def wanted(case: Case) -> tuple[Get, ...]:
    """The GETs that have to be read before a write so that it can be undone; asked again with what was read, until it
    names nothing new."""
    recipe = _recipe(case.call)
    return recipe.wanted(case) if isinstance(recipe, Recipe) else ()


def inverse(case: Case) -> Inverse:
    """How a call is undone."""
    recipe = _recipe(case.call)
    if isinstance(recipe, Inverse):
        return recipe
    found = recipe.inverse(case)
    shown = proven().get(call_key(case.call.method, case.call.template))
    lost = (*found.lost, GONE_MEANWHILE) if case.call.judgement.destroys_for_good and not found.lost else found.lost
    return replace(found, lost=lost, proven=shown is not None and found.forms <= shown)


def _recipe(call: Call) -> Recipe | Inverse:
    review = bundled_effects().of(call.method, call.template)
    if review is None or review.undo is None:
        return none("nobody reviewed how this is undone")
    if review.undo.kind == "none":
        return none(review.undo.how)
    # Only writes need the recipes: their 44 dataclasses take an eighth of what the server's own modules take to import.
    from proxmox_mcp.record.undo.recipes import RECIPES

    recipe = RECIPES.get(call_key(call.method, call.template))
    return recipe or none(f"only by hand: {review.undo.how}")


def observed(call: Call) -> Get | None:
    """The one GET that shows what a write changes, read before and after it. None where the answer to the call says it
    already, or nothing shows it."""
    if call.method == "DELETE":
        return None
    found = next(iter(wanted(Case(call, {}, _unknown))), None)
    if found is not None and found.path.endswith("/status/current"):
        return None  # How a start or a stop ended is told with its task.
    return found if found is not None else guest_config(call)


def guest_config(call: Call) -> Get | None:
    """The configuration of the guest that a call changes or deletes."""
    guest = call.path.guest
    if guest is None or call.path.segments[4:5] not in _ABOUT_CONFIG:
        return None
    return Get(filled(f"/nodes/{{}}/{guest[0]}/{{}}/config", call.path.segments[1], guest[1]))


_ABOUT_CONFIG = ((), *((name,) for name in ("config", "resize", "unlink", "move_disk", "move_volume", "template")))


def is_remade(call: Call) -> bool:
    """Whether the calls that undo this one are made again when it is undone: they depend on what is there then."""
    recipe = _recipe(call)
    return isinstance(recipe, Recipe) and recipe.remade


def created(case: Case) -> Made | None:
    """What shows the object that a call has made, once it is there; None where no GET shows just that."""
    recipe = _recipe(case.call)
    return recipe.created(case) if isinstance(recipe, Recipe) else None


def _unknown(_method: str, _template: str) -> Mapping[str, Schema]:
    return {}
