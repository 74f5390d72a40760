"""The first page: the nodes of each cluster, what is wrong there, and what this server's operator should correct."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.errors import UnreachableError

if TYPE_CHECKING:
    import pytest

    from console_site import Site
    from web.pages.conftest import ClusterSite


def row(page: str, node: str) -> str:
    """The row of a node in its table, as text."""
    rows = [each for each in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if f"</span>{node}</span>" in each]
    assert len(rows) == 1, page
    return re.sub(r"<[^>]*>", "", rows[0])


def test_each_node_is_shown_with_its_guests_and_their_cluster(cluster_site: ClusterSite) -> None:
    page = cluster_site.person().get("/console/").text
    resources = cluster_site.api.get("/cluster/resources")
    guests = [each for each in resources if each["type"] in ("qemu", "lxc") and not each.get("template")]
    nodes = [each["node"] for each in resources if each["type"] == "node"]
    for node in nodes:
        here = [each["status"] for each in guests if each["node"] == node]
        assert f"{here.count('running')} of {len(here)}" in row(page, node)
    assert "root@pam!mcp" in page
    assert "through 127.0.0.1" in page
    assert "What is wrong" in page
    assert "could not be read" not in page.partition("What is wrong")[0]


def test_what_is_wrong_is_told_by_its_kind(cluster_site: ClusterSite) -> None:
    page = cluster_site.person().get("/console/").text
    uncovered = cluster_site.api.get("/cluster/backup-info/not-backed-up")
    assert len(uncovered) > 0
    titles = re.findall(r'<summary><strong><span class="dot [a-z]+"></span>([^<]+)</strong>', page)
    assert "Guests in no backup job" in titles
    assert str(uncovered[0]["vmid"]) in page.partition("Guests in no backup job")[2]


def test_a_cluster_that_can_not_be_read_says_why(cluster_site: ClusterSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise UnreachableError("No node answers.", "See to the network.")

    lena = cluster_site.person()
    with monkeypatch.context() as patched:
        patched.setattr(cluster_site.console.clusters["default"].inventory, "resources", away)
        page = lena.get("/console/").text
    assert '<p class="notice bad">No node answers.\nSee to the network.</p>' in page
    assert '<th scope="col">Node</th>' not in page
    assert "What is wrong" not in page
    assert '<th scope="col">Node</th>' in lena.get("/console/").text


def test_who_called_lately_is_listed(cluster_site: ClusterSite) -> None:
    cluster_site.write("PUT", "/nodes/pve3/qemu/102/config", cores=3)
    assert cluster_site.console.activity.flush()
    assert "Callers in the last 15 minutes" in cluster_site.person().get("/console/").text


def test_a_console_without_a_cluster_says_so(site: Site) -> None:
    page = site.person().get("/console/").text
    assert "No cluster here" in page
    assert "Nobody has called." in page
