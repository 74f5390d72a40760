"""Approvals in the console: who may decide, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.policy import Decision
from proxmox_mcp.policy.rules import Verdict
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_site import Site
    from proxmox_mcp.policy.call import Call

STATEMENT = Statement("DELETE /nodes/pve1/qemu/102 destroys.\nHits VM 102 <b>web</b>.", "[]")


@pytest.fixture
def call(action: Callable[..., Call]) -> Call:
    return action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 102)


def test_an_operator_approves_and_the_call_can_be_made(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    lena = site.person()
    page = lena.get("/console/approvals")
    assert "Nothing waits" not in page.text
    assert "destroys.\nHits VM 102 &lt;b&gt;web&lt;/<wbr>b&gt;." in page.text
    answer = lena.submits("/console/approvals", f"/console/approvals/{number}", answer="approve")
    assert (answer.status, answer.location) == (303, f"/console/approvals/{number}")
    assert "can make the call now" in lena.get(answer.location).text
    assert site.console.approvals.redeem(number, call, STATEMENT) == "lena"
    assert "Nothing waits" in lena.get("/console/approvals").text


def test_a_denial_is_told_with_its_reason(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    lena = site.person()
    lena.submits("/console/approvals", f"/console/approvals/{number}", answer="deny", reason="not  on\r\na Friday")
    with pytest.raises(ConfirmationError, match='request 1 is denied by lena: "not on a Friday"'):
        site.console.approvals.redeem(number, call, STATEMENT)
    assert "not on a Friday" in lena.get("/console/approvals").text


def test_a_viewer_sees_it_and_can_not_decide(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    viewer = site.person("jo", Role.VIEWER)
    assert "An operator decides." in viewer.get(f"/console/approvals/{number}").text
    answer = viewer.submits("/console/account", f"/console/approvals/{number}", answer="approve")
    assert answer.status == 403
    assert "needs the role operator" in answer.text
    assert site.console.approvals.count_pending() == 1


@pytest.mark.parametrize("answer", ["", "yes", "APPROVE", "approve,deny"])
def test_an_answer_that_is_none_decides_nothing(answer: str, site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    lena = site.person()
    assert lena.submits("/console/approvals", f"/console/approvals/{number}", answer=answer).status == 409
    assert site.console.approvals.count_pending() == 1


def test_the_second_decision_is_refused(site: Site, call: Call) -> None:
    number = site.console.approvals.request(call, STATEMENT)
    lena, jo = site.person(), site.person("jo")
    lena.submits("/console/approvals", f"/console/approvals/{number}", answer="deny")
    late = jo.submits("/console/account", f"/console/approvals/{number}", answer="approve")
    assert late.status == 409
    assert "request 1 is denied" in late.text


@pytest.mark.parametrize("number", ["7", "9007199254740993", "9" * 400])
def test_a_request_that_is_unknown_is_said(number: str, site: Site) -> None:
    assert site.person().get(f"/console/approvals/{number}").status in (404, 409)


def reserved(call: Call, owner: str = "lena", *, four_eyes: bool = False) -> Call:
    """A call of somebody's client, as a rule decides it."""
    made = Decision(verdict=Verdict.CONFIRM, judgement=call.judgement, reason="rule 1", four_eyes=four_eyes)
    return replace(call, caller=Caller(name="claude", owner=owner), decision=made)


def test_with_four_eyes_the_person_of_the_client_may_deny_but_not_approve(site: Site, call: Call) -> None:
    queue = site.console.approvals
    number = queue.request(reserved(call, four_eyes=True), STATEMENT)
    lena, jo = site.person(), site.person("jo")
    own = lena.submits("/console/approvals", f"/console/approvals/{number}", answer="approve")
    assert own.status == 409
    assert "another person" in own.text
    assert queue.count_pending() == 1
    assert jo.submits("/console/approvals", f"/console/approvals/{number}", answer="approve").status == 303
    other = replace(reserved(call, four_eyes=True), caller=Caller(name="codex", owner="jo"))
    again = queue.request(other, STATEMENT)
    assert jo.submits("/console/approvals", f"/console/approvals/{again}", answer="deny").status == 303


def test_without_four_eyes_a_person_approves_calls_of_their_own_client(site: Site, call: Call) -> None:
    number = site.console.approvals.request(reserved(call), STATEMENT)
    approved = site.person().submits("/console/approvals", f"/console/approvals/{number}", answer="approve")
    assert approved.status == 303


def test_a_person_who_asks_in_the_console_needs_another_where_four_eyes_are_demanded(site: Site, call: Call) -> None:
    own = replace(reserved(call, four_eyes=True), caller=Caller(name="console:lena", owner="lena"))
    number = site.console.approvals.request(own, STATEMENT)
    assert site.person().submits("/console/approvals", f"/console/approvals/{number}", answer="approve").status == 409
