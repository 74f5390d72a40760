from __future__ import annotations

import pytest

from proxmox_mcp.errors import ViewError
from proxmox_mcp.server.toolbox import _view


def test_a_cursor_names_a_row_or_a_place_or_both() -> None:
    view, places = _view({"cursor": "12-3fa9", "limit": 5})
    assert (str(view.cursor), view.limit, places) == ("12-3fa9", 5, 0)
    view, places = _view({"cursor": "places-500"})
    assert (view.cursor, places) == (None, 500)
    view, places = _view({"cursor": " places-500/12-3fa9 "})
    assert (str(view.cursor), places) == ("12-3fa9", 500)


@pytest.mark.parametrize("cursor", ["places-", "places-x", "places--1", "places-99999999", "12", "next", "places-5/x"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ViewError, match="cursor"):
        _view({"cursor": cursor})
