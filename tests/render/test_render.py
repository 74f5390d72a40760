from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl100k import count_tokens
from example_counts import share_of
from proxmox_mcp.errors import ViewError
from proxmox_mcp.render import Budget, Legend, View, render
from proxmox_mcp.untrusted import NOTICE

texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="abc -=\"'[{\n\t…|", max_size=40),
    st.sampled_from(["-", "", "…+12", "all:", "(all 3 rows)", "running", "a;b", "100", "true", "x" * 3000, "🚀" * 500]),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), texts
)
keys = st.one_of(st.sampled_from(["vmid", "name", "status", "mem", "maxmem", "tags", "time", "n", "t", "a"]), texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=30), st.dictionaries(keys, inner, max_size=20)),
    max_leaves=120,
)

SMALL = Budget.of(400)
NEXT = re.compile(r"next: cursor=([0-9]+-[0-9a-f]{4})\)")


def pages(data: Any, budget: Budget = SMALL, **view: Any) -> list[str]:
    """The pages of a result, followed by their cursors to the end."""
    texts = [render(data, View.of(**view), budget=budget)]
    while (following := NEXT.search(texts[-1])) is not None:
        texts.append(render(data, View.of(**{**view, "cursor": following[1]}), budget=budget))
        assert len(texts) < 2000
    return texts


@given(json_values, st.sampled_from([400, 700, 4000]))
@settings(max_examples=share_of(150))
def test_any_json_renders_within_its_budget(data: Any, tokens: int) -> None:
    text = render(data, budget=Budget.of(tokens), notes=["a note"])
    assert text.endswith("a note")
    assert len(text) < 40_000
    assert count_tokens(text) <= 1.1 * tokens


@given(
    json_values,
    st.sampled_from(["", "name", "name,status", "a.b", "value", "0"]),
    st.sampled_from(["", "name~a", "value~x", "mem>80%", "vmid>=100", 'status!=""', "time<now-3d"]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["", "0-0000", "2-abcd"]),
)
@settings(max_examples=share_of(150))
def test_any_view_of_any_json_is_shown_within_the_budget_or_refused_as_a_view(
    data: Any, fields: str, filter_text: str, limit: int | None, cursor: str
) -> None:
    try:
        text = render(data, View.of(fields, filter_text, limit, cursor), budget=SMALL)
    except ViewError as refusal:
        text = str(refusal)
    assert count_tokens(text) <= 1.1 * SMALL.tokens


@given(st.lists(st.builds(lambda n: {"vmid": n, "name": f"guest-{n}", "status": "running"}, st.integers(1, 10**6))))
@settings(max_examples=share_of(50))
def test_the_pages_of_a_list_make_up_the_whole_list(records: list[dict[str, Any]]) -> None:
    if len(records) < 2:
        return
    whole = "\n".join(pages(records, fields="vmid,name"))
    shown = [int(number) for number in re.findall(r"^(\d+) guest", whole, re.MULTILINE)]
    hoisted = len({record["vmid"] for record in records}) == 1
    assert hoisted or shown == [record["vmid"] for record in records]


@given(st.lists(st.text(alphabet="abc 123-äß🚀", min_size=1, max_size=90), min_size=1, max_size=300))
@settings(max_examples=share_of(50))
def test_the_pages_of_a_text_make_up_the_whole_text(lines: list[str]) -> None:
    shown: list[str] = []
    for text in pages("\n".join(lines), limit=50):
        *body, closing = text.removeprefix(f"{NOTICE}\n").split("\n")
        assert closing.startswith("(")
        for quoted in body:
            line = quoted.removeprefix("| ")
            if line.startswith("↳"):
                shown[-1] += line[1:]
            else:
                shown.append(line)
    assert shown == lines


def test_scalars_are_themselves() -> None:
    assert render("pve-manager/9.1.9") == "pve-manager/9.1.9"
    assert render(42) == "42"
    assert render(1.5) == "1.5"
    assert render(True) == "true"
    assert render(None) == "null"


def test_an_empty_list_an_empty_object_and_an_empty_text_say_so() -> None:
    assert render([]) == "(an empty list)"
    assert render({}) == "(an empty object)"
    assert render("") == "(an empty text)"


def test_what_is_the_same_everywhere_stands_once_above_and_what_few_have_behind() -> None:
    records = [{"vmid": n, "node": "pve1", "type": "qemu", "tags": ""} for n in range(100, 104)]
    records[2]["lock"] = "backup"
    assert render(records).split("\n") == [
        "all: node=pve1 type=qemu",
        "vmid [lock=]",
        "100",
        "101",
        "102 lock=backup",
        "103",
        "(all 4 rows)",
    ]


