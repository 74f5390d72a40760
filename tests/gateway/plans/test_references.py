"""References to identifiers of earlier steps are found and filled in, wherever a text stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.gateway.plans.references import references_in, substituted


def test_references_are_found_in_texts_objects_and_lists() -> None:
    value = ["/qemu/${1.vmid}/config", {"disk": "local:vm-${2.newid}-disk-0", "n": 3}, ["${1.vmid}", None]]
    assert list(references_in(value)) == [(1, "vmid"), (2, "newid"), (1, "vmid")]


def test_a_reference_is_filled_in_within_its_text() -> None:
    filled = substituted({"disk": "nas:${1.vmid}/vm-${1.vmid}.raw", "n": 3}, lambda step, name: f"<{step} {name}>")
    assert filled == {"disk": "nas:<1 vmid>/vm-<1 vmid>.raw", "n": 3}


def test_what_a_shell_would_expand_is_no_reference() -> None:
    text = "echo ${HOME} ${1} $1.vmid {1.vmid} ${1.} ${.vmid} ${-1.vmid}"
    assert list(references_in(text)) == []
    assert substituted(text, lambda *_: "x") == text


json = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


@given(json)
def test_a_value_without_references_comes_back_as_it_was(value: object) -> None:
    if not list(references_in(value)):
        assert substituted(value, lambda *_: "x") == value


@given(json)
def test_no_reference_is_left_once_they_are_filled_in(value: object) -> None:
    assert list(references_in(substituted(value, lambda *_: "9"))) == []
