"""The record's codes in words."""

from __future__ import annotations

import pytest

from proxmox_mcp import errors
from proxmox_mcp.web.words import act, ending

CODES = sorted(
    found.code
    for found in vars(errors).values()
    if isinstance(found, type)
    and issubclass(found, errors.ProxmoxMcpError)
    and found.code.startswith(("call", "guard"))
)


@pytest.mark.parametrize("code", CODES)
def test_a_refused_call_is_told_in_words(code: str) -> None:
    assert ending(code).said not in (code, "done")
    assert "." not in ending(code).said


def test_a_code_without_words_of_its_own_has_those_of_its_parent() -> None:
    assert ending("pve.node.daemon") == ending("pve.node")
    assert ending("pve.answer") == ending("pve")


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert ending("later.invention").said == "later.invention"


def test_what_a_person_did_is_a_sentence() -> None:
    assert act("approval.denied", {"number": 7, "reason": "no"}) == "Denied request 7"
    assert act("freeze", None) == "Froze all writes"


@pytest.mark.parametrize("details", [None, {}, [], {"name": "x"}])
def test_an_act_whose_details_are_missing_is_told_by_its_event(details: object) -> None:
    assert act("approval.denied", details) == "approval.denied"


def test_details_are_never_a_template() -> None:
    assert act("caller.made", {"name": "{number} {0.__class__}"}) == "Made the caller {number} {0.__class__}"
