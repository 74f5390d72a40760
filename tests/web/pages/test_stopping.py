"""Stopping in the console: all writes (the freeze), on every page, for operators, on record; tasks and plans."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from patience import until
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from console_site import Site
    from proxmox_mcp.record.activity import Activity
    from web.pages.conftest import ClusterSite

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


@pytest.mark.parametrize("form", ["stop", "stop-plan"])
def test_a_viewer_stops_nothing(form: str, site: Site) -> None:
    viewer = site.person("jo", Role.VIEWER)
    assert viewer.submits("/console/account", f"/console/{form}", task="default/UPID:x", plan="1").status == 403


def test_a_task_is_stopped_after_its_statement_was_read(cluster_site: ClusterSite) -> None:
    upid = cluster_site.api.done("POST", "/nodes/pve1/qemu/110/clone", newid=9120, full=1)
    lena = cluster_site.person()

    def deletions() -> list[Activity]:
        assert cluster_site.console.activity.flush()
        return cluster_site.console.activity.page(ActivityFilter(caller="console:lena"), 10)

    asked = lena.submits("/console/activity", "/console/stop", task=f"default/{upid}")
    assert "<h1>Stop qmclone 110</h1>" in asked.text
    assert upid in asked.text
    assert [row.result for row in deletions()] == ["unconfirmed"], "nothing is sent before the statement was read"
    agreed = re.search(r'name="agreed" value="([0-9a-f]+)"', asked.text)
    assert agreed
    answer = lena.submits("/console/activity", "/console/stop", task=f"default/{upid}", agreed=agreed[1])
    assert (answer.status, answer.location) == (303, "/console/activity")
    row = deletions()[0]
    assert (row.method, row.path, row.result) == ("DELETE", f"/nodes/pve1/tasks/{upid}", "ok")
    assert row.confirmation == "approved by lena"


@pytest.mark.parametrize(
    ("form", "fields", "said"),
    [
        ("stop", {"task": "default/UPID:x"}, "not the id of a task"),
        ("stop", {}, "not the id of a task"),
        ("stop-plan", {"plan": "x"}, "names no plan"),
        ("stop-plan", {"plan": "9999"}, "Plan 9999 does not run"),
    ],
)
def test_a_form_that_names_nothing_stops_nothing(
    form: str, fields: dict[str, str], said: str, cluster_site: ClusterSite
) -> None:
    answer = cluster_site.person().submits("/console/activity", f"/console/{form}", **fields)
    assert (answer.status, said in answer.text) == (400, True), answer.text
    assert cluster_site.console.activity.flush()
    assert "plan.stopped" not in [each.path for each in cluster_site.console.activity.page(ActivityFilter(), 100)]


@pytest.mark.parametrize("form", ["stop", "stop-plan"])
def test_a_console_without_a_cluster_stops_nothing(form: str, site: Site) -> None:
    answer = site.person().submits("/console/account", f"/console/{form}", task="default/UPID:x", plan="1")
    assert "no connection to a cluster" in answer.text
