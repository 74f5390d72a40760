"""Any update of a configuration, undone in a model of how Proxmox writes it, gives the configuration before."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.record.undo import After, Case, Get, inverse
from undone_roundtrips import call_of, parameters

CONFIG = "/nodes/pve1/qemu/100/config"
OPTIONS = "/cluster/options"
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "cores": st.integers(1, 64).map(str),
    "memory": st.integers(16, 4096).map(str),
    "name": st.sampled_from(["web", "db-1"]),
    "description": st.text("ab ü\n${}1.", max_size=8),
    "net0": st.sampled_from(["virtio=BC:24:11:00:00:01,bridge=vmbr0", "virtio=BC:24:11:00:00:02,bridge=vmbr1,tag=5"]),
    "scsi1": st.sampled_from(["local:100/vm-100-disk-1.raw,size=1G", "local:100/vm-100-disk-2.raw,size=1G"]),
    "onboot": st.sampled_from(["0", "1"]),
}


@st.composite
def writes(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, Any]]:
    """A configuration, and an update of it that sets some keys and deletes others."""
    before = draw(st.fixed_dictionaries({}, optional=VALUES))
    data = draw(st.fixed_dictionaries({}, optional=VALUES))
    deleted = [name for name in draw(st.sets(st.sampled_from(sorted(VALUES)))) if name not in data]
    return before, {**data, **({"delete": sorted(deleted)} if deleted else {})}


@given(writes())
def test_the_inverse_of_an_update_gives_the_configuration_before(
    write: tuple[dict[str, str], dict[str, Any]],
) -> None:
    before, data = write
    call = call_of("PUT", CONFIG, data)
    after = _written(before, dict(call.data))
    get = Get(CONFIG)
    found = inverse(Case(call, {get: before}, parameters, After(None, {get: after})))
    now = after
    for each in found.calls:
        now = _written(now, dict(call_of(each.method, each.path, each.data).data))
    assert now == before
    assert not found.lost


def _written(config: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """As ``PVE::API2::Qemu::update_vm`` writes plain keys: deletions first, then values."""
    deleted = str(data.pop("delete", "")).split(",")
    data.pop("force", None)
    return {name: value for name, value in config.items() if name not in deleted} | data
