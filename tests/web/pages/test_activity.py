"""The page of the activity, without a cluster."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.web import Role
from proxmox_mcp.web.security import POLICY

if TYPE_CHECKING:
    from console_site import Site
    from proxmox_mcp.record.activity import Activity, ActivityFilter


def record(site: Site, event: str = "outcome", **fields: Any) -> None:
    line = {"time": "2026-11-22T05:06:07.123Z", "event": event, "id": "r1", "caller": "ops", "method": "GET",
            "path": "/version", "effects": ["read"], "result": "ok"}  # fmt: skip
    site.console.activity.note({**line, **fields})
    assert site.console.activity.flush()


def test_what_people_did_is_told_in_words(site: Site) -> None:
    record(site, "approval.denied", by="lena", number=7, reason="not now")
    page = site.person().get("/console/activity").text
    assert "Denied request 7" in page
    assert "not now" in page


def test_a_refusal_is_told_in_words_with_its_code(site: Site) -> None:
    record(site, result="guard.rate", message="Too many calls. Wait `5 s`.")
    page = site.person().get("/console/activity").text
    assert "too many calls" in page
    assert "(guard.rate)" in page
    assert "<code>5 s</code>" in page


def test_the_list_is_made_once_for_all_who_look_until_there_is_a_call_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = site.console.activity.page

    def page(wanted: ActivityFilter, most: int) -> list[Activity]:
        asked.append(wanted)
        return real(wanted, most)

    monkeypatch.setattr(site.console.activity, "page", page)
    people = [site.person(name) for name in ("lena", "anna", "jo")]
    for each in people:
        each.get("/console/activity")
    assert len(asked) == 1
    record(site, path="/nodes/pve7/status")
    for each in people:
        assert "pve7" in each.get("/console/activity").text
        assert "pve7" in each.get("/console/activity/live").text
    assert len(asked) == 2
    people[0].get("/console/activity?outcome=ok")
    assert len(asked) == 3


@pytest.mark.parametrize("query", ["", "?caller=ops&outcome=ok", "?outcome=refused", "?before=3", "?guest=%22%3E%26"])
def test_the_parts_that_change_are_had_alone_as_they_are_in_the_page(query: str, site: Site) -> None:
    for number in range(60):
        record(site, id=f"r{number}", path=f"/nodes/pve{number}/status")
    lena = site.person()
    page = lena.get(f"/console/activity{query}").text
    sources = {unescape(each) for each in re.findall(r' data-from="([^"]*)"', page)}
    assert len(sources) == 1
    parts = lena.get(sources.pop())
    assert parts.status == 200
    for part in re.split(r"(?=<section id=|<div id=)", parts.text)[1:]:
        assert part.strip() in page
    assert 'id="tasks"' in parts.text
    assert 'id="calls"' in parts.text
    assert len(parts.text) < len(page)
    assert "<html" not in parts.text


def test_parts_of_a_page_are_shown_only_to_who_is_signed_in(site: Site) -> None:
    record(site, path="/nodes/pve7/status")
    stranger = site.visitor().get("/console/activity/live?caller=ops")
    assert (stranger.status, "pve7" in stranger.text) == (303, False)
    assert stranger.location.endswith("/sign-in?next=activity/live%3Fcaller%3Dops")
    viewer = site.person("jo", Role.VIEWER).get("/console/activity/live")
    assert viewer.status == 200
    assert viewer.headers["content-security-policy"] == POLICY
    assert viewer.headers["cache-control"] == "no-store"


def test_an_operators_buttons_are_in_no_viewers_list(site: Site) -> None:
    operator, viewer = site.person("lena", Role.OPERATOR), site.person("jo", Role.VIEWER)
    assert 'id="stop"' in operator.get("/console/activity").text
    assert 'id="stop"' not in viewer.get("/console/activity").text
