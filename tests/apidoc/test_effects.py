"""The reviews of ``apidoc/effects``: how they are read, that nothing is left out, that no reason is made by machine."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from growth import USUAL, steepest
from pattern_attacks import attacks
from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.effects import bundled_effects, load_effects
from proxmox_mcp.apidoc.reviews import Effect, Reach, Undo, alternatives, call_key
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.policy.predicates import PREDICATES
from proxmox_mcp.policy.values import ALIASES, DEFAULT_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.reviews import Condition, Finding, Reviews

ENTRY = "PUT /things/{thing}\n  change: writes the thing (PVE::Thing)\n  undo restore: PUT the values read before\n"
MOST_USES_OF_ONE_REASON = 4
SHORT = 4
"""Words. A few words about a harmless parameter, ``its name``, may be said again; a sentence is about its case."""


def endpoints() -> Iterator[Endpoint]:
    for version in bundled_versions():
        yield from load_index(version).endpoints


def findings() -> Iterator[tuple[str, str, Finding]]:
    """Every finding with its call and parameter (empty for the call itself)."""
    reviews = bundled_effects()
    for call, review in reviews.calls.items():
        yield from ((call, "", finding) for finding in review.findings)
        yield from ((call, name, finding) for name, found in review.parameters.items() for finding in found)
    for method, shared in reviews.shared.items():
        yield from ((method, name, finding) for name, found in shared.items() for finding in found)


def conditions() -> Iterator[Condition]:
    for _, _, finding in findings():
        yield from finding.conditions
    for review in bundled_effects().calls.values():
        for reach in review.reach:
            yield from reach.conditions


def read(directory: Path, text: str) -> Reviews:
    (directory / "things.txt").write_text(text, encoding="utf-8")
    return load_effects(directory)


def test_every_endpoint_of_every_bundled_version_is_reviewed() -> None:
    reviews = bundled_effects()
    assert {f"{each.method} {each.path}" for each in endpoints() if reviews.of(each.method, each.path) is None} == set()


def test_every_parameter_of_every_bundled_version_is_reviewed() -> None:
    reviews = bundled_effects()
    missing = {
        f"{each.method} {each.path}: {name}"
        for each in endpoints()
        for name in each.parameters
        if f"{{{name}}}" not in each.path and reviews.parameter(each.method, each.path, ALIASES.get(name, name)) is None
    }
    assert missing == set()


def test_every_reviewed_call_and_parameter_is_one_of_a_bundled_version() -> None:
    known: dict[str, set[str]] = {}
    for each in endpoints():
        known.setdefault(call_key(each.method, each.path), set()).update(each.parameters)
    assert set(bundled_effects().calls) - set(known) == set()
    entries: dict[int, set[str]] = {}
    names: dict[int, set[str]] = {}
    for call, name, finding in findings():
        if name and call in known:
            names.setdefault(id(finding), {name})
            entries.setdefault(id(finding), set()).update(known[call])
    assert {name for finding, each in names.items() for name in each - entries[finding]} == set()


def test_every_default_key_of_a_property_string_is_known_to_the_judge() -> None:
    told = {
        (name, key)
        for each in endpoints()
        for name, schema in each.parameters.items()
        if not isinstance(schema.format, str)
        for key, inner in (schema.format or {}).items()
        if inner.default_key
    }
    assert len(told) > 10
    for name, key in told:
        plain = ALIASES.get(name, name).removesuffix("[n]").rstrip("0123456789")
        assert DEFAULT_KEYS[plain] == key or {DEFAULT_KEYS[plain], key} == {"file", "volume"}, name


def test_every_predicate_that_a_review_names_is_in_the_code_and_the_other_way_round() -> None:
    assert {each.values[0] for each in conditions() if each.test == "predicate"} == set(PREDICATES)


def test_every_pattern_of_a_review_costs_no_more_than_the_length_of_the_value() -> None:
    patterns = {each.values[0] for each in conditions() if each.test == "matches"}
    assert len(patterns) > 20

    def fed(pattern: re.Pattern[str], start: str, body: str, end: str) -> Callable[[int], Callable[[], object]]:
        return lambda size: lambda: pattern.fullmatch(f"{start}{body * (size // len(body))}{end}")

    for written in sorted(patterns):
        pattern = re.compile(written, re.DOTALL)
        for start, body, end in attacks(pattern):
            assert not steepest(fed(pattern, start, body, end), USUAL), (written, start, body, end)


def test_what_a_call_destroys_beside_what_it_creates_is_destroyed_for_good() -> None:
    """Deleting what was created brings nothing else back."""
    destroying = [
        (call, finding)
        for call, review in bundled_effects().calls.items()
        if review.undo is not None and review.undo.kind == "delete-created"
        for finding in chain(review.findings, *review.parameters.values())
        if Effect.DESTROY in finding.effects
    ]
    assert len(destroying) > 10
    assert not [(call, finding.why) for call, finding in destroying if not finding.for_good]


def test_a_retention_destroys_for_good_wherever_it_is_set() -> None:
    retentions = [
        (call, name, finding)
        for call, review in bundled_effects().calls.items()
        for name in ("prune-backups", "maxfiles", "remove", "remove-vanished")
        for finding in review.parameters.get(name, ())
        if Effect.DESTROY in finding.effects and not call.endswith("/sync")
    ]
    assert {call for call, _, _ in retentions} == {
        "POST /nodes/{}/vzdump",
        *(f"{method} /cluster/jobs/realm-sync/{{}}" for method in ("POST", "PUT")),
        *("POST /cluster/backup", "PUT /cluster/backup/{}", "PUT /storage/{}"),
    }
    assert all(finding.for_good for _, _, finding in retentions)


def test_no_reason_is_repeated_mechanically_over_lines() -> None:
    lines = [
        line.rpartition(": ")[2]
        for path in (data_directory() / "effects").glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("  ") and not line.lstrip().startswith(("undo", "targets", "cascade"))
    ]
    often = {why: uses for why, uses in Counter(lines).items() if uses > MOST_USES_OF_ONE_REASON}
    assert {why for why in often if len(why.split()) > SHORT} == set()


def test_no_reason_is_only_the_name_of_its_parameter() -> None:
    filler = {"sets", "changes", "the", "a", "parameter", "option", "value", "of", "writes"}
    empty = {
        f"{call} {name}"
        for call, name, finding in findings()
        if name and not set(re.findall(r"[a-z]+", finding.why.lower())) - filler - set(re.findall(r"[a-z]+", name))
    }
    assert empty == set()


def test_effects_that_are_asked_about_have_a_reason_of_more_than_a_word() -> None:
    asked = set(Effect) - {Effect.READ, Effect.CHANGE}
    assert {finding.why for _, _, finding in findings() if finding.effects & asked and " " not in finding.why} == set()


def test_no_unconditional_effect_hides_behind_a_line_that_means_to_except_from_it() -> None:
    """Several lines apply together, so ``~a: -`` before an unconditional ``disrupt`` would except nothing."""
    reviews = bundled_effects()
    wrong = {
        f"{call} {name}"
        for call, review in reviews.calls.items()
        for name, found in review.parameters.items()
        if any(not each.conditions and each.effects for each in found)
        and any(each.conditions and not each.effects for each in found)
    }
    assert wrong == set()


def test_no_sentence_of_proxmoxs_is_among_the_reasons(shared_data: Path) -> None:
    index = load_index(shared_data / "apidoc" / "pve-9.2-head.js")
    prose = " ".join(
        text
        for each in index.endpoints
        for text in (each.description, *(schema.description for schema in each.parameters.values()))
    ).lower()
    ours = {finding.why.lower() for _, _, finding in findings() if len(finding.why.split()) > SHORT}
    assert {why for why in ours if why in prose} == set()


def test_an_entry_holds_for_all_alternatives_and_whatever_path_parameters_are_named(tmp_path: Path) -> None:
    reviews = read(tmp_path, ENTRY.replace("PUT /things/{thing}", "PUT|POST /(a|b/{id}), DELETE /c"))
    assert set(reviews.calls) == {"PUT /a", "PUT /b/{}", "POST /a", "POST /b/{}", "DELETE /c"}
    assert reviews.of("PUT", "/b/{other}") is reviews.calls["PUT /b/{}"]


def test_shared_parameters_of_calls_apply_together_with_their_own(tmp_path: Path) -> None:
    reviews = read(
        tmp_path,
        f"PARAMETERS PUT /things/{{thing}}\n  @url: outreach: the node goes there\n\n{ENTRY}"
        "  @url and token absent: expose: the token goes there\n",
    )
    found = reviews.parameter("PUT", "/things/{thing}", "url")
    assert found
    assert {effect for each in found for effect in each.effects} == {Effect.OUTREACH, Effect.EXPOSE}


def test_parameters_of_a_method_hold_only_where_nothing_else_is_said(tmp_path: Path) -> None:
    reviews = read(
        tmp_path, f"PARAMETERS PUT\n  @note other: -: a note for people\n\n{ENTRY}  @note: disrupt: a bell rings\n"
    )
    own, shared = (reviews.parameter("PUT", "/things/{thing}", name) for name in ("note", "other"))
    assert own
    assert own[0].effects == {Effect.DISRUPT}
    assert shared
    assert shared[0].effects == set()
    assert reviews.parameter("DELETE", "/things/{thing}", "other") is None


def test_an_indexed_parameter_is_found_by_its_name_in_the_schema(tmp_path: Path) -> None:
    reviews = read(tmp_path, f"{ENTRY}  @net[n]: -: a card\n")
    assert reviews.parameter("PUT", "/things/{thing}", "net12")
    assert reviews.parameter("PUT", "/things/{thing}", "net") is None
    assert reviews.parameter("PUT", "/things/{thing}", "net1x") is None


def test_undo_cascade_and_reach_are_read(tmp_path: Path) -> None:
    review = read(
        tmp_path,
        f"{ENTRY}  undo-lost: secrets\n  cascade: its rules\n  targets: guest\n  targets @all =1: node pool\n",
    ).calls["PUT /things/{}"]
    assert review.undo == Undo("restore", "PUT the values read before", "secrets")
    assert review.cascade == "its rules"
    assert review.reach[0] == Reach(frozenset({"guest"}))
    assert review.reach[1].parameter == "all"
    assert review.reach[1].kinds == {"node", "pool"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("PUT things\n", "neither"),
        ("PATCH /things\n", "neither"),
        ("  change: x\n", "before the first entry"),
        (f"{ENTRY}\n{ENTRY}", "reviewed above already"),
        ("PUT /a\n  change: x\n", "needs an `undo` line"),
        ("PUT /a\n  undo none: x\n", "no line that says"),
        (f"{ENTRY}  breaks: everything\n", "breaks"),
        (f"{ENTRY}  undo sometimes: x\n", "unknown undo"),
        (f"{ENTRY}  targets: galaxy\n", "unknown kind of target"),
        (f"{ENTRY}  @a\n", "not '@names"),
        (f"{ENTRY}  @a !so: -: x\n", "not a condition"),
        (f"{ENTRY}  @a .k?=1: -: x\n", "not a condition"),
        (f"{ENTRY}  @a ~(: -: x\n", "line 4"),
        (f"{ENTRY}  @a is Odd: -: x\n", "not"),
        ("PARAMETERS PUT /nowhere\n  @a: -: x\n", "not the call itself"),
    ],
)
def test_a_line_of_no_known_form_is_refused_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ApidocFormatError, match=re.escape(fault)):
        read(tmp_path, text)


def test_alternatives_can_be_nested() -> None:
    assert list(dict.fromkeys(alternatives("/a(|/(b|c)/d)"))) == ["/a", "/a/b/d", "/a/c/d"]
