from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cl100k import count_tokens
from patience import processor_seconds
from proxmox_mcp.errors import ViewError
from proxmox_mcp.render import Budget, View, nodes_table, nodes_with_guests, resources_table
from proxmox_mcp.render.units import gib, short_duration
from resources import GIB, resources

if TYPE_CHECKING:
    from pathlib import Path

NEXT = re.compile(r"next: cursor=([0-9]+-[0-9a-f]{4})\)")


def guests_of(text: str) -> dict[int, dict[str, str]]:
    """What a reader of the table knows of each guest: the headings' values and the cells by their column."""
    found: dict[int, dict[str, str]] = {}
    columns: list[str] = []
    heading: list[str] = []
    for line in text.split("\n"):
        if line.startswith("vmid "):
            columns = line.split(" [")[0].split(" ")
        elif line.endswith(":"):
            heading = line[:-1].split(" ")
        elif line[:1].isdigit():
            cells = line.split(" ")
            known = dict(zip(columns, cells, strict=False))
            known |= dict(cell.split("=", 1) for cell in cells if "=" in cell)
            found[int(cells[0])] = known | {"heading": " ".join(heading)}
    return found


def check_complete(shown: dict[int, dict[str, str]], records: list[dict[str, Any]]) -> None:
    guests = [record for record in records if record["type"] in ("qemu", "lxc")]
    assert set(shown) == {guest["vmid"] for guest in guests}
    for guest in guests:
        row = shown[guest["vmid"]]
        words = f"{row['heading']} {' '.join(row.values())}".split()
        assert row["name"] == guest["name"]
        assert {guest["node"], guest["type"], guest["status"]} <= set(words)
        assert row["mem/GiB"].endswith(f"/{gib(guest['maxmem'])}")
        assert row["disk/GiB"].endswith(f"/{gib(guest['maxdisk'])}")
        assert row.get("tags", "-").split(" ")[0] == guest.get("tags", "-")
        if guest["status"] == "running":
            assert row["cpu%"] == f"{100 * guest['cpu']:.0f}"
            assert row["mem/GiB"].startswith(f"{gib(guest['mem'])}/")
            assert row["uptime"] == short_duration(guest["uptime"])
        for field in ("pool", "lock", "hastate"):
            assert row.get(field) == guest.get(field)
        assert ("template" in row) == bool(guest["template"])


def test_fifty_guests_are_listed_complete_in_1150_tokens(shared_data: Path) -> None:
    records = json.loads((shared_data / "guests-50.json").read_text())["data"]
    text = resources_table(records, "vm")
    check_complete(guests_of(text), records)
    assert text.endswith("(all 50 guests)")
    assert count_tokens(text) <= 1150


def test_any_fifty_guests_of_a_small_cluster_are_listed_complete_in_1400_tokens() -> None:
    records = resources(50)
    text = resources_table(records, "vm")
    check_complete(guests_of(text), records)
    assert count_tokens(text) <= 1400


def test_a_thousand_guests_come_in_pages_that_make_up_the_whole() -> None:
    records = resources(1000)
    shown: dict[int, dict[str, str]] = {}
    cursor = None
    for page in range(20):
        text = resources_table(records, "vm", View.of(cursor=cursor))
        assert count_tokens(text) <= 4000, page
        assert not shown.keys() & guests_of(text).keys()
        shown |= guests_of(text)
        following = NEXT.search(text)
        if following is None:
            break
        cursor = following[1]
    check_complete(shown, records)


def test_ten_thousand_guests_are_shaped_well_within_a_second() -> None:
    records = resources(10_000, nodes=20)
    text = ""

    def shaped() -> None:
        nonlocal text
        text = resources_table(records, "vm", View.of(filter="status=running and mem>10%"))

    assert processor_seconds(shaped) < 1
    assert "of 10000 match" in text


def test_only_the_rows_on_the_page_are_looked_through_for_secrets_and_rendered() -> None:
    looked_through: list[int] = []

    def redact(value: Any) -> Any:
        if isinstance(value, dict):
            looked_through.append(value["vmid"])
        return value

    records = resources(10_000, nodes=20)
    text = resources_table(records, "vm", redact=redact)
    shown = list(guests_of(text))
    assert looked_through[: len(shown)] == shown
    assert len(looked_through) == len(shown) + 1, "the row that no longer fits on the page"
    assert text == resources_table(records, "vm")


def test_the_heading_of_a_group_is_looked_through_for_secrets() -> None:
    records = [{**record, "node": "a-secret"} for record in resources(24) if record["type"] in ("qemu", "lxc")]
    assert "a-secret" in resources_table(records, "vm")
    hidden = resources_table(records, "vm", redact=lambda value: "[secret]" if value == "a-secret" else value)
    assert "a-secret" not in hidden
    assert "[secret]" in hidden


@pytest.mark.parametrize("name", ["nodes", "guests", "all", "storages", "busy", "chosen-fields", "nodes-unknown"])
def test_what_a_model_reads_is_as_agreed(name: str, golden: Any) -> None:
    records = resources(24)
    texts = {
        "nodes": lambda: nodes_table(nodes_with_guests(records)),
        "guests": lambda: resources_table(records, "vm"),
        "all": lambda: resources_table(records),
        "storages": lambda: resources_table(records, "storage"),
        "busy": lambda: resources_table(records, "vm", View.of(filter="status=running and mem>50%", limit=5)),
        "chosen-fields": lambda: resources_table(records, "qemu", View.of("name,mem,netin,lock", limit=4)),
        "nodes-unknown": lambda: nodes_table(
            nodes_with_guests([{"type": "node", "node": "pve1", "status": "unknown"}])
        ),
    }
    golden(name, texts[name]())