def test_cells_that_could_be_misread_are_json_strings() -> None:
    records = [
        {"k": 1, "v": "two words"},
        {"k": 2, "v": "-"},
        {"k": 3, "v": 'a"b'},
        {"k": 4, "v": '"quoted"'},
        {"k": 5, "v": "line\nbreak"},
        {"k": 6, "v": "[1]"},
        {"k": 7, "v": {"a": [1, None]}},
        {"k": 8, "v": "\x1b[31mred\u2028"},
        {"k": 9, "v": None},
    ]
    assert render(records).split("\n") == [
        NOTICE,
        "k v",
        '1 "two words"',
        '2 "-"',
        r'3 "a\"b"',
        r'4 "\"quoted\""',
        r'5 "line\nbreak"',
        '6 "[1]"',
        "7 {a=[1,null]}",
        r'8 "\u001b[31mred\u2028"',
        "9",
        "(all 9 rows)",
    ]


def test_raw_shows_numbers_as_they_were_sent() -> None:
    records = [{"mem": 15272140062, "cpu": 0.633641, "ctime": 1_760_000_000}, {"mem": 1, "cpu": 0}]
    assert "1760000000" not in render(records)
    assert render(records, View.of(raw=True)).startswith("mem cpu ctime\n15272140062 0.633641 1760000000\n1 0")


def test_fields_are_shown_in_the_order_asked_for_and_an_unknown_one_is_named_with_the_near_ones() -> None:
    records = [{"vmid": 1, "name": "a", "status": "up"}, {"vmid": 2, "name": "b", "status": "down"}]
    assert render(records, View.of("name, vmid")).split("\n")[0] == "name vmid"
    with pytest.raises(ViewError, match=r"unknown field `nmae`.*\n.*`name`"):
        render(records, View.of(["nmae"]))


def test_a_field_that_only_the_schema_knows_is_empty_rather_than_unknown() -> None:
    records = [{"vmid": 1}, {"vmid": 2}]
    assert render(records, View.of("vmid,lock"), known=("lock",)).startswith("vmid lock\n1\n2")


def test_one_field_that_holds_a_list_is_shown_as_that_list() -> None:
    data = {"digest": "abc", "members": [{"vmid": 1, "n": "a"}, {"vmid": 2, "n": "b"}]}
    assert render(data, View.of("members")).split("\n") == ["members:", "vmid n", "1 a", "2 b", "(all 2 rows)"]


def test_a_filter_that_nothing_meets_says_how_many_it_looked_at() -> None:
    assert render([{"a": 1}, {"a": 2}], View.of(filter="a>5")) == "(none of 2 matches the filter)"


def test_a_cursor_of_a_list_that_has_changed_is_followed_and_the_change_said() -> None:
    records = [{"vmid": n} for n in range(100, 110)]
    cursor = NEXT.search(render(records, View.of(limit=4)))
    assert cursor is not None
    again = render(records, View.of(limit=4, cursor=cursor[1]))
    assert again.startswith("vmid\n104")
    assert "changed" not in again
    assert "changed" in render(records[1:], View.of(limit=4, cursor=cursor[1]))


def test_a_cursor_holds_while_only_figures_change() -> None:
    before = [{"vmid": n, "cpu": 0.1} for n in range(10)]
    after = [{"vmid": n, "cpu": n / 10} for n in range(10)]
    cursor = NEXT.search(render(before, View.of(limit=4)))
    assert cursor is not None
    assert "changed" not in render(after, View.of(limit=4, cursor=cursor[1]))


@pytest.mark.parametrize("cursor", ["5", "x-1234", "5-12345", "-1-abcd", "99-abcd"])
def test_a_cursor_that_is_none_or_beyond_the_end_is_refused(cursor: str) -> None:
    with pytest.raises(ViewError, match="cursor"):
        render([{"a": 1}, {"a": 2}], View.of(cursor=cursor))


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ViewError, match="limit"):
        View.of(limit=0)


def test_a_long_log_shows_its_beginning_and_its_end_and_the_way_to_the_rest() -> None:
    log = [{"n": n, "t": f"INFO: step {n} of the backup"} for n in range(1, 3001)]
    text = render(log)
    assert text.startswith(f"{NOTICE}\n| INFO: step 1 of")
    assert text.endswith("INFO: step 3000 of the backup")
    gap = re.search(r"\[lines (\d+)-(\d+) of 3000 left out: cursor=([0-9]+-[0-9a-f]{4})\]", text)
    assert gap is not None
    assert render(log, View.of(cursor=gap[3])).startswith(f"{NOTICE}\n| INFO: step {gap[1]} of")
    assert 3000 < count_tokens(text) <= 4000


