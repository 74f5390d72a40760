"""How writes are undone, held against the round trips that were recorded from Proxmox VE 9.2's own code.

Each recorded write is made on a demo cluster that is in the recorded state, and undone by our inverse, made from what
we read ourselves. Where the demo cluster keeps no such thing, the inverse from the recorded states is compared with the
calls that restored the real one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.record.undo.proven import read_proven
from recorded_roundtrips import comparable, recorded
from undone_roundtrips import Undone, call_of, inverse_as_recorded, undo_all

if TYPE_CHECKING:
    from pathlib import Path

    from proxmox_mcp.record.undo import Inverse
    from undone_roundtrips import Line

NOT_KEPT = {
    "node network iface delete": "networks of nodes are not kept",
    "backup volume notes + protected": "recorded with a file that is no backup",
    "vm config cloudinit drive add": "recorded without genisoimage, so that it failed",
}
"""Kinds in which the demo cluster differs from Proxmox (``tests/demo/test_roundtrips.py``)."""

ONLY_WITH_SECRETS = {
    "sdn ipam update (netbox)": "the token that it sets",
    "sdn dns delete (powerdns)": "the key that a server needs",
}
"""Recorded as restored with secrets that GETs showed. We keep none, so there is no way back."""

NOT_TAKEN_BACK = {
    "sdn rollback": "what others had pending is not read",
    "node certificate custom upload": "a key that was there before would be lost",
    "vm config set template": "recorded as a flag; the disks of a real template don't turn back",
}
"""Recorded as restored; we say that there is no way back."""


@pytest.fixture(scope="module")
def round_trips(shared_data: Path) -> list[Undone]:
    return undo_all(recorded(shared_data / "roundtrips"))


@pytest.fixture(scope="module")
def as_recorded(shared_data: Path) -> dict[str, Undone]:
    """By kind, what our inverse is where the recorded states give the one that restored the real node."""
    return {
        line["kind"]: Undone(line, found) for line in recorded(shared_data / "roundtrips") if (found := _same(line))
    }


def test_what_can_be_undone_leaves_the_cluster_as_it_was(round_trips: list[Undone]) -> None:
    wrong = [each for each in round_trips if each.inverse.reach == "whole" and (each.differences or each.refused)]
    unexpected = [each for each in wrong if each.line["kind"] not in NOT_KEPT]
    assert not unexpected, "\n".join(f"{each.line['kind']}: {each.refused or each.differences}" for each in unexpected)
    assert {each.line["kind"] for each in wrong} == NOT_KEPT.keys()
    assert len(round_trips) > 300


def test_no_inverse_call_is_refused(round_trips: list[Undone]) -> None:
    refused = {each.line["kind"]: each.refused for each in round_trips if each.refused}
    assert refused.keys() <= NOT_KEPT.keys(), refused


def test_what_was_restored_from_real_nodes_can_be_undone_or_is_named_here(round_trips: list[Undone]) -> None:
    lacking = {each.line["kind"] for each in round_trips if each.line["restored"] and each.inverse.reach == "none"}
    assert lacking == ONLY_WITH_SECRETS.keys() | NOT_TAKEN_BACK.keys()


def test_a_write_that_lost_something_is_never_said_to_be_undone_whole(round_trips: list[Undone]) -> None:
    """Recorded as not restored, where the recorded calls left out what ours bring back, are named with the reason."""
    better = {
        "role delete, then another write, then undo": "ours grants the role's rights again",
        "ha resource delete (used in a rule)": "ours puts it back into the rule",
        "storage delete with ACL, undone by create only": "ours grants the rights again",
        "vm config net delete": "ours writes the boot order back",
        "ct config set mp1": "ours deletes the new volume",
        "vm config change on a running VM (stays pending)": "ours writes the old values, which clears what is pending",
        "empty string corrupts a realm (openid issuer-url)": "ours makes the realm again",
        "empty string corrupts a BGP controller (peers)": "the demo cluster keeps it readable",
        "empty list removes a mapping (map=[])": "ours makes the mapping again",
    }
    claimed = {
        each.line["kind"] for each in round_trips if each.line["restored"] is False and each.inverse.reach == "whole"
    }
    assert claimed == better.keys()


def test_what_the_demo_cluster_does_not_keep_is_undone_as_it_was_on_a_real_node(as_recorded: dict[str, Undone]) -> None:
    assert as_recorded.keys() >= {"node network iface create", "node network iface delete", *NOT_KEPT}


def test_the_list_of_proven_inverses_is_what_the_recordings_show(
    as_recorded: dict[str, Undone], round_trips: list[Undone]
) -> None:
    undone = [
        each for each in round_trips if not each.refused and not (each.inverse.reach == "whole" and each.differences)
    ]
    shown: dict[str, set[str]] = {}
    for each in (*undone, *as_recorded.values()):
        if each.inverse.calls:
            shown.setdefault(_key(each.line), set()).update(each.inverse.forms)
    path = data_directory() / "undo.txt"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("recorded ")]
    lines = [f"recorded {key}{': ' if forms else ''}{', '.join(sorted(forms))}" for key, forms in shown.items()]
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("\n".join([*kept, *sorted(lines)]) + "\n", encoding="utf-8")
    assert [*kept, *sorted(lines)] == path.read_text(encoding="utf-8").splitlines()
    assert read_proven(path).keys() >= shown.keys()


def _same(line: Line) -> Inverse | None:
    write = line["write"]
    if write["method"] == "GET" or write["status"] != 200 or not line["restored"] or not line["inverse"]:
        return None
    found = inverse_as_recorded(line)
    if found is None:
        return None
    ours = [(each.method, *_sent(each.method, each.path, each.data)) for each in found.calls]
    theirs = [(each["method"], *_sent(each["method"], each["path"], each.get("data"))) for each in line["inverse"]]
    return found if ours == theirs else None


def _sent(method: str, path: str, data: object) -> tuple[str, object]:
    call = call_of(method, path, data if isinstance(data, dict) else {})
    return ApiPath.parse(path).text, comparable(dict(call.data))


def _key(line: Line) -> str:
    write = line["write"]
    return call_key(write["method"], call_of(write["method"], write["path"], write.get("data")).template)
