"""Formats of names and ids: guests, users, storages, SDN objects (PVE::JSONSchema, PVE::AccessControl, PVE::HA::Tools,
PVE::Network::SDN)."""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats.definition import Format, any_of, pattern_format
from proxmox_mcp.apidoc.validation.perl import number

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
REALM = r"[A-Za-z][A-Za-z0-9._-]+"
USER = r"[^\s:/]+"
NAME = r"[A-Za-z0-9._-]+"

_STORAGE = r"(?i:[a-z][a-z0-9._-]*[a-z0-9])"
_SDN = r"(?i:[a-z][a-z0-9]*[a-z0-9])"
_JOB = re.compile(r"(\d+)-\d+\n?")


def _is_replication_job(text: str) -> bool:
    job = _JOB.fullmatch(text)
    return job is not None and number(job[1]) >= 100


def _short(kind: str) -> Format:
    return pattern_format(_SDN, f"the id of an SDN {kind}: 2 to 8 letters and digits, a letter first", longest=8)


NODE_NAME = pattern_format(NODE, "the name of a node (letters, digits, inner hyphens), such as pve1")
STORAGE_ID = pattern_format(_STORAGE, "the id of a storage (2 or more of a-z 0-9 . _ -), such as local-lvm", shortest=2)
BRIDGE_ID = pattern_format(r"[-_.\w\d]+", "the name of a bridge, such as vmbr0")

IDENTIFIERS: Mapping[str, Format] = {
    "pve-node": NODE_NAME,
    "pve-vmid": pattern_format(r"[1-9][0-9]{2,8}", "the id of a guest, 100 to 999999999"),
    "pve-configid": pattern_format(r"(?i:[a-z][a-z0-9_-]+)", "an id of 2 or more of a-z 0-9 _ -, a letter first"),
    "pve-storage-id": STORAGE_ID,
    "acme-plugin-id": pattern_format(_STORAGE, "the id of an ACME plugin (2 or more of a-z 0-9 . _ -)", shortest=2),
    "pve-bridge-id": BRIDGE_ID,
    "pve-iface": pattern_format(
        r"(?i:[a-z][a-z0-9_]{1,20}([:.]\d+)?)",
        "the name of a network interface (letters, digits, _; with :N or .N for an alias or VLAN), such as eno1",
    ),
    "pve-realm": pattern_format(REALM, "the name of a realm, such as pam or pve"),
    "pve-userid": pattern_format(rf"{USER}@{REALM}", "a user with the realm, such as root@pam", shortest=3, longest=64),
    "pve-tokenid": pattern_format(rf"{USER}@{REALM}!{REALM}", "a token with user and realm, such as root@pam!name"),
    "pve-groupid": pattern_format(NAME, "the name of a group (A-Z a-z 0-9 . _ -)"),
    "pve-roleid": pattern_format(NAME, "the name of a role (A-Z a-z 0-9 . _ -), such as PVEVMAdmin"),
    "pve-poolid": pattern_format(
        rf"{NAME}(?:/{NAME}){{0,2}}", "the name of a pool, at most three levels such as prod/web"
    ),
    "pve-replication-job-id": Format(_is_replication_job, "the id of a replication job: guest-number, such as 100-0"),
    "pve-sdn-zone-id": _short("zone"),
    "pve-sdn-vnet-id": _short("vnet"),
    "pve-sdn-dns-id": pattern_format(_SDN, "the id of a DNS of SDN: 2 or more letters and digits, a letter first"),
    "pve-sdn-ipam-id": pattern_format(_SDN, "the id of an IPAM of SDN: 2 or more letters and digits, a letter first"),
    "pve-sdn-controller-id": pattern_format(
        r"(?i:[a-z][a-z0-9_-]*[a-z0-9])",
        "the id of an SDN controller: 2 to 64 of a-z 0-9 _ -, a letter first",
        longest=64,
    ),
    "pve-sdn-fabric-id": pattern_format(
        r"(?i:[a-zA-Z0-9][a-zA-Z0-9-]{0,6}[a-zA-Z0-9]?)", "the id of an SDN fabric: up to 8 letters, digits and hyphens"
    ),
    "pve-ha-resource-id": pattern_format(r"[a-z]+:\S+", "the id of an HA resource, such as vm:100 or ct:101"),
    "pve-ha-resource-or-vm-id": any_of(
        "the id of an HA resource, such as vm:100, or of a guest",
        pattern_format(r"[a-z]+:\S+", ""),
        pattern_format(r"\d+", ""),
    ),
    "pve-ha-node": pattern_format(rf"{NODE}(?::\d+)?", "a node, with a priority if wanted, such as pve1:2"),
    "pve-ha-group-node": pattern_format(rf"{NODE}(?::\d+)?", "a node, with a priority if wanted, such as pve1:2"),
    "pve-tag": pattern_format(r"(?i:[a-z0-9_][a-z0-9_+.-]*)", "a tag (a-z 0-9 _ + . -, no + . - first)"),
}