def test_a_log_is_searched_with_a_filter() -> None:
    log = [{"n": n, "t": f"line {n}" + (" ERROR" if n == 7 else "")} for n in range(1, 30)]
    assert render(log, View.of(filter="t~error")) == f"{NOTICE}\n| line 7 ERROR\n(1 line; 1 of 29 match)"


def test_a_line_longer_than_the_width_is_folded_and_marked() -> None:
    notice, *lines = render("x" * 1000).split("\n")
    assert notice == NOTICE
    assert [len(line) for line in lines] == [402, 403, 203]
    assert lines[1].startswith("| ↳")


def test_terminal_colours_are_taken_out_of_texts() -> None:
    assert render("a\x1b[31mb\n\x07c d") == f"{NOTICE}\n| ab\n| c d"


def test_a_list_with_one_record_is_that_record() -> None:
    assert render([{"vmid": 100, "tags": "", "net": {"a": 1}}]) == "vmid: 100\nnet.a: 1"


def test_a_text_of_several_lines_in_a_record_is_an_indented_block() -> None:
    assert render({"description": "one\ntwo", "cores": 4}) == f"{NOTICE}\ndescription:\n  | one\n  | two\ncores: 4"


def test_a_deep_object_is_shortened_by_whole_members_and_tells_the_way_to_them() -> None:
    data = {
        "version": "9.1",
        "cluster": {"name": "lab", "guests": [{"vmid": n, "config": {"net0": f"vmbr{n}"}} for n in range(2000)]},
    }
    text = render(data)
    assert "version: 9.1" in text
    assert "…" in text
    ways = re.search(r"\(shortened: ([^;]+);", text)
    assert ways is not None
    assert ways[1] == "cluster.guests"
    assert render(data, View.of(ways[1])).startswith("cluster.guests:\nvmid config.net0\n0 ")


def test_a_record_with_thousands_of_keys_counts_those_it_leaves_out() -> None:
    text = render({f"key{n}": n for n in range(20_000)})
    assert re.search(r"^…: \"\d+ more keys: key", text, re.MULTILINE)


def test_rows_too_wide_for_the_budget_are_cut_and_counted() -> None:
    records = [{"vmid": n, "description": "word " * 2000} for n in range(3)]
    text = render(records)
    assert "…+" in text
    assert "limit=1 shows a record whole" in text
    assert render(records, View.of(limit=1)).startswith(f'{NOTICE}\nvmid: 0\ndescription: "word word')


def test_a_long_text_is_quoted_after_it_was_cut_and_whole_where_a_record_is_alone() -> None:
    records = [{"vmid": n, "description": "d" * 1000} for n in range(2)]
    assert '"' + "d" * 400 + '…+600"' in render(records)
    assert render(records[0]) == f'{NOTICE}\nvmid: 0\ndescription: "' + "d" * 1000 + '"'


def test_every_line_of_a_log_is_quoted_and_its_gap_is_not() -> None:
    text = render([{"n": n, "t": f"line {n} says nothing new"} for n in range(3000)])
    head, gap, tail = re.split(r"\n(\[lines.*\])\n", text)
    assert head.startswith(f"{NOTICE}\n| line 0 says")
    assert "left out" in gap
    assert tail.endswith("| line 2999 says nothing new")
    assert all(line.startswith("| line ") for line in (*head.split("\n")[1:], *tail.split("\n")))
    assert 2800 < count_tokens(text) <= 4000


def test_terms_of_proxmox_stay_bare_where_the_schema_tells_that_they_are_some() -> None:
    privileges = "Datastore.Audit,Mapping.Audit,Pool.Audit,SDN.Audit,Sys.Audit,VM.Audit,VM.GuestAgent.Audit"
    assert render({"privs": privileges}) == f'{NOTICE}\nprivs: "{privileges}"'
    assert render({"privs": privileges}, legend=Legend(terms="privs".__eq__)) == f"privs: {privileges}"
    assert (
        render({"privs": "Sys.Audit now"}, legend=Legend(terms="privs".__eq__)) == f'{NOTICE}\nprivs: "Sys.Audit now"'
    )


def test_notes_stand_behind_the_result_and_count_against_the_budget() -> None:
    text = render([{"n": n, "t": "x" * 50} for n in range(500)], notes=["word " * 200, "end"])
    assert text.endswith("end")
    assert count_tokens(text) <= 4000
