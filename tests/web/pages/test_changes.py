"""Changes in the console: listed, shown with their undo, and undone once the plan was read."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from console_site import Page, Site
    from web.pages.conftest import ClusterSite

CONFIG = "/nodes/pve3/qemu/102/config"


def statement(page: Page) -> str:
    """What the person is asked to read."""
    found = re.search(r'<div class="text statement"><pre>(.*?)</pre>', page.text, re.DOTALL)
    assert found, page.text
    return unescape(found[1])


def agreed(page: Page) -> str:
    found = re.search(r'name="agreed" value="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found[1]


def without_digest(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "digest"}


def test_a_change_is_undone_after_its_plan_was_read(cluster_site: ClusterSite) -> None:
    before = cluster_site.api.get(CONFIG)
    number = cluster_site.write("PUT", CONFIG, description="changed <b>here</b>", cores=7)
    lena = cluster_site.person()
    page = lena.get(f"/console/changes/{number}").text
    assert "changed &lt;b&gt;here&lt;/b&gt;" in page
    assert f"Undo change {number}" in page

    asked = lena.submits("/console/changes", "/console/undo", which=str(number))
    assert CONFIG in statement(asked)
    assert cluster_site.api.get(CONFIG)["cores"] == 7, "nothing is sent before the plan was read"

    done = lena.submits("/console/changes", "/console/undo", which=str(number), agreed=agreed(asked))
    assert "<h1>Undone</h1>" in done.text
    assert without_digest(cluster_site.api.get(CONFIG)) == without_digest(before)
    assert f'Undone by <a href="/console/changes/{number + 1}">' in lena.get(f"/console/changes/{number}").text


def test_what_was_not_read_is_not_agreed_to(cluster_site: ClusterSite) -> None:
    number = cluster_site.write("PUT", CONFIG, cores=6)
    lena = cluster_site.person()
    again = lena.submits("/console/changes", "/console/undo", which=str(number), agreed="0" * 64)
    assert "Something has changed since you read it" in again.text
    assert cluster_site.api.get(CONFIG)["cores"] == 6
    assert agreed(again) != "0" * 64


def test_changes_are_listed_and_filtered_by_guest_and_caller(cluster_site: ClusterSite) -> None:
    number = cluster_site.write("PUT", CONFIG, cores=5)
    jo = cluster_site.person("jo", Role.VIEWER)
    link = f'href="/console/changes/{number}"'
    for query, is_shown in (("", True), ("?guest=102", True), ("?guest=103", False), ("?caller=nobody", False)):
        assert (link in jo.get(f"/console/changes{query}").text) == is_shown
    assert "No change fits" in jo.get("/console/changes?guest=103").text
    assert link in jo.get("/console/changes?guest=no-number").text


def test_a_viewer_undoes_nothing(cluster_site: ClusterSite) -> None:
    number = cluster_site.write("PUT", CONFIG, cores=4)
    jo = cluster_site.person("jo", Role.VIEWER)
    assert "<button>Undo" not in jo.get(f"/console/changes/{number}").text
    assert jo.submits("/console/account", "/console/undo", which=str(number)).status == 403


@pytest.mark.parametrize("which", ["", "x", "plan", "plans 1", "1 2", "-1", "9" * 30])
def test_a_form_that_names_no_change_undoes_nothing(which: str, cluster_site: ClusterSite) -> None:
    answer = cluster_site.person().submits("/console/changes", "/console/undo", which=which)
    assert (answer.status, "names no change" in answer.text) == (400, True)


def test_a_console_without_a_cluster_says_that_it_can_undo_nothing(site: Site) -> None:
    lena = site.person()
    for path in ("changes", "changes/1"):
        page = lena.get(f"/console/{path}")
        assert page.status == 400
        assert "it can undo nothing" in page.text
    assert lena.submits("/console/account", "/console/undo", which="1").status == 400
