"""What a person has granted: exactly that, so often and so long, also with many processes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.grants import LONGEST_SECONDS, Grants
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.rules import ABSENT, NO_FACTS, GuestFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from clock import Clock
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.store import Store

RESET = "/nodes/{node}/qemu/{vmid}/status/reset"
GIVEN: dict[str, Any] = {
    "caller": "ops",
    "cluster": "lab",
    "by": "anna",
    "effects": frozenset({Effect.DISRUPT}),
    "guests": frozenset({101}),
    "calls": 2,
    "seconds": 600,
}


@pytest.fixture
def grants(store: Store, clock: Clock) -> Grants:
    return Grants(store, clock)


@pytest.fixture
def call(action: Callable[..., Call]) -> Call:
    return replace(action("POST", RESET, "pve1", 101), caller=Caller(name="ops"), cluster="lab")


def test_a_grant_is_used_so_often_and_no_oftener(grants: Grants, call: Call) -> None:
    number = grants.give(**GIVEN).number
    assert grants.may_cover(call)
    used = [grants.use(call, NO_FACTS) for _ in range(3)]
    assert [each and (each.number, each.used) for each in used] == [(number, 1), (number, 2), None]
    assert grants.active() == []
    assert not grants.may_cover(call)


def test_many_processes_use_no_more_than_was_granted(open_store: Callable[[], Store], call: Call) -> None:
    each = [Grants(open_store()) for _ in range(4)]
    each[0].give(**{**GIVEN, "calls": 7})
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda n: each[n % 4].use(call, NO_FACTS), range(40)))
    assert sum(grant is not None for grant in used) == 7


def test_a_grant_ends_with_its_time_and_when_it_is_revoked(grants: Grants, call: Call, clock: Clock) -> None:
    grants.give(**GIVEN)
    clock.now += 600
    assert grants.use(call, NO_FACTS) is None
    number = grants.give(**GIVEN).number
    assert grants.revoke(number, by="ben").revoked_by == "ben"
    assert grants.use(call, NO_FACTS) is None
    with pytest.raises(ConfirmationError, match="there is no grant 2 in force"):
        grants.revoke(number, by="ben")


@pytest.mark.parametrize(
    "given",
    [
        {"caller": "other"},
        {"cluster": "office"},
        {"effects": frozenset({Effect.DESTROY, Effect.EXECUTE, Effect.ACCESS})},
        {"guests": frozenset({102})},
    ],
)
def test_what_is_not_in_a_grant_is_not_covered(given: dict[str, Any], grants: Grants, call: Call) -> None:
    grants.give(**{**GIVEN, **given})
    assert grants.use(call, NO_FACTS) is None


def test_every_effect_and_every_guest_of_a_call_must_be_granted(
    grants: Grants, action: Callable[..., Call], call: Call
) -> None:
    grants.give(**GIVEN)
    delete = replace(action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 101), caller=call.caller, cluster="lab")
    assert Effect.DESTROY in delete.judgement.effects
    assert grants.use(delete, NO_FACTS) is None
    two = replace(call, targets=replace(call.targets, guests=frozenset({101, 102})))
    assert grants.use(two, NO_FACTS) is None
    open_ended = replace(call, targets=replace(call.targets, open_ended=frozenset({"guest"})))
    assert grants.use(open_ended, NO_FACTS) is None
    unknown = replace(call, template="")
    assert grants.use(unknown, NO_FACTS) is None
    assert grants.use(replace(call, targets=replace(call.targets, guests=frozenset())), NO_FACTS) is None


@pytest.mark.parametrize("where", [{"pools": frozenset({"lab"})}, {"tags": frozenset({"test"})}])
def test_a_guest_counts_to_a_pool_or_tag_only_where_that_is_known(
    where: dict[str, Any], grants: Grants, call: Call
) -> None:
    grants.give(**{**GIVEN, "guests": frozenset(), **where})
    for unknown in (NO_FACTS, {101: ABSENT}, {101: GuestFacts(pool="", tags=frozenset({"prod"}))}):
        assert grants.use(call, unknown) is None
    known = GuestFacts(pool="lab", tags=frozenset({"test", "web"}))
    assert grants.use(call, {101: known}) is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seconds": LONGEST_SECONDS + 1}, "eight hours"),
        ({"seconds": 0}, "eight hours"),
        ({"calls": 0}, "1 to 1000 calls"),
        ({"calls": 1001}, "1 to 1000 calls"),
        ({"effects": frozenset()}, "names effects"),
        ({"guests": frozenset()}, "names effects"),
    ],
)
def test_what_can_not_be_granted_is_refused(given: dict[str, Any], said: str, grants: Grants) -> None:
    with pytest.raises(ConfirmationError, match=said):
        grants.give(**{**GIVEN, **given})
    assert grants.active() == []
