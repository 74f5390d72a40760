"""Commands of a node's command line in questions: each leads to the endpoint that does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search.commands import Command, Commands, load_commands
from searchers import searcher

if TYPE_CHECKING:
    from pathlib import Path

_OURS = load_commands(data_directory() / "commands.txt")
_FILE = """\
# head
PUT /nodes/{node}/config: qm set, qm unlock
POST /nodes/{node}/config: qm set
GET /nodes/{node}/snapshots: qm snapshot list
POST /nodes/{node}/vzdump: vzdump
none: qm showcmd
first: apt
POST /nodes/{node}/apt: apt update
"""


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    path = tmp_path / "commands.txt"
    path.write_text(_FILE)
    return load_commands(path)


def _endpoints(commands: Commands, query: str) -> list[str] | None:
    found = commands.named_in(query)
    return None if found is None else [" ".join(each) for each in found.endpoints]


def test_a_command_may_have_several_endpoints_or_none(commands: Commands) -> None:
    assert _endpoints(commands, "qm set 100") == ["PUT /nodes/{node}/config", "POST /nodes/{node}/config"]
    assert commands.named_in("qm showcmd") == Command(("qm", "showcmd"), ())


@pytest.mark.parametrize("query", ["root@pve1:~# qm set 100 --cores 4", "the api for `qm set`?", "sudo QM SET 100"])
def test_a_command_is_found_in_a_pasted_line_and_among_other_words(commands: Commands, query: str) -> None:
    assert commands.named_in(query) == commands.named_in("qm set")


@pytest.mark.parametrize("query", ["", "qm", "qm frob 100", "set the qm description", "set cores of a vm"])
def test_other_words_name_no_command(commands: Commands, query: str) -> None:
    assert commands.named_in(query) is None


def test_a_program_without_commands_of_its_own_needs_arguments(commands: Commands) -> None:
    assert _endpoints(commands, "vzdump 101 --mode stop") == ["POST /nodes/{node}/vzdump"]
    assert _endpoints(commands, "vzdump --all") == ["POST /nodes/{node}/vzdump"]
    assert _endpoints(commands, "vzdump hook script") is None


def test_a_program_that_guests_have_too_counts_at_the_beginning_only(commands: Commands) -> None:
    assert _endpoints(commands, "root@pve:~# apt update") == _endpoints(commands, "apt update") is not None
    assert _endpoints(commands, "run apt update inside the vm") is None


@pytest.mark.parametrize("line", ["qm set", "GET: qm set", "PUT /nodes:", "nothing: qm set"])
def test_a_line_that_can_not_be_read_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "commands.txt"
    path.write_text(f"# head\n{line}\n")
    with pytest.raises(ApidocFormatError, match=r"commands\.txt, line 2"):
        load_commands(path)


def test_our_own_list_names_endpoints_that_exist() -> None:
    known = {(e.method, e.path) for version in bundled_versions() for e in load_index(version).endpoints}
    assert len(_OURS.endpoints) > 250
    assert {endpoint for endpoints in _OURS.endpoints.values() for endpoint in endpoints} <= known
    assert _OURS.first <= _OURS.longest.keys()


@pytest.mark.parametrize("words", _OURS.endpoints, ids=" ".join)
def test_every_command_finds_its_endpoint_first_or_says_that_there_is_none(words: tuple[str, ...]) -> None:
    argument = "" if len(words) > 1 else " --all"
    found = searcher("9.2").find(" ".join(words) + argument)
    wanted = _OURS.endpoints[words]
    if wanted:
        assert (found.hits[0].endpoint.method, found.hits[0].endpoint.path) in wanted
        assert found.confident
    else:
        assert found.absent is not None
        assert " ".join(words) in found.absent.instead


def test_arguments_of_a_command_are_no_words_of_the_question() -> None:
    found = searcher("9.2").find("pct set 200 -mp0 /tank/media,mp=/media")
    assert found.hits[0].endpoint.path == "/nodes/{node}/lxc/{vmid}/config"
    assert found.confident
    assert found.corrections == ()
