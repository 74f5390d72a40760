from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from patience import processor_seconds
from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.validation.patterns import anchored, translate
from proxmox_mcp.apidoc.validation.structures import structures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.apidoc import Schema

LONGEST_SECONDS = 1.0


def patterns_of(schema: Schema) -> Iterator[str]:
    if schema.pattern:
        yield schema.pattern
    inner = [*(schema.properties or {}).values(), *schema.one_of, *schema.all_of]
    if schema.format and not isinstance(schema.format, str):
        inner += schema.format.values()
    if schema.items:
        inner.append(schema.items)
    for each in inner:
        yield from patterns_of(each)


@pytest.fixture(scope="module")
def bundled_patterns() -> set[str]:
    found = {
        pattern
        for version in bundled_versions()
        for endpoint in load_index(version).endpoints
        for pattern in patterns_of(endpoint.schema)
    }
    for keys in structures("").values():
        for schema in keys.values():
            found |= set(patterns_of(schema))
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc\n", True),
        ("[a-z]+", "abc\n\n", False),
        ("a|b", "ax", True),
        ("a|b", "xb", True),
        ("a|b", "xax", False),
        ("(?^:a(?^i:b))", "aB", True),
        ("(?^:a(?^i:b))", "AB", False),
        (r"\w+", "käse", True),
        (r"\w+", "e\u0301", True),
        (r"\w+", "½", False),
        (r"\S+", "a\x1cb", True),
        (r"\S+", "a\u2003b", False),
        (r"\d+", "٣", True),
        (r"[\s-]+", "\t -", True),
        ("[A-Z]{,3}", "ABC", True),
    ],
)
def test_a_pattern_is_read_as_perl_reads_it(pattern: str, text: str, *, matches: bool) -> None:
    test = anchored(pattern)
    assert test is not None
    assert bool(test(text)) is matches


@pytest.mark.parametrize("pattern", [r"\p{Lu}+", r"(?^x: a )", "(a", r"(a+)+(?=b)"])
def test_a_pattern_that_cant_be_judged_is_not_judged(pattern: str) -> None:
    assert anchored(pattern) is None


def test_every_bundled_pattern_is_judged(bundled_patterns: set[str]) -> None:
    assert len(bundled_patterns) > 60
    assert [pattern for pattern in bundled_patterns if anchored(pattern) is None] == []


def test_no_hostile_value_holds_up_any_bundled_pattern(bundled_patterns: set[str]) -> None:
    units = ("a", "-", "1", ".", "_", "a.", "a-", "1;", "0000:", "a=", "a/", "a,b=", "+a;", "net0=1,", "x=a,", " ", "é")
    hostile = [unit * count + end for unit in units for count in (256, 3000) for end in ("!", "\n\n")]
    slowest = 0.0
    for pattern in bundled_patterns:
        test = anchored(pattern)
        assert test is not None
        for value in hostile:
            slowest = max(slowest, processor_seconds(partial(test, value)))
    assert slowest < LONGEST_SECONDS


def test_a_repeat_within_a_repeat_takes_linear_time() -> None:
    test = anchored(r"(?:(?:[._]|__|[-]*)[a-z\d]+)*")
    assert test is not None
    assert processor_seconds(partial(test, "a" * 100_000 + "!")) < LONGEST_SECONDS
    assert not test("a" * 100_000 + "!")


def test_a_bracket_within_a_class_stays_a_bracket() -> None:
    assert translate(r"[[a]") == r"[\[a]"
