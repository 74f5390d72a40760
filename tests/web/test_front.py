"""What strangers are shown: a page for browsers, JSON for programs, and nothing of a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.web.front import front, method_not_allowed, not_found, wants_page
from web.conftest import asked

if TYPE_CHECKING:
    from starlette.responses import Response

BROWSER = {"accept": "text/html,application/xhtml+xml"}


def told(response: Response) -> object:
    assert response.headers["content-type"] == "application/json"
    return json.loads(bytes(response.body))


def page(response: Response) -> str:
    assert response.headers["content-type"].startswith("text/html")
    return bytes(response.body).decode()


@pytest.mark.parametrize(
    ("method", "accept", "is_browser"),
    [
        ("GET", "text/html,*/*", True),
        ("HEAD", "text/html", True),
        ("POST", "text/html", False),
        ("GET", "*/*", False),
        ("GET", "application/json, text/event-stream", False),
    ],
)
def test_a_browser_is_told_by_what_it_accepts(method: str, accept: str, is_browser: bool) -> None:
    assert wants_page(asked(method=method, accept=accept)) is is_browser


@pytest.mark.parametrize("console", [True, False])
def test_a_program_learns_the_addresses_that_there_are(console: bool) -> None:
    request = asked("pve.lan", root="/x", x_forwarded_proto="https")
    answer = told(front(request, healthy=False, console=console, asks_token=True))
    assert isinstance(answer, dict)
    assert (answer["name"], answer["ready"], answer["mcp"]) == ("proxmox-mcp", False, "https://pve.lan/x/mcp")
    assert answer.get("console") == ("https://pve.lan/x/console/" if console else None)


def test_a_person_is_told_how_to_connect_and_whether_the_server_is_well() -> None:
    pages = [
        page(front(asked("pve.lan", **BROWSER), healthy=healthy, console=True, asks_token=True))
        for healthy in (True, False)
    ]
    assert all("http://pve.lan/mcp" in each and "/console/" in each for each in pages)
    assert pages[0] != pages[1]


def test_a_person_is_told_to_bring_a_token_where_the_server_asks_for_one() -> None:
    with_token, without = (
        page(front(asked("pve.lan", **BROWSER), healthy=True, console=True, asks_token=asks)) for asks in (True, False)
    )
    assert "token" in with_token
    assert "token" not in without


def test_an_unknown_path_is_a_page_for_people_and_json_for_programs() -> None:
    shown = not_found(asked(path="/nothing", **BROWSER))
    assert (shown.status_code, "There is no such page." in page(shown)) == (404, True)
    answer = not_found(asked(path="/nothing"))
    assert answer.status_code == 404
    assert told(answer) == {"error": "Not found", "paths": ["/", "/mcp", "/sse", "/livez", "/readyz"]}


def test_a_method_that_is_not_taken_is_told_with_those_that_are() -> None:
    answer = method_not_allowed(asked(method="POST"), "GET, HEAD")
    assert (answer.status_code, answer.headers["allow"], told(answer)) == (
        405,
        "GET, HEAD",
        {"error": "Method not allowed"},
    )
    shown = method_not_allowed(asked(**BROWSER), "POST")
    assert (shown.status_code, "does not take GET" in page(shown)) == (405, True)
