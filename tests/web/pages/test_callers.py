"""The page of callers: who may make them, and that a token is shown once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from console_site import Site

NEW = {"name": "claude-anna", "mode": "read-only", "expires": "7"}


def test_an_admin_makes_a_caller_whose_token_is_shown_once(site: Site) -> None:
    lena = site.person(role=Role.ADMIN)
    made = lena.submits("/console/callers", "/console/callers/make", **NEW)
    assert made.status == 200
    token = re.search(r"<pre><code>([\w-]{40,})</code>", made.text)
    assert token
    assert made.headers["cache-control"] == "no-store"
    (caller,) = site.console.callers.listed()
    assert (caller.name, caller.mode, caller.created_by) == ("claude-anna", Mode.READ_ONLY, "lena")
    assert caller.expires is not None
    listed = lena.get("/console/callers").text
    assert "claude-anna" in listed
    assert token[1] not in listed


def test_a_caller_gets_a_new_token_is_revoked_and_removed(site: Site) -> None:
    lena = site.person(role=Role.ADMIN)
    lena.submits("/console/callers", "/console/callers/make", **NEW)
    assert "shown only now" in lena.submits("/console/callers", "/console/callers/rotate", name="claude-anna").text
    lena.submits("/console/callers", "/console/callers/revoke", name="claude-anna")
    assert "revoked" in lena.get("/console/callers").text
    lena.submits("/console/callers", "/console/callers/remove", name="claude-anna")
    assert site.console.callers.listed() == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_see_the_list_and_change_nothing(role: Role, site: Site) -> None:
    site.console.callers.make("claude-anna", by="lena")
    jo = site.person("jo", role)
    page = jo.get("/console/callers").text
    assert "claude-anna" in page
    assert "/callers/make" not in page
    for action in ("make", "rotate", "revoke", "remove"):
        answer = jo.submits("/console/account", f"/console/callers/{action}", **NEW | {"name": "claude-anna"})
        assert answer.status == 403
    assert site.console.callers.listed()[0].is_active(0.0)


@pytest.mark.parametrize(
    "fields", [{"mode": "god"}, {"expires": "never"}, {"name": "<script>alert(1)</script>"}, {"clusters": "prod"}]
)
def test_a_form_that_makes_no_sense_makes_no_caller(fields: dict[str, str], site: Site) -> None:
    lena = site.person(role=Role.ADMIN)
    answer = lena.submits("/console/callers", "/console/callers/make", **NEW | fields)
    assert answer.status == 400
    assert "<script>alert" not in answer.text
    assert site.console.callers.listed() == []
