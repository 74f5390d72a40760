from __future__ import annotations

import pytest

from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.gateway.request import (
    FOR_MODELS,
    FOR_PEOPLE,
    NO_CLIENT,
    WAIT_WITH_PROGRESS,
    WAIT_WITHOUT,
    Request,
    Wording,
    method_of,
    patience,
)


def test_a_person_is_told_no_tool_of_a_model() -> None:
    for name in Wording.__annotations__:
        assert "proxmox_api" not in getattr(FOR_PEOPLE, name)
        assert "proxmox-mcp call" not in getattr(FOR_MODELS, name)


class Watching:
    """A client that wants progress."""

    follows_progress = True


def test_patience_is_the_callers_then_the_settings_then_by_who_listens() -> None:
    unsaid = Request(path="/")
    assert patience(Request(path="/", wait=12), 99, NO_CLIENT) == 12
    assert patience(Request(path="/", wait=0), 99, NO_CLIENT) == 0
    assert patience(Request(path="/", wait=-5), 99, NO_CLIENT) == 0
    assert patience(unsaid, 99, NO_CLIENT) == 99
    assert patience(unsaid, 0, NO_CLIENT) == WAIT_WITHOUT == 50
    assert patience(unsaid, 0, Watching()) == WAIT_WITH_PROGRESS == 300  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["get", " Get ", "GET\n"])
def test_a_method_is_taken_in_any_case(written: str) -> None:
    assert method_of(Request(path="/", method=written)) == "GET"


@pytest.mark.parametrize("written", ["", "PATCH", "GETT", "ＧＥＴ", "GET /nodes"])
def test_what_is_no_method_is_refused_with_those_there_are(written: str) -> None:
    with pytest.raises(InvalidCallError, match="Allowed: GET, POST, PUT, DELETE"):
        method_of(Request(path="/", method=written))
