"""What a model, and a person at a terminal, reads of a search."""

from __future__ import annotations

import json
from pathlib import Path

from cl100k import count_tokens
from proxmox_mcp.search import answer, reference
from searchers import searcher

_QUESTIONS = Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()


def _hits(query: str) -> str:
    """The hits, without what is said before them."""
    return answer(searcher("9.1"), query).text.partition("1. ")[2]


def _of_first(query: str) -> list[str]:
    return _hits(query).split("\n2. ")[0].splitlines()


def test_five_results_stay_within_their_tokens() -> None:
    assert max(count_tokens(_hits(json.loads(line)["query"])) for line in _QUESTIONS) <= 450


def test_a_hit_tells_call_purpose_parameters_and_privileges() -> None:
    first = _of_first("clone a vm")
    assert first[0].startswith("POST /nodes/{node}/qemu/{vmid}/clone")
    assert "task" in first[1]
    assert first[2].startswith("  newid* <vmid>, ")
    assert "VM.Clone on /vms/{vmid}" in first[2]


def test_required_parameters_have_their_shapes() -> None:
    assert "disk* ide[0-3]|scsi[0-30]|" in _of_first("resize a disk of a vm")[2]
    assert "type* nfs|" in _of_first("add an nfs storage")[2]
    assert "map* list, " in _hits("create a pci mapping")
    assert "target-endpoint* {apitoken*, host*, fingerprint, port}" in _hits("migrate a vm to another cluster")


def test_optional_parameters_that_the_question_names_come_before_popular_ones_and_have_their_shapes() -> None:
    parameters = _of_first("move a disk of a vm to another storage and delete the source")[2]
    assert "|…, delete bool, storage <storage-id>, format, " in parameters
    assert "memory {[current=]int}, tags, " in _of_first("set memory of a vm")[2]


def test_later_hits_name_only_what_is_required_or_asked_for() -> None:
    fourth = answer(searcher("9.1"), "clone a vm with bwlimit").text.split("\n4. ")[1].splitlines()
    assert (
        fourth[2]
        == "  id* <replication-job-id>, target* <node>, type* local, rate number, +5 | VM.Replicate on /vms/{guest}"
    )


def test_twins_are_named_in_one_line() -> None:
    assert "clone (also lxc" in _hits("clone a guest") or "clone (also qemu" in _hits("clone a guest")


def test_the_parameter_that_was_asked_for_is_shown() -> None:
    assert " onboot bool, " in _of_first("enable autostart of a container")[2]


def test_what_the_token_may_not_do_is_marked() -> None:
    denied = answer(searcher("9.1"), "clone a vm", denial=lambda _: "Not allowed to mcp@pve: lacks VM.Clone.").text
    assert denied.count("[not allowed to this token]") == 5
    assert "not allowed" not in answer(searcher("9.1"), "clone a vm").text
    endpoint = searcher("9.1").search("clone a vm", 1)[0].endpoint
    text = reference(searcher("9.1"), endpoint, lambda _: "Not allowed to mcp@pve: lacks VM.Clone.")
    assert text.splitlines()[-1] == "Not allowed to mcp@pve: lacks VM.Clone."


def test_a_path_with_its_method_is_answered_in_full() -> None:
    found = answer(searcher("9.1"), "POST /nodes/pve1/qemu/100/clone", next_step="More.")
    assert found.fits
    assert found.text.startswith("POST /nodes/{node}/qemu/{vmid}/clone\n")
    assert "More." not in found.text


def test_what_the_api_has_no_endpoint_for_does_not_fit_and_says_what_to_do_instead() -> None:
    found = answer(searcher("9.1"), "rename a node")
    assert not found.fits
    assert found.text.startswith("The API has no endpoint for this. ")


def test_where_nothing_fits_the_answer_says_how_to_go_on() -> None:
    found = answer(searcher("9.1"), "xyzzy", next_step="More.")
    assert not found.fits
    assert found.text == "Nothing fits. Ask in other words, or give the beginning of a path to browse."


def test_the_next_step_is_the_last_line_below_hits() -> None:
    assert answer(searcher("9.1"), "clone a vm", next_step="More.").text.splitlines()[-1] == "More."
