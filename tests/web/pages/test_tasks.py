"""The page of one task: its state, its log, the call that started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from patience import until

if TYPE_CHECKING:
    from console_site import Site
    from web.pages.conftest import ClusterSite

UPID = "UPID:pve1:000003EF:00001B89:6B0B59D3:qmclone:110:root@pam:"


def test_a_task_that_runs_is_shown_with_its_progress(cluster_site: ClusterSite) -> None:
    upid = cluster_site.api.done("POST", "/nodes/pve1/qemu/110/clone", newid=9110, full=1)
    lena = cluster_site.person()
    page = lena.get(f"/console/tasks/default/{upid}").text
    assert '<h1>qmclone 110 <span class="chip info">running</span></h1>' in page
    assert 'data-live="tasks"' in page
    assert 'aria-label="Progress"' in page
    until(lambda: upid in lena.get("/console/activity").text)  # What runs is read once a second for all who look.


def test_a_task_that_has_ended_is_shown_with_its_log_and_the_call_that_started_it(cluster_site: ClusterSite) -> None:
    path = "/nodes/pve3/qemu/102/snapshot"
    cluster_site.write("POST", path, snapname="before")
    assert cluster_site.gateway.changes is not None
    (upid,) = cluster_site.gateway.changes.listed(most=1)[0].upids
    assert cluster_site.console.activity.flush()
    lena = cluster_site.person()
    page = lena.get(f"/console/tasks/default/{upid}").text
    assert '<h1>qmsnapshot 102 <span class="chip ok">done</span></h1>' in page
    assert "TASK OK" in page
    assert "by root@pam!mcp" in page
    assert 'data-live="tasks"' not in page
    assert path in page.replace("<wbr>", "")
    assert upid not in lena.get("/console/activity/live").text.partition('id="calls"')[0]


@pytest.mark.parametrize("path", ["default/UPID:x", f"other/{UPID}", "default/x"])
def test_what_is_no_task_of_a_cluster_has_no_page(path: str, cluster_site: ClusterSite) -> None:
    assert cluster_site.person().get(f"/console/tasks/{path}").status == 404


def test_a_console_without_a_cluster_has_no_page_of_a_task(site: Site) -> None:
    page = site.person().get(f"/console/tasks/default/{UPID}")
    assert page.status == 400
    assert "no connection to a cluster" in page.text
