"""What is wrong in a cluster as the first page shows it: by kind, what was not read once, and why nothing was."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.conftest import Script
from proxmox_mcp.errors import UnreachableError
from proxmox_mcp.gateway.cluster import Cluster
from proxmox_mcp.gateway.schema_source import SchemaKeeper
from proxmox_mcp.proxmox.access import Reader
from proxmox_mcp.proxmox.problems import ClusterProblem, ProblemReport, Unread
from proxmox_mcp.web.problems import Findings, read_findings


def problem(kind: Any, severity: Any, *names: str) -> ClusterProblem:
    return ClusterProblem(kind=kind, severity=severity, names=names)


def test_problems_are_in_groups_by_kind_and_a_group_with_an_error_is_one() -> None:
    full, other = problem("storage-full", "error", "nas"), problem("storage-full", "warning", "tank")
    locked = problem("guest-locked", "warning", "100")
    found = Findings.of(ProblemReport((full, locked, other), (), 0.0))
    assert [(each.title, each.is_error, each.problems) for each in found.groups] == [
        ("storages over 85%", True, (full, other)),
        ("locked guests", False, (locked,)),
    ]
    assert (found.unread, found.trouble) == ((), "")


def test_what_was_not_read_is_named_once_with_its_place_and_reason() -> None:
    unread = (
        Unread("quorum", "", "/cluster/status", "boom"),
        Unread("services", "pve1", "/nodes/pve1/services", "lacks Sys.Audit"),
        Unread("services", "pve1", "/nodes/pve1/services", "lacks Sys.Audit"),
    )
    assert Findings.of(ProblemReport((), unread, 0.0)).unread == ("quorum (boom)", "services of pve1 (lacks Sys.Audit)")


def cluster_of(script: Script) -> Cluster:
    proxmox: Any = script
    reader = Reader(proxmox)
    return Cluster.of("default", reader, SchemaKeeper(reader, "bundled", None))


@pytest.mark.anyio
async def test_a_cluster_that_can_not_be_read_is_told_with_the_reason() -> None:
    script = Script({"/cluster/resources": UnreachableError("No node answers.")})
    assert await read_findings(cluster_of(script)) == Findings(trouble="No node answers.")


@pytest.mark.anyio
async def test_the_resources_of_a_cluster_are_examined() -> None:
    script = Script()
    found = await read_findings(cluster_of(script))
    assert found.trouble == ""
    assert [each.subject for group in found.groups if group.title == "nodes offline" for each in group.problems] == [
        "pve3"
    ]
    assert "/cluster/status" in script.paths
    assert any(each.startswith("quorum (") for each in found.unread), "the script does not answer it"
