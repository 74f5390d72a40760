"""The freeze in the console: on every page, for operators, on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from patience import until
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from console_site import Site

PAGES = ("", "approvals", "activity", "callers", "connect", "account")


def test_an_operator_freezes_and_every_page_says_so(site: Site) -> None:
    lena, jo = site.person(), site.person("jo", Role.VIEWER)
    answer = lena.submits(
        "/console/approvals", "/console/freeze", reason="moving the <rack>", back="approvals", **{"for": "1h"}
    )
    assert (answer.status, answer.location) == (303, "/console/approvals")
    frozen = site.console.freezes.current()
    assert frozen is not None
    assert (frozen.by, frozen.reason) == ("lena", "moving the <rack>")
    assert frozen.until == pytest.approx(frozen.since + 3600)
    for page in PAGES:
        text = jo.get(f"/console/{page}").text
        assert "All writes are refused." in text
        assert "moving the &lt;rack&gt;" in text
        assert "/console/unfreeze" not in text
    lena.submits("/console/", "/console/unfreeze")
    assert site.console.freezes.current() is None
    assert "All writes are refused." not in lena.get("/console/").text


def test_it_is_on_record(site: Site) -> None:
    site.person().submits("/console/", "/console/freeze", **{"for": ""})
    until(lambda: site.console.activity.page(ActivityFilter(), 10))
    (row,) = site.console.activity.page(ActivityFilter(), 10)
    assert (row.caller, row.path) == ("lena", "freeze")


def test_a_viewer_can_not_freeze_nor_end_a_freeze(site: Site) -> None:
    jo = site.person("jo", Role.VIEWER)
    assert "/console/freeze" not in jo.get("/console/").text
    assert jo.submits("/console/account", "/console/freeze", **{"for": ""}).status == 403
    assert site.console.freezes.current() is None
    site.console.freezes.freeze(by="lena")
    assert jo.submits("/console/account", "/console/unfreeze").status == 403
    assert site.console.freezes.current() is not None


@pytest.mark.parametrize("given", ["1y", "-1", "3600"])
def test_only_durations_that_are_offered_are_taken(given: str, site: Site) -> None:
    assert site.person().submits("/console/", "/console/freeze", **{"for": given}).status == 400
    assert site.console.freezes.current() is None


@pytest.mark.parametrize("back", ["//evil.example.org", "https://evil.example.org", "../..", "x" * 1000])
def test_the_way_back_is_a_page_of_the_console(back: str, site: Site) -> None:
    answer = site.person().submits("/console/", "/console/freeze", back=back, **{"for": ""})
    assert answer.location == "/console/"
