"""Trees as tables: no leaf is lost in a cell."""

from __future__ import annotations

from typing import Any

from proxmox_mcp.render import Budget, View, render
from proxmox_mcp.render.trees import without_trees


def _osds(hosts: int, each: int) -> dict[str, Any]:
    """As ``GET /nodes/{node}/ceph/osd`` answers."""
    rows = [
        {
            "id": -3 - host,
            "name": f"pve{host}",
            "type": "host",
            "children": [
                {
                    "id": host * each + n,
                    "name": f"osd.{host * each + n}",
                    "type": "osd",
                    "status": "up",
                    "bytes_used": 2**30 * (n + 1),
                    "ceph_version": "ceph version 19.2.3 (2f03f1cd83e5d40cdf1393cb64a662a8e8bb07c6) squid (stable)",
                }
                for n in range(each)
            ],
        }
        for host in range(hosts)
    ]
    return {"flags": "noout", "root": {"leaf": 0, "children": [{"id": -1, "name": "default", "children": rows}]}}


def test_a_tree_is_a_table_for_each_level_with_the_parents() -> None:
    pool = {
        "name": "tank",
        "children": [
            {
                "name": "mirror-0",
                "state": "DEGRADED",
                "children": [
                    {"name": "sda", "state": "ONLINE", "leaf": 1},
                    {"name": "sdb", "state": "FAULTED", "leaf": 1, "msg": "gone"},
                ],
            },
            {"name": "logs", "state": "ONLINE", "children": []},
        ],
    }
    assert render(pool) == (
        "name: tank\nchildren:\n  name state\n  mirror-0 DEGRADED\n  logs ONLINE\n"
        "  all: leaf=1 parent=mirror-0\n  name state msg\n  sda ONLINE\n  sdb FAULTED gone"
    )


def test_every_leaf_of_a_large_tree_is_shown() -> None:
    text = render(_osds(5, 8))
    assert all(f"\n  {n} osd.{n} " in text for n in range(40))
    assert text.count("19.2.3") == 1, "what all leaves have is said once"
    assert len(text) < 2_000


def test_a_tree_beyond_the_budget_says_how_to_see_it_whole_and_is_paged() -> None:
    osds = _osds(40, 10)
    text = render(osds, budget=Budget(2_000, 600))
    assert "root.children" in text.split("\n")[-1]
    page = render(osds, View.of("root.children", limit=3))
    assert "rows 1-3 of 441, next: cursor=" in page
    found = render(osds, View.of("root.children", "name=osd.399"))
    assert "osd.399" in found
    assert "parent" in found


def test_what_is_no_tree_stays_as_it_is() -> None:
    flat = {"children": [{"name": "a"}, {"name": "b"}], "root": {"children": "text"}, "n": [{"children": [1]}]}
    assert without_trees(flat) is flat


def test_a_tree_is_read_down_to_a_depth() -> None:
    deep: dict[str, Any] = {"name": "leaf"}
    for n in range(60):
        deep = {"name": f"n{n}", "children": [deep]}
    assert render(deep)
