from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc.validation.automaton import Automaton, UnsupportedPatternError

PATTERNS = [
    "^a|b$",
    "^(a|ab)(c|bcd)*$",
    "^x{2,5}y?$",
    "^(?:[ab]-?)+$",
    "^[^a\\n]*$",
    "a.c",
    "^$",
    "^(a$)?b*$",
    "(?i:aB)c",
    "^a+?b*?$",
    "^[a-c]{,2}[^b]$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text(alphabet="abcdxy-\n", max_size=9))
def test_it_finds_what_re_finds(pattern: str, text: str) -> None:
    assert Automaton(pattern).search(text) == bool(re.search(pattern, text))


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "(?<!a)b", r"\bword"])
def test_what_needs_more_than_an_automaton_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedPatternError):
        Automaton(pattern)


def test_too_many_states_are_refused() -> None:
    with pytest.raises(UnsupportedPatternError):
        Automaton("(?:a{1000}){1000}")
