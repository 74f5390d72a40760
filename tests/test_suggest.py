"""What is suggested for a misspelt name, wherever one is given; and that it is linear work."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import processor_seconds
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.policy.policy_file import suggest
from proxmox_mcp.proxmox.inventory import near
from proxmox_mcp.server.tools import TOOLS
from proxmox_mcp.settings import known_names
from proxmox_mcp.suggest import CLOSE, did_you_mean, edits, similar
from sources import modules

INDEX = load_index("9.1")
CONFIG = INDEX.get("PUT", "/nodes/{node}/qemu/{vmid}/config")
PARAMETERS = [name.removesuffix("[n]") for name in CONFIG.parameters] if CONFIG else []
COMMANDS = ["serve", "demo", "doctor", "search", "check", "call", "index", "policy", "token", "approvals", "approve"]
FIELDS = ["vmid", "name", "node", "status", "cpu", "maxcpu", "mem", "maxmem", "uptime", "tags"]
GUESTS = ["web-01", "web-02", "db-primary", "Mail", "backup-server"]
ARGUMENTS = [name for tool in TOOLS if tool.name == "proxmox_api_call" for name in tool.parameters]
SETTINGS = sorted(known_names())
KINDS = ["virtio", "e1000", "rtl8139", "vmxnet3"]


@pytest.mark.parametrize(
    ("wrong", "names", "right"),
    [
        ("memroy", PARAMETERS, "memory"),
        ("Memory", PARAMETERS, "memory"),
        ("core", PARAMETERS, "cores"),
        ("on_boot", PARAMETERS, "onboot"),
        ("desc", PARAMETERS, "description"),
        ("snapshots", ["snapshot", "status", "config", "clone"], "snapshot"),
        ("quemu", ["qemu", "lxc", "storage"], "qemu"),
        ("vitrio", KINDS, "virtio"),
        ("docter", COMMANDS, "doctor"),
        ("aproove", COMMANDS, "approve"),
        ("stauts", FIELDS, "status"),
        ("memory", FIELDS, "mem"),
        ("web01", GUESTS, "web-01"),
        ("mail", GUESTS, "Mail"),
        ("primary", GUESTS, "db-primary"),
        ("backup", GUESTS, "backup-server"),
        ("debian.iso", ["local:iso/w.iso", "local:iso/debian-13.iso"], "local:iso/debian-13.iso"),
        ("dryrun", ARGUMENTS, "dry_run"),
        ("methd", ARGUMENTS, "method"),
        ("PROXMOX_HOSTS", SETTINGS, "PROXMOX_HOST"),
        ("PROXMX_HOST", SETTINGS, "PROXMOX_HOST"),
        ("MCP_ALOWED_HOSTS", SETTINGS, "MCP_ALLOWED_HOSTS"),
        ("storrage", ["storage", "guest", "node", "pool"], "storage"),
    ],
)
def test_a_misspelt_name_leads_to_the_right_one(wrong: str, names: list[str], right: str) -> None:
    assert similar(wrong, names)[0] == right


@pytest.mark.parametrize("wrong", ["xyzzy", "", "q", "é" * 100_000])
@pytest.mark.parametrize("names", [PARAMETERS, COMMANDS, GUESTS, SETTINGS])
def test_nothing_is_suggested_for_what_resembles_no_name(wrong: str, names: list[str]) -> None:
    assert did_you_mean(wrong, names) == ""


@pytest.mark.parametrize("variable", ["PATH", "HOME", "HOSTNAME", "HTTP_PROXY", "MCP_SERVER", "PROXMOX_VE_ENDPOINT"])
def test_variables_of_other_programs_are_not_taken_for_settings(variable: str) -> None:
    assert similar(variable, SETTINGS, threshold=CLOSE) == []


def test_the_question_names_the_most_similar_first_and_quotes_them() -> None:
    assert did_you_mean("maxmen", FIELDS, 2, quote="`").startswith("Did you mean `maxmem`")
    assert did_you_mean("web-03", GUESTS, 2) in (
        "Did you mean web-01 or web-02?",
        "Did you mean web-02 or web-01?",
    )


def test_advice_on_the_policy_file_ends_with_all_that_is_allowed() -> None:
    assert suggest("storrage", ["storage", "node"]) == "Did you mean `storage`? Allowed: storage, node."
    assert suggest("xyzzy", ["storage", "node"]) == "Allowed: storage, node."


def test_all_guests_are_named_where_they_are_few_and_none_is_similar() -> None:
    assert near("xyzzy", GUESTS) == GUESTS
    assert near("xyzzy", [f"guest-{number}" for number in range(50)]) == []


def test_many_names_take_little_time() -> None:
    names = [f"parameter-{number}-of-many" for number in range(600)]
    assert processor_seconds(lambda: similar("paramater-17-of-many", names)) < 0.5


@given(name=st.text(max_size=80), names=st.lists(st.text(max_size=80), max_size=8))
def test_any_names_are_compared(name: str, names: list[str]) -> None:
    found = similar(name, names)
    assert set(found) <= set(names)
    assert len(found) == len(set(found)) <= 3


def test_there_is_one_suggestion_function() -> None:
    """``difflib`` finds other names than ``suggest`` does, and takes quadratic time for long ones."""
    for path, tree in modules("difflib"):
        for node in ast.walk(tree):
            names = [each.name for each in getattr(node, "names", ())] if isinstance(node, ast.Import) else []
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            assert "difflib" not in (*names, module), path


def test_edits_count_swaps_of_neighbours_once() -> None:
    assert edits("storgae", "storage", 2) == 1
    assert edits("restrat", "restart", 2) == 1


def test_edits_stop_counting_past_the_limit() -> None:
    assert edits("abc", "wxyz", 1) == 2


@given(st.text("abcd", max_size=7), st.text("abcd", max_size=7))
def test_edits_agree_with_the_definition(one: str, other: str) -> None:
    assert edits(one, other, 20) == _distance(one, other)
    assert edits(one, other, 2) == min(3, _distance(one, other))


def _distance(one: str, other: str) -> int:
    """The optimal string alignment distance, by its definition."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = one[i - 1] != other[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]
