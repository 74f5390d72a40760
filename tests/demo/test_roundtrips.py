"""The demo cluster held against round trips of writes that were recorded from Proxmox VE 9.2's own code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from recorded_roundtrips import probed, recorded, replayed

if TYPE_CHECKING:
    from pathlib import Path

NOT_KEPT = {
    "acme account create (root ticket)": "an account is registered at a directory server",
    "node certificate custom upload": "certificates of nodes are not kept",
    "node network iface create": "networks of nodes are not kept",
    "node network iface create undone by revert": "networks of nodes are not kept",
    "node network iface delete": "networks of nodes are not kept",
    "node time zone": "recorded with a dummy in place of timedatectl",
    "backup volume notes + protected": "recorded with a file that is no backup: GETs contradict each other",
    "storage create (pbs, encryption-key=autogen)": "recorded without the backup client, so that it failed",
    "storage create (iscsi)": "fakepve refuses the content type none",
    "storage update (iscsi)": "fakepve refuses the content type none",
    "storage delete (iscsi)": "fakepve refuses the content type none",
    "vm config cloudinit drive add": "recorded without genisoimage, so that it failed",
    "ct config set mp1": "recorded beside a volume that an earlier line had left",
    "ct config, bridge missing": "bridges of nodes are not kept",
    "empty string corrupts a BGP controller (peers)": "the whole file becomes unreadable, here it does not",
}
"""The kinds in which the demo cluster differs, and why."""


ANSWERED_OTHERWISE = {
    "storage create (iscsi)": "fakepve refuses the content type none",
    "storage update (iscsi)": "fakepve refuses the content type none",
    "storage delete (iscsi)": "fakepve refuses the content type none",
    "JSON list: storage content": "fakepve refuses the content type none, and takes null for absent",
    "storage update (esxi)": "fakepve does not know the options of this type",
    "node network iface create": "networks of nodes are not kept",
    "node network iface delete": "networks of nodes are not kept",
    "node certificate custom upload": "certificates of nodes are not kept",
    "job realm-sync update": "calendar events are not validated",
    "cluster options set mac_prefix (was unset)": "fakepve does not validate an empty prefix",
    "cluster options set registered-tags (was unset)": "fakepve takes an empty text for this pattern",
    "ct config set env": "fakepve takes an empty text for this pattern",
    "token update comment/privsep/expire": "recorded is a fault of Proxmox's own code",
    "backup job update comment": "options that only root may name are kept for all",
    "sdn controller update (isis)": "options are kept by kind, not by the type of a controller",
    "metrics server update (opentelemetry)": "options are kept by kind, not by the type of a server",
    "vm lock set by root ticket": "the lock is refused for another reason first",
    "vm config set usb0": "an empty value is refused for another reason first",
    "vm config set hostpci0": "an empty value is refused for another reason first",
    "JSON list: vm config delete": "null is taken for absent",
    "empty string corrupts a BGP controller (peers)": "the whole file becomes unreadable, here it does not",
}
"""The kinds with single calls that are answered otherwise, and why."""


@pytest.mark.slow
def test_the_demo_cluster_answers_writes_and_their_undoing_as_proxmox_does(shared_data: Path) -> None:
    differing = asyncio.run(replayed(recorded(shared_data / "roundtrips")))
    unexpected = {name: found for name, found in differing.items() if _kind(name) not in NOT_KEPT}
    assert not unexpected, "\n".join(f"{name}: {found[0]}" for name, found in unexpected.items())
    assert NOT_KEPT.keys() == {_kind(name) for name in differing}


@pytest.mark.slow
def test_it_answers_stale_digests_empty_values_and_unknown_keys_as_proxmox_does(shared_data: Path) -> None:
    differing = asyncio.run(probed(recorded(shared_data / "roundtrips")))
    unexpected = {name: found for name, found in differing.items() if _kind(name) not in ANSWERED_OTHERWISE}
    assert not unexpected, "\n".join(f"{name}: {found}" for name, found in unexpected.items())
    assert ANSWERED_OTHERWISE.keys() == {_kind(name) for name in differing}
    assert len(differing) <= 31


def _kind(name: str) -> str:
    return name.partition(" | ")[0]
