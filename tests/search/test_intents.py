"""The intents: how the files are read, and what holds for those that we wrote."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search.grouping import twin_key
from proxmox_mcp.search.intents import Intent, load_intents
from proxmox_mcp.search.text import words

if TYPE_CHECKING:
    from pathlib import Path

    from proxmox_mcp.apidoc import Endpoint

_ENTRY = """\
# a comment
GET /nodes/{node}/qemu
  List the VMs of a node.
  ~ which vms are there | qm list
  ~de welche vms gibt es
  @full: with all details
  @full: the long list

POST /nodes/{node}/qemu
  Create a VM.
  ~ new vm
"""


@pytest.fixture(scope="module")
def intents() -> dict[tuple[str, str], Intent]:
    return load_intents(data_directory() / "intents")


@pytest.fixture(scope="module")
def endpoints() -> dict[tuple[str, str], Endpoint]:
    """Every endpoint of any bundled version, as the newest has it."""
    return {(e.method, e.path): e for version in bundled_versions() for e in load_index(version).endpoints}


def _written(directory: Path, text: str) -> Path:
    (directory / "area.txt").write_text(text, encoding="utf-8")
    return directory


def test_an_entry_has_what_it_does_phrases_and_those_of_parameters(tmp_path: Path) -> None:
    found = load_intents(_written(tmp_path, _ENTRY))
    assert found["GET", "/nodes/{node}/qemu"] == Intent(
        "List the VMs of a node.",
        ("which vms are there", "qm list", "welche vms gibt es"),
        {"full": ("with all details", "the long list")},
    )
    assert found["POST", "/nodes/{node}/qemu"].phrases == ("new vm",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("get /nodes\n  Lists.\n  ~ a\n", "line 1: not 'METHOD /path'"),
        ("  ~ a\n", "line 1: an indented line before"),
        ("GET /nodes\n  Lists.\n  ~ a | | b\n", "line 3: an empty phrase"),
        ("GET /nodes\n  Lists.\n  And again.\n  ~ a\n", "line 3: neither"),
        ("GET /nodes\n  Lists.\n  @full phrases\n  ~ a\n", "line 3: neither"),
        ("GET /nodes\n  ~ a\nGET /version\n  It.\n  ~ b\n", "line 3: the entry above has no line"),
        ("GET /nodes\n  Lists.\n", "last entry: the entry above has no line that says what it does, or no phrases"),
        ("GET /nodes\n  Lists.\n  ~ a\nGET /nodes\n  Lists.\n  ~ b\n", "line 4: GET /nodes has an entry already"),
    ],
)
def test_what_is_no_entry_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ApidocFormatError, match=fault):
        load_intents(_written(tmp_path, text))


@pytest.mark.parametrize("version", bundled_versions())
def test_every_endpoint_of_a_bundled_version_has_intents(version: str, intents: dict[tuple[str, str], Intent]) -> None:
    without = [f"{e.method} {e.path}" for e in load_index(version).endpoints if (e.method, e.path) not in intents]
    assert not without


def test_no_entry_is_for_an_endpoint_that_never_was(
    intents: dict[tuple[str, str], Intent], endpoints: dict[tuple[str, str], Endpoint]
) -> None:
    assert not set(intents) - set(endpoints)


def test_parameters_asked_for_are_parameters_of_the_endpoint(
    intents: dict[tuple[str, str], Intent],
) -> None:
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in bundled_versions():
        for endpoint in load_index(version).endpoints:
            known[endpoint.method, endpoint.path].update(endpoint.parameters)
    unknown = {
        f"{key}: {name}" for key, intent in intents.items() for name in intent.parameters if name not in known[key]
    }
    assert not unknown


def test_there_are_six_ways_or_more_of_asking_for_each_endpoint(intents: dict[tuple[str, str], Intent]) -> None:
    few = {
        key for key, intent in intents.items() if len(intent.phrases) + sum(map(len, intent.parameters.values())) < 6
    }
    assert not few


def test_no_phrase_only_restates_the_path_or_the_name(
    intents: dict[tuple[str, str], Intent], endpoints: dict[tuple[str, str], Endpoint]
) -> None:
    restating = []
    for key, intent in intents.items():
        path = words(key[1].replace("{", " ").replace("}", " "))
        name = words(endpoints[key].name.replace("_", " "))
        leaf = words(key[1].rpartition("/")[2])
        own = [text for each in (path, name, leaf) for text in (each, [key[0].lower(), *each])]
        restating += [f"{key}: {phrase}" for phrase in intent.phrases if words(phrase) in own]
    assert not restating


def test_no_phrase_serves_more_than_three_unrelated_endpoints(intents: dict[tuple[str, str], Intent]) -> None:
    served: dict[str, set[str]] = defaultdict(set)
    for (_, path), intent in intents.items():
        for phrase in (*intent.phrases, *(p for phrases in intent.parameters.values() for p in phrases)):
            served[phrase.casefold()].add(twin_key(path))
    assert not {phrase: families for phrase, families in served.items() if len(families) > 3}