def test_a_shared_storage_is_one_line_with_its_nodes() -> None:
    text = resources_table(resources(0), "storage")
    assert text.count("nas ") == 1
    assert "nas pve1,pve2,pve3 available 8700/10000 1 nfs backup,iso" in text
    assert text.count("local-lvm ") == 3


def test_a_shared_storage_shows_the_figures_of_a_node_that_reaches_it() -> None:
    down = {"type": "storage", "storage": "nas", "node": "pve1", "shared": 1, "status": "unknown", "disk": 0}
    up = {**down, "node": "pve2", "status": "available", "disk": GIB, "maxdisk": 2 * GIB}
    assert "nas pve1,pve2 available 1/2" in resources_table([down, up], "storage")


def test_an_unused_storage_shows_zero_and_not_nothing() -> None:
    storage = {"type": "storage", "storage": "new", "node": "pve1", "disk": 0, "maxdisk": 2 * GIB}
    assert " 0/2" in resources_table([storage], "storage")


def test_a_stopped_guest_shows_what_it_may_use() -> None:
    stopped = {"type": "qemu", "vmid": 100, "name": "a", "node": "n", "status": "stopped", "cpu": 0, "mem": 0}
    text = resources_table([{**stopped, "maxmem": 8 * GIB, "disk": 0, "maxdisk": 32 * GIB}], "vm")
    assert "100 a qemu n stopped - /8 /32" in text


def test_a_guest_of_a_lost_node_has_no_figures_and_is_listed_all_the_same() -> None:
    lost = {"type": "qemu", "vmid": 100, "id": "qemu/100", "node": "pve1", "status": "unknown"}
    assert resources_table([lost], "vm") == "vmid type node status\n100 qemu pve1 unknown\n(1 guest)"


def test_units_of_a_filter_are_those_of_proxmox_and_percent_is_of_the_maximum() -> None:
    records = [
        {"type": "qemu", "vmid": 1, "name": "big", "mem": 9 * GIB, "maxmem": 10 * GIB, "cpu": 0.5, "uptime": 90_000},
        {"type": "qemu", "vmid": 2, "name": "small", "mem": GIB, "maxmem": 10 * GIB, "cpu": 0.1, "uptime": 60},
    ]
    for text in ("mem>80%", "mem>8G", "cpu>=50%", "uptime>1d", "mem>80% and cpu=50%", "name~BIG", 'name!="small"'):
        shown = resources_table(records, "vm", View.of(filter=text))
        assert "big" in shown, text
        assert "small" not in shown, text


def test_a_field_that_no_guest_has_now_is_no_unknown_field() -> None:
    records = resources(5)
    assert "(none of 5 guests matches the filter)" in resources_table(records, "vm", View.of(filter="lock=snapshot"))
    with pytest.raises(ViewError, match="`status`"):
        resources_table(records, "vm", View.of(filter="stats=running"))


def test_an_unknown_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(ViewError, match="lxc, storage, node"):
        resources_table([], "container")


def test_nothing_there_and_nothing_that_matches_are_told_apart() -> None:
    assert resources_table([], "vm") == "(no guests)"
    assert resources_table(resources(3), "vm", View.of(filter="vmid>500")) == "(none of 3 guests matches the filter)"


def test_nodes_count_their_running_and_all_guests() -> None:
    records: list[dict[str, Any]] = [
        {"type": "node", "node": "a", "status": "online", "maxmem": GIB, "mem": 0},
        {"type": "qemu", "node": "a", "vmid": 1, "status": "running"},
        {"type": "lxc", "node": "a", "vmid": 2, "status": "stopped"},
        {"type": "storage", "node": "a", "storage": "s"},
    ]
    assert nodes_table(nodes_with_guests(records)) == "node status mem/GiB guests\na online /1 1/2\n(1 node)"


def test_a_name_made_to_break_the_table_stays_one_cell() -> None:
    records = [
        {"type": "qemu", "vmid": 1, "name": "a\n2 b qemu", "node": "n", "status": "running"},
        {"type": "qemu", "vmid": 3, "name": "x" * 900, "node": "n", "status": "running"},
    ]
    lines = resources_table(records, "vm", budget=Budget.of(1000)).split("\n")
    assert r'1 "a\n2 b qemu"' in lines
    assert any("…+500" in line for line in lines)


def test_raw_shows_numbers_as_they_were_sent_with_use_and_maximum_side_by_side() -> None:
    node = {"type": "node", "node": "a", "status": "online", "cpu": 0.25, "maxcpu": 4, "mem": GIB, "maxmem": 4 * GIB}
    guest = {"type": "qemu", "vmid": 7, "node": "a", "status": "running", "mem": 512, "maxmem": GIB, "uptime": 90}
    raw = View.of(raw=True)
    shown = "node status cpu maxcpu mem maxmem guests\na online 0.25 4 1073741824 4294967296 1/1\n(1 node)"
    assert nodes_table(nodes_with_guests([node, guest]), view=raw) == shown
    assert resources_table([guest], "vm", raw).endswith("\n7 qemu a running 512 1073741824 90\n(1 guest)")
    assert resources_table([guest], "vm", View.of(fields="vmid,mem", raw=True)) == "vmid mem\n7 512\n(1 guest)"
