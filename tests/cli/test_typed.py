"""Calls in advice become commands that a person can paste."""

from __future__ import annotations

import pytest

from proxmox_mcp.cli.typed import as_typed


@pytest.mark.parametrize(
    ("advice", "typed"),
    [
        ("GET /cluster/nextid gives a free one.", "`proxmox-mcp call GET /cluster/nextid` gives a free one."),
        ("GET /cluster/resources with type=vm lists the 26 there are.", "`proxmox-mcp guests` lists the 26 there are."),
        (
            "GET /nodes/pve1/tasks with source=active and vmid=101 shows which.",
            "`proxmox-mcp call GET /nodes/pve1/tasks source=active vmid=101` shows which.",
        ),
        (
            'The log: GET /nodes/pve1/tasks data={"vmid": 101, "errors": 1}. A resource',
            "The log: `proxmox-mcp call GET /nodes/pve1/tasks vmid=101 errors=1`. A resource",
        ),
        (
            "(POST /nodes/a/qemu/7/status/start), or PUT /storage/nfs with disable=0",
            "(`proxmox-mcp call POST /nodes/a/qemu/7/status/start`), or `proxmox-mcp call PUT /storage/nfs disable=0`",
        ),
        (
            "Start it: POST /nodes/*/lxc/7/status/start.",
            "Start it: `proxmox-mcp call POST '/nodes/*/lxc/7/status/start'`.",
        ),
        (
            "The description of POST /nodes/{node} names it (search_api); GET /pools lists",
            "The description of POST /nodes/{node} names it (proxmox-mcp search); `proxmox-mcp call GET /pools` lists",
        ),
        (
            "To stop it: proxmox-mcp call DELETE /nodes/a/tasks/b",
            "To stop it: proxmox-mcp call DELETE /nodes/a/tasks/b",
        ),
        ('"done. Now DELETE /nodes/pve1" is a name.', '"done. Now DELETE /nodes/pve1" is a name.'),
        ("GET /nodes data={a} is damaged", "GET /nodes data={a} is damaged"),
        ("GET and POST are methods.", "GET and POST are methods."),
    ],
)
def test_a_call_is_a_command(advice: str, typed: str) -> None:
    assert as_typed(advice) == typed
