"""Grants in the console: given with an approval, seen on every page, revoked from any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from patience import until
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.policy import Decision
from proxmox_mcp.policy.rules import NO_FACTS, Verdict
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web import Role
from proxmox_mcp.web.marks import marks

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_site import Page, Site, Visitor
    from proxmox_mcp.policy.call import Call

STATEMENT = Statement("POST /nodes/pve1/qemu/101/status/reset disrupts.", "[]")
PAGES = ("", "approvals", "activity", "changes", "callers", "connect", "account")
FORM = {"effects": "disrupt", "guests": "101", "calls": "5", "for": "1h"}


@pytest.fixture
def call(action: Callable[..., Call]) -> Call:
    """What a caller asks, with a name that a page must not take for markup."""
    made = action("POST", "/nodes/{node}/qemu/{vmid}/status/reset", "pve1", 101)
    return replace(made, caller=Caller(name="<ops>", owner="lena"), cluster="lab")


def allows(person: Visitor, number: int, **fields: str) -> Page:
    return person.submits("/console/account", f"/console/approvals/{number}/allow", **{**FORM, **fields})


def test_a_call_is_approved_and_the_like_is_allowed_for_a_while(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    lena = site.person()
    page = lena.get(f"/console/approvals/{number}")
    assert 'name="guests" value="101"' in page.text
    answer = allows(lena, number, calls="2")
    assert (answer.status, answer.location) == (303, f"/console/approvals/{number}")
    assert site.console.approvals.redeem(number, call, STATEMENT) == "lena"
    (grant,) = site.console.grants.active()
    assert (grant.approval, grant.granted_by, grant.calls) == (number, "lena", 2)
    assert grant.until == pytest.approx(grant.created + 3600)
    used = [site.console.grants.use(call, NO_FACTS) for _ in range(3)]
    assert [each is not None for each in used] == [True, True, False]


def test_every_page_shows_what_is_allowed_and_an_operator_revokes_it_from_there(site: Site, call: Call) -> None:
    lena, jo = site.person(), site.person("jo", Role.VIEWER)
    allows(lena, site.console.approvals.request(call, STATEMENT))
    said = "&lt;ops&gt; may disrupt on guest 101 of lab: 0 of 5 calls used"
    for page in PAGES:
        text = jo.get(f"/console/{page}").text
        assert said in text
        assert "/revoke" not in text.partition("<main")[0]
        assert "/console/grants/1/revoke" in lena.get(f"/console/{page}").text
    assert jo.submits("/console/account", "/console/grants/1/revoke").status == 403
    answer = lena.submits("/console/changes", "/console/grants/1/revoke", back="changes")
    assert (answer.status, answer.location) == (303, "/console/changes")
    assert site.console.grants.active() == []
    assert said not in lena.get("/console/").text
    assert lena.submits("/console/", "/console/grants/1/revoke").status == 409


def test_both_are_on_record(site: Site, call: Call) -> None:
    lena = site.person()
    allows(lena, site.console.approvals.request(call, STATEMENT))
    lena.submits("/console/", "/console/grants/1/revoke")

    def told() -> set[tuple[str, str]]:
        return {(row.caller, row.path) for row in site.console.activity.page(ActivityFilter(), 10)}

    until(lambda: {("lena", "approval.approved"), ("lena", "grant.given"), ("lena", "grant.revoked")} <= told())


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"effects": ""}, 409),
        ({"effects": "disrupt,destroy"}, 400),
        ({"effects": "read"}, 400),
        ({"guests": ""}, 409),
        ({"guests": "101, web"}, 400),
        ({"guests": "1" * 10}, 400),
        ({"guests": " ".join(map(str, range(100, 200)))}, 400),
        ({"pools": "x" * 129}, 400),
        ({"calls": "0"}, 409),
        ({"calls": "-1"}, 409),
        ({"calls": "1001"}, 409),
        ({"calls": "\u0663"}, 409),
        ({"for": "9h"}, 409),
        ({"for": ""}, 409),
    ],
)
def test_what_can_not_be_allowed_decides_nothing(fields: dict[str, str], status: int, site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    assert allows(site.person(), number, **fields).status == status
    assert site.console.approvals.count_pending() == 1
    assert site.console.grants.active() == []


def test_pools_and_tags_are_taken_in_place_of_guests(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    assert allows(site.person(), number, guests="", pools="web", tags="test, old").status == 303
    (grant,) = site.console.grants.active()
    assert (grant.guests, grant.pools, grant.tags) == (frozenset(), frozenset({"web"}), frozenset({"test", "old"}))


def with_effects(call: Call, *effects: Effect) -> Call:
    cause = call.judgement.causes[0]
    causes = tuple(replace(cause, effect=effect) for effect in effects)
    return replace(call, judgement=replace(call.judgement, causes=causes))


def test_access_and_execute_are_never_ticked_already(site: Site, call: Call) -> None:
    asked = with_effects(call, Effect.CHANGE, Effect.EXECUTE, Effect.ACCESS)
    number = site.console.approvals.request(asked, STATEMENT)
    text = site.person().get(f"/console/approvals/{number}").text
    assert 'value="change" checked' in text
    for effect in ("execute", "access"):
        assert f'name="effects" value="{effect}">' in text
    assert allows(site.person(), number, effects="change").status == 303
    assert site.console.grants.use(asked, NO_FACTS) is None


def four_eyes(call: Call) -> Call:
    decision = Decision(verdict=Verdict.CONFIRM, judgement=call.judgement, reason="rule 1", four_eyes=True)
    return replace(call, decision=decision)


@pytest.mark.parametrize("change", [four_eyes, lambda call: replace(call, method="PLAN")])
def test_what_no_grant_can_cover_is_not_offered(change: Callable[[Call], Call], site: Site, call: Call) -> None:
    number = site.console.approvals.request(change(call), STATEMENT)
    jo = site.person("jo")
    for page in ("approvals", f"approvals/{number}"):
        assert "Allow for a while" not in jo.get(f"/console/{page}").text
    answer = allows(jo, number)
    assert answer.status == 409
    assert "decided one by one" in answer.text
    assert site.console.approvals.count_pending() == 1


def test_a_viewer_can_not_allow_and_what_is_decided_is_not_allowed_later(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    viewer = site.person("jo", Role.VIEWER)
    assert "Allow for a while" not in viewer.get(f"/console/approvals/{number}").text
    assert allows(viewer, number).status == 403
    site.console.approvals.decide(number, approve=False, by="lena")
    assert allows(site.person(), number).status == 409
    assert site.console.grants.active() == []


def test_pages_are_told_of_each_change_of_the_grants(site: Site, call: Call) -> None:
    given: dict[str, Any] = {"caller": "<ops>", "cluster": "lab", "by": "lena", "calls": 2, "seconds": 60}
    seen = [marks(site.console.store)["grants"]]
    site.console.grants.give(**given, effects=frozenset({Effect.DISRUPT}), guests=frozenset({101}))
    seen.append(marks(site.console.store)["grants"])
    site.console.grants.use(call, NO_FACTS)
    seen.append(marks(site.console.store)["grants"])
    site.console.grants.revoke(1, by="lena")
    assert len(set(seen)) == 3
    assert marks(site.console.store)["grants"] != seen[2]
