"""A member of a JSON text is set and removed, and the rest stays as people wrote it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import USUAL, steepest
from proxmox_mcp.clients.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
PATH = ("mcpServers", "proxmox")
ENTRY = {"command": "x", "args": ["--stdio"]}

WITH_COMMENTS = """{
    // what I like
    "theme": "dark", /* not, light */
    "mcpServers": {
        "other": {"command": "other",}, // mine
    },
}
"""


def expected(document: dict[str, Any], entry: object) -> dict[str, Any]:
    servers = document.get("mcpServers")
    return {**document, "mcpServers": {**(servers if isinstance(servers, dict) else {}), "proxmox": entry}}


@given(document=OBJECTS, servers=OBJECTS, entry=OBJECTS, indent=st.sampled_from([None, 1, 2, 4, "\t"]))
def test_a_member_is_set_and_nothing_else_is_changed(
    document: dict[str, Any], servers: dict[str, Any], entry: dict[str, Any], indent: int | str | None
) -> None:
    before = {**document, "mcpServers": servers}
    after = JsonText(json.dumps(before, indent=indent)).with_member(PATH, entry)
    assert json.loads(after.text) == expected(before, entry)
    assert after.get(PATH) == entry
    assert list(json.loads(after.text)) == list(before)


@given(document=OBJECTS, servers=OBJECTS, entry=OBJECTS, indent=st.sampled_from([None, 2, "\t"]))
def test_a_member_that_was_set_is_removed_again(
    document: dict[str, Any], servers: dict[str, Any], entry: dict[str, Any], indent: int | str | None
) -> None:
    before = {**document, "mcpServers": {**servers, "proxmox": entry, **servers}}
    after = JsonText(json.dumps(before, indent=indent)).without_member(PATH)
    servers.pop("proxmox", None)
    assert json.loads(after.text) == {**before, "mcpServers": servers}


@given(text=st.text(alphabet='{}[]",:/* \n1a\\', max_size=40))
def test_any_text_is_read_or_refused_with_an_error_of_one_kind(text: str) -> None:
    with suppress(ValueError):
        read = JsonText(text)
        assert read.with_member(("proxmox",), 1).get(("proxmox",)) == 1


@pytest.mark.parametrize("text", ["", "  \n", "{}", "{\n}\n", "\ufeff{}"])
def test_an_empty_file_gets_the_objects_on_the_way(text: str) -> None:
    assert json.loads(JsonText(text).with_member(PATH, ENTRY).text.lstrip("\ufeff")) == {
        "mcpServers": {"proxmox": ENTRY}
    }


def test_comments_and_trailing_commas_and_the_indentation_stay() -> None:
    changed = JsonText(WITH_COMMENTS).with_member(PATH, ENTRY)
    for kept in ("// what I like", "/* not, light */", "// mine", '"other": {"command": "other",}'):
        assert kept in changed.text
    assert '\n        "proxmox": {\n            "command": "x"' in changed.text
    assert changed.get(("mcpServers", "other")) == {"command": "other"}
    removed = changed.without_member(PATH)
    assert removed.get(PATH) is None
    assert "// mine" in removed.text


def test_of_two_members_of_one_name_the_last_counts_as_for_the_clients() -> None:
    text = JsonText('{"mcpServers": {"proxmox": 1, "proxmox": 2}}')
    assert text.get(PATH) == 2
    assert text.with_member(PATH, 3).get(PATH) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "the top is not an object"),
        ('{\n "a" 1}', "line 2: expected :"),
        ('{"a": 1 "b"}', "expected , or }"),
        ('{"a": 01}', "expected a value"),
        ("{a: 1}", "expected a name in double quotes"),
        ('{"a": 1} x', "expected nothing more"),
        ('{"a":' * 200, "nested deeper"),
    ],
)
def test_a_text_that_is_no_json_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        JsonText(text)


def test_what_stands_where_servers_belong_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="`mcpServers` is not an object"):
        JsonText('{"mcpServers": []}').with_member(PATH, ENTRY)


@pytest.mark.parametrize("piece", ["/", "/*", "// x\n", '"a": 1, ', "{", "\\", '"', " "])
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    def work(size: int) -> Callable[[], object]:
        text = '{"a": ' + piece * size

        def read() -> None:
            with suppress(ValueError):
                JsonText(text)

        return read

    assert steepest(work, USUAL) == ""
