"""Our check against the verdicts of Proxmox's own code, under the encoding that we send (a form, a query, or JSON)."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc import load_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.apidoc import Check

DOCUMENTS = {"9.1": "pve-9.1.3.js", "9.2": "pve-9.2-head.js"}
EACH = [pytest.param("9.1", marks=pytest.mark.slow), "9.2"]
MAY_BE_MISSED = {"format": 0.03}


def verdicts(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as lines:
        yield from map(json.loads, lines)


def accepts(verdict: dict[str, Any]) -> bool:
    """Whether Proxmox takes the call in some encoding: a form, a query, or a JSON body."""
    return bool(verdict["ok"] or verdict.get("form", verdict)["ok"])


def holds_object_for_property_string(verdict: dict[str, Any]) -> bool:
    """We send an object as a property string, the verdict is for its JSON text."""
    return any(isinstance(value, dict) for value in verdict["params"].values())


def is_written_as_text(verdict: dict[str, Any], found: Check) -> bool:
    """We write a list as the text that its parameter takes (``dport``), the verdict is for the list itself."""
    lists = [name for name, value in verdict["params"].items() if isinstance(value, list)]
    return any(isinstance(found.data.get(name), str) for name in lists)


@pytest.mark.parametrize("version", EACH)
def test_what_proxmox_accepts_is_never_refused_and_what_it_refuses_is_caught(shared_data: Path, version: str) -> None:
    index = load_index(shared_data / "apidoc" / DOCUMENTS[version])
    refused: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    false_refusals = []
    for verdict in verdicts(shared_data / "validator" / f"verdicts-{version}.jsonl.gz"):
        found = index.check(verdict["method"], verdict["path"], verdict["params"])
        if accepts(verdict):
            if not found.ok and not holds_object_for_property_string(verdict):
                false_refusals.append((verdict["id"], found.problems))
        elif not verdict["ok"]:
            refused[verdict["class"]] += 1
            missed[verdict["class"]] += found.ok and not is_written_as_text(verdict, found)
    assert false_refusals == []
    assert set(refused) >= {"static", "path", "index", "format"}
    for kind, count in refused.items():
        assert missed[kind] <= count * MAY_BE_MISSED.get(kind, 0), kind


@pytest.mark.parametrize("version", EACH)
def test_our_faults_are_of_the_parameters_that_proxmox_names(shared_data: Path, version: str) -> None:
    index = load_index(shared_data / "apidoc" / DOCUMENTS[version])
    same = total = 0
    for verdict in verdicts(shared_data / "validator" / f"verdicts-{version}.jsonl.gz"):
        if not (errors := verdict.get("errors")) or "form" in verdict:
            continue
        found = index.check(verdict["method"], verdict["path"], verdict["params"])
        if not found.ok:
            total += 1
            same += {problem.parameter for problem in found.problems} == {name.split("[")[0] for name in errors}
    assert same / total > 0.97
