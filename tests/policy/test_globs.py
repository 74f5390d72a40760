from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import steepest
from proxmox_mcp.policy.globs import name_matches, path_matches

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = st.text("ab*", max_size=8)
SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "{x}", ""])
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "{y}", "{}", ""]), min_size=1, max_size=6).map("/".join)


@given(NAMES, st.text("abAB", max_size=10), st.booleans())
def test_a_star_stands_for_any_text_as_a_regular_expression_would_say(pattern: str, name: str, fold: bool) -> None:
    said = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL | (re.IGNORECASE if fold else 0))
    assert name_matches(pattern, name, fold=fold) == (said.fullmatch(name) is not None)


@given(st.lists(SEGMENTS, min_size=1, max_size=5), PATHS, st.booleans())
def test_a_path_is_matched_as_a_regular_expression_would(segments: list[str], path: str, literal: bool) -> None:
    pattern, template = "/" + "/".join(segments), "/" + path
    parameter = "[^/]+" if literal else r"\{[^/{}]*\}"
    said = ""
    for segment in pattern.strip("/").split("/"):
        if segment == "**":
            said += "(?:/[^/]+)*"
        else:
            inner = parameter if segment == "{x}" else "[^/]*".join(map(re.escape, segment.split("*")))
            said += "/(?=[^/])" + inner
    assert path_matches(pattern, template, literal=literal) == (re.fullmatch(said, template) is not None)


@pytest.mark.parametrize("pattern", ["*a*a*a*a*b", "a*a*a*a*", "*" * 50 + "b"])
def test_many_stars_take_linear_time(pattern: str) -> None:
    assert not steepest(lambda size: lambda: name_matches(pattern, "a" * size))


@pytest.mark.parametrize("unit", ["/a", "/aa/b", "/{a}", "/"])
@pytest.mark.parametrize("pattern", ["/**/a/**/a/**/a/**/b", "/**/*a*a*/**/b", "/**/{x}/**/{y}/b"])
def test_many_stars_in_a_path_take_linear_time(pattern: str, unit: str) -> None:
    def work(size: int) -> Callable[[], object]:
        path = unit * (size // len(unit))
        return lambda: path_matches(pattern, path, literal=True)

    assert not steepest(work)
