"""What standard answers cost on the demo cluster, in cl100k tokens: held to ceilings and to the document."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cl100k import count_tokens
from clients import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving import Served

DOCUMENT = Path(__file__).parents[2] / "docs" / "tokens.md"
_HEAD = """\
# What answers cost

In cl100k tokens, on the demo cluster (3 nodes, 38 guests), as measured by the tests, which hold the ceilings and this
table; `UPDATE_GOLDEN=1 scripts/test tests/scenarios` writes it. No answer of any tool is longer than
`MCP_RESULT_TOKENS` (4,000), however large the cluster: `tests/scenarios/test_large_cluster.py`.

| answer | tokens | ceiling |
|---|---|---|
"""


@dataclass(frozen=True)
class Answer:
    """A standard answer and the most that it may cost."""

    name: str
    tool: str
    ceiling: int
    arguments: Mapping[str, Any] = field(default_factory=dict)


_GET = "proxmox_api_get"
_CALL = "proxmox_api_call"
ANSWERS = (
    Answer("the nodes", "list_nodes", 150),
    Answer("all guests", "get_cluster_resources", 1150, {"type": "vm"}),
    Answer("all storages", "get_cluster_resources", 250, {"type": "storage"}),
    Answer("guests over 80% memory", "get_cluster_resources", 400, {"type": "vm", "filter": "mem>80%"}),
    Answer("five results of a search", "search_api", 450, {"query": "move a disk to another storage"}),
    Answer("reference: resize a disk", "search_api", 350, {"query": "PUT /nodes/{node}/qemu/{vmid}/resize"}),
    Answer("reference: configure a VM", "search_api", 2900, {"query": "PUT /nodes/{node}/qemu/{vmid}/config"}),
    Answer("configuration of a VM", _GET, 250, {"path": "/nodes/*/qemu/db-01/config"}),
    Answer("status of a VM", _GET, 300, {"path": "/nodes/*/qemu/db-01/status/current"}),
    Answer("addresses of a VM", _GET, 150, {"path": "/nodes/*/qemu/mon-01/agent/network-get-interfaces"}),
    Answer("tasks of all nodes", _GET, 900, {"path": "/nodes/*/tasks"}),
    Answer("snapshots of all VMs", _GET, 900, {"path": "/nodes/*/qemu/*/snapshot", "filter": "name!=current"}),
    Answer("a call that is wrong", _CALL, 200, {
        "path": "/nodes/*/qemu/web-01/config", "method": "PUT", "data": {"memroy": 1, "cores": "x", "net0": "b=1"},
    }),
    Answer("a task that ended", _CALL, 110, {"path": "/nodes/*/qemu/web-03/status/start", "method": "POST"}),
    Answer("a call to confirm", _CALL, 260, {"path": "/nodes/*/qemu/db-01", "method": "DELETE"}),
    Answer("a rehearsed call", _CALL, 260, {
        "path": "/nodes/*/qemu/web-01/status/stop", "method": "POST", "dry_run": True,
    }),
    Answer("a guest that is not there", _GET, 120, {"path": "/nodes/*/qemu/web-99/config"}),
    Answer("a node that is not there", _GET, 120, {"path": "/nodes/pve9/status"}),
)  # fmt: skip


@pytest.mark.anyio
async def test_no_standard_answer_costs_more_than_its_ceiling_or_other_than_the_document_says(served: Served) -> None:
    tokens: dict[str, int] = {}
    async with connect(served) as client:
        listed = await client.client.list_tools()
        schemas = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
        tokens["the list of tools"] = count_tokens(json.dumps(schemas, separators=(",", ":")))  # as it is sent
        for answer in ANSWERS:
            tokens[answer.name] = count_tokens((await client.call(answer.tool, **answer.arguments)).text)
    ceilings = {"the list of tools": 1000, **{answer.name: answer.ceiling for answer in ANSWERS}}
    if os.environ.get("UPDATE_GOLDEN"):
        rows = (f"| {name} | {count} | {ceilings[name]} |\n" for name, count in tokens.items())
        DOCUMENT.write_text(_HEAD + "".join(rows), encoding="utf-8")
    told = _told()
    assert {name: count for name, count in tokens.items() if count > ceilings[name]} == {}
    assert {name: count for name, count in tokens.items() if abs(count - told[name]) > 0.1 * told[name] + 5} == {}


def _told() -> dict[str, int]:
    rows = [line.split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {row[1].strip(): int(row[2]) for row in rows if row[2].strip().isdecimal()}
