"""Attacks on rules through a real client: what is added to a call, or written in another way, gets round no rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients import connect
from in_process import serving_here

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upstream import Upstream

pytestmark = pytest.mark.anyio

VM = "/nodes/pve1/qemu/133/config"
NO_DESTROY = 'verdict = "deny"\neffect = "destroy"\n'
NO_ACCESS = 'verdict = "deny"\neffect = "access"\n'
NO_CODE = 'verdict = "deny"\neffect = "execute"\n'
PEOPLE_DESTROY = 'verdict = "confirm"\neffect = "destroy"\nby = "person"\n'
CHANGES_ONLY = (
    'verdict = "allow"\neffect = "change"\n\n[[rule]]\nverdict = "deny"\nmethod = ["POST", "PUT", "DELETE"]\n'
)
ATTACKS: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("a parameter of another effect", NO_DESTROY, "PUT", VM, {"delete": "scsi0", "serial0": "/dev/ttyS0"}),
    ("a parameter of a higher one", NO_DESTROY, "PUT", VM, {"delete": "scsi0", "args": "-vnc :1"}),
    ("an alias", NO_ACCESS, "PUT", VM, {"cdrom": "/dev/sda,media=disk"}),
    ("a key of a property string", NO_ACCESS, "PUT", VM, {"scsi3": "file=/dev/sdb"}),
    ("an object in place of a text", NO_ACCESS, "PUT", VM, {"scsi3": {"file": "/dev/sdb"}}),
    ("an import from the node", NO_ACCESS, "PUT", VM, {"scsi3": "local-lvm:0,import-from=/srv/x.raw"}),
    ("a medium over a disk", NO_DESTROY, "PUT", VM, {"scsi0": "none,media=cdrom"}),
    ("a new disk over a disk", NO_DESTROY, "PUT", VM, {"scsi0": "local-lvm:8"}),
    ("a list in place of a text", NO_DESTROY, "PUT", VM, {"delete": ["onboot", "scsi0"]}),
    ("a default that acts", NO_DESTROY, "PUT", "/access/roles/PVEAuditor", {}),
    ("a script among plain options", NO_CODE, "PUT", VM, {"memory": 1024, "hookscript": "local:snippets/x.sh"}),
    ("another guest's disk", NO_ACCESS, "PUT", VM, {"unused0": "local-lvm:vm-100-disk-0"}),
    ("a device in any slot", NO_ACCESS, "PUT", VM, {"usb0": "1-2"}),
    ("more than an allowed change", CHANGES_ONLY, "PUT", VM, {"memory": 1024, "protection": 0}),
    ("a template of the node", NO_ACCESS, "POST", "/nodes/pve1/lxc", {"vmid": 991, "ostemplate": "/srv/x.tar"}),
]


@pytest.fixture
async def attacked(on_demo: dict[str, str], tmp_path: Path) -> Callable[[str, str, str, dict[str, Any]], Any]:
    async def make(rule: str, method: str, path: str, data: dict[str, Any]) -> Any:
        policy = tmp_path / "policy.toml"
        policy.write_text(f"[[rule]]\n{rule}")
        settings = {**on_demo, "MCP_POLICY_FILE": str(policy), "MCP_MODE": "full", "MCP_VALIDATION": "warn"}
        settings["MCP_APPROVAL_WAIT"] = "0"
        async with serving_here(tmp_path, **settings) as here, connect(here) as session:
            return await session.make(method, path, data)

    return make


@pytest.mark.parametrize(("rule", "method", "path", "data"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
async def test_no_rule_that_denies_is_got_round(
    attacked: Callable[..., Any], upstream: Upstream, rule: str, method: str, path: str, data: dict[str, Any]
) -> None:
    before = upstream.call("GET", "/nodes/pve1/qemu/133/config")
    answer = await attacked(rule, method, path, data)
    assert answer.is_error
    assert "Not allowed" in answer.text
    assert upstream.call("GET", "/nodes/pve1/qemu/133/config") == before


async def test_a_confirmation_by_a_person_holds_whatever_else_is_in_the_call(attacked: Callable[..., Any]) -> None:
    rule = f'verdict = "confirm"\neffect = "access"\n\n[[rule]]\n{PEOPLE_DESTROY}'
    answer = await attacked(rule, "PUT", VM, {"delete": "scsi0", "serial0": "/dev/ttyS0"})
    assert answer.is_error
    assert "A person must approve this" in answer.text
    assert "If the user asked for exactly this" not in answer.text


async def test_a_parameter_that_nobody_knows_is_taken_for_the_worst(attacked: Callable[..., Any]) -> None:
    answer = await attacked(NO_DESTROY, "PUT", VM, {"memory": 1024, "hostdir0": "/etc,rw=1"})
    assert answer.is_error
    assert "nobody reviewed this parameter" in answer.text
