"""Pools: comment and members, by ``/pools`` with ``poolid`` (from 8.1 on) or by ``/pools/{poolid}``."""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.record.undo.companions import acl_call
from proxmox_mcp.record.undo.model import ACL, Get, Inverse, InverseCall, Recipe, filled, is_on, listed, none, rows

if TYPE_CHECKING:
    from proxmox_mcp.record.undo.model import Case

_GUESTS = Get("/cluster/resources", (("type", "vm"),))


def _name(case: Case) -> str:
    return "/".join(case.names) or str(case.data.get("poolid"))


def _get(case: Case) -> Get:
    """Where the pool is shown, for the same version that the call is for."""
    return Get(filled("/pools/{}", _name(case))) if case.names else Get("/pools", (("poolid", _name(case)),))


def _pool(case: Case) -> dict[str, Any] | None:
    answer = case.before.get(_get(case))
    shown = answer[0] if isinstance(answer, list) and answer else answer
    return shown if isinstance(shown, dict) else None


def _call(method: str, case: Case, data: dict[str, Any], why: str) -> InverseCall:
    if case.names:
        return InverseCall(method, filled("/pools/{}", _name(case)), data, why)
    return InverseCall(method, "/pools", {"poolid": _name(case), **data}, why)


class PoolCreated(Recipe, frozen=True):
    def inverse(self, case: Case) -> Inverse:
        pool = str(case.data.get("poolid"))
        why = f"deletes the pool {pool}"
        if case.parameters("DELETE", "/pools"):
            return Inverse("delete-created", (InverseCall("DELETE", "/pools", {"poolid": pool}, why),))
        return Inverse("delete-created", (InverseCall("DELETE", filled("/pools/{}", pool), {}, why),))


class PoolUpdated(Recipe, frozen=True):
    """Members that were added go, members that were taken out come back; ``allow-move`` takes guests from pools."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (_get(case), _GUESTS) if is_on(case.data.get("allow-move")) else (_get(case),)

    def inverse(self, case: Case) -> Inverse:
        shown = _pool(case)
        if shown is None:
            return none("the pool was not read before")
        members = [each for each in shown.get("members") or () if isinstance(each, dict)]
        there = {
            "vms": {str(each["vmid"]) for each in members if each.get("vmid") is not None},
            "storage": {str(each["storage"]) for each in members if each.get("type") == "storage"},
        }
        deleting = is_on(case.data.get("delete"))
        data: dict[str, Any] = {}
        moved: list[InverseCall] = []
        for kind, known in there.items():
            named = listed(case.data.get(kind))
            changed = [name for name in named if (name in known) is deleting]
            if kind == "vms" and not deleting:
                moved = _moved_back(changed, case)
            if changed:
                data[kind] = ",".join(changed)
        if data and not deleting:
            data["delete"] = 1
        calls = [_call("PUT", case, data, f"{'removes' if 'delete' in data else 'adds'} members")] if data else []
        if "comment" in case.data:
            calls.append(_call("PUT", case, {"comment": shown.get("comment", "")}, "restores the comment"))
        return Inverse("restore", (*calls, *moved), reason="" if calls else "it changes nothing")


def _moved_back(vmids: list[str], case: Case) -> list[InverseCall]:
    pools = {str(row.get("vmid")): row.get("pool") for row in rows(case.before, _GUESTS) or ()}
    back: dict[str, list[str]] = {}
    for vmid in vmids:
        if pool := pools.get(vmid):
            back.setdefault(str(pool), []).append(vmid)
    return [
        InverseCall("PUT", "/pools", {"poolid": pool, "vms": ",".join(guests)}, f"puts {', '.join(guests)} into {pool}")
        for pool, guests in back.items()
    ]


class PoolDeleted(Recipe, frozen=True):
    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (_get(case), ACL)

    def inverse(self, case: Case) -> Inverse:
        shown, pool = _pool(case), _name(case)
        if shown is None:
            return none("the pool was not read before")
        data = {"poolid": pool} | ({"comment": shown["comment"]} if shown.get("comment") else {})
        again = InverseCall("POST", "/pools", data, f"makes the pool {pool} again")
        granted = [acl_call(entry) for entry in rows(case.before, ACL) or () if entry.get("path") == f"/pool/{pool}"]
        return Inverse("create-again", (again, *granted), () if ACL in case.before else ("rights on it",))
