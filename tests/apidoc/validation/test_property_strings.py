from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import Schema
from proxmox_mcp.apidoc.validation.compiler import Compiler

KEYS = {
    "model": Schema(default_key=True, enum=("virtio", "e1000")),
    "macaddr": Schema(optional=True, format="mac-addr"),
    "bridge": Schema(optional=True),
    "firewall": Schema(optional=True, type="boolean"),
    "queues": Schema(optional=True, type="integer", minimum=0, maximum=64),
    "rate": Schema(optional=True, type="number", requires="bridge"),
    "virtio": Schema(optional=True, alias="macaddr", key_alias="model"),
}
NET = Schema(format=KEYS)
COMPILER = Compiler(
    {
        "prune-backups": {
            "keep-all": Schema(optional=True, type="boolean"),
            "keep-last": Schema(optional=True, type="integer", minimum=0),
        }
    },
    {},
)


def fault(text: str, schema: Schema = NET) -> str | None:
    validate = COMPILER.validator("net0", schema)
    assert validate is not None
    found = validate(text)
    return found.message if found else None


@pytest.mark.parametrize(
    "text",
    [
        "virtio",
        "model=virtio",
        "virtio=BC:24:11:00:00:01",
        "bridge=vmbr0,virtio",
        "virtio,,bridge=a b, ,\t",
        "virtio,firewall=YES",
        "virtio,firewall=off",
        "virtio,queues=+5\n",
        "virtio,bridge=a=b",
        "virtio,bridge=x,rate=1.5",
    ],
)
def test_a_property_string_is_taken(text: str) -> None:
    assert fault(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model: is required"),
        ("bridge=vmbr0", "model: is required"),
        ("virtio,e1000", "model is repeated"),
        ("virtio,model=e1000", "model is repeated"),
        ("virtio=BC:24:11:00:00:01,model=virtio", "model is repeated"),
        ("virtio=BC:24:11:00:00:01,e1000", "model is repeated"),
        ("virtio,bridge=", "'bridge' has no value"),
        ("virtio,=x", "a part has no key"),
        ("virtio, bridge=x", "bridge: unknown key"),
        ("virtio,Bridge=x", "Bridge: unknown key"),
        ("virtio,firewall=2", "firewall: '2' is not a boolean"),
        ("virtio,queues=65", "queues: '65' is out of range: 0 to 64"),
        ("virtio,rate=1", "bridge: is required by rate"),
        ("virtio,bridge=a\nb", "'bridge' has no value"),
        ("rtl8139", "model: 'rtl8139' is not an allowed value"),
    ],
)
def test_the_faults_of_a_property_string_are_told(text: str, message: str) -> None:
    assert message in (fault(text) or "")


def test_all_faults_of_a_property_string_are_told_at_once() -> None:
    told = fault("rtl8139,queues=x,tagg=1") or ""
    assert all(key in told for key in ("model", "queues", "tagg"))


def test_not_more_faults_are_told_than_anybody_reads() -> None:
    told = fault(",".join(f"k{number}=1" for number in range(10_000))) or ""
    assert len(told) < 1000
    assert told.endswith(" more")


def test_a_bare_value_without_a_default_key_is_a_fault() -> None:
    assert "has no key" in (fault("5", Schema(format="prune-backups")) or "")


def test_keep_all_stands_alone() -> None:
    assert fault("keep-all=1,keep-last=0", Schema(format="prune-backups")) is None
    assert "keep-all" in (fault("keep-all=1,keep-last=1", Schema(format="prune-backups")) or "")


@given(text=st.text(alphabet="virtomdel=,bg \n01\0é", max_size=40))
def test_no_text_makes_it_raise(text: str) -> None:
    fault(text)
