"""The lines of tables and keys in a TOML file, and how deeply its brackets nest."""

from __future__ import annotations

import tomllib

import pytest

from growth import steepest
from proxmox_mcp.policy.toml_lines import depth, sections

FILE = """\
title = "rules"  # a key at the top

[[rule]]
verdict = "deny"
guests = [
  100, # [not.a.table]
  200,
]
reason = '''
[neither]
is = "this"
'''
"quoted key" = 1

[ "a" . 'b' ]
last = { one = [1,
  2], two = 2 }
dotted.name = true
"""


def test_each_table_and_each_key_has_its_line() -> None:
    assert tomllib.loads(FILE)
    assert [(each.name, each.line, each.keys) for each in sections(FILE)] == [
        ("", 1, {"title": 1}),
        ("rule", 3, {"verdict": 4, "guests": 5, "reason": 9, "quoted key": 13}),
        ("a.b", 15, {"last": 16, "dotted": 18}),
    ]


def test_a_key_that_is_not_found_has_the_line_of_its_table() -> None:
    (_, rule, _) = sections(FILE)
    assert (rule.line_of("guests"), rule.line_of("inside-an-inline-table")) == (5, 3)


def test_a_key_that_is_written_in_parts_has_the_line_of_the_first() -> None:
    assert sections("a.b = 1\na.c = 2\n")[0].keys == {"a": 1}


@pytest.mark.parametrize("quoted", ['"""\n[no]\n"""', "'''\n[no]\n'''", '"[no]\\" [no]"', "'[no]'", "1 # [no]"])
def test_what_is_in_strings_and_comments_is_no_table(quoted: str) -> None:
    text = f"a = {quoted}\n[yes]\nb = 2\n"
    assert list(tomllib.loads(text)) == ["a", "yes"]
    top, table = sections(text)
    assert list(top.keys) == ["a"]
    assert (table.name, table.keys) == ("yes", {"b": table.line + 1})


def test_nesting_is_counted_in_linear_time_and_never_above_what_is_open() -> None:
    assert not steepest(lambda size: lambda: depth("\"\\'[" * (size // 4)))
    assert depth("a = [[1], [2, [3]]]\nb = {c = [1]}]]]") == 3
