"""Signing in: by a link or a password, for whom, where, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from proxmox_mcp.web import Person, Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from console_site import Site

LENA = Person("lena", Role.OPERATOR)
SITE = "http://console.example.org:8010"


def test_a_page_asks_to_sign_in_and_leads_back_to_where_one_wanted_to_go(site: Site) -> None:
    visitor = site.visitor()
    answer = visitor.get("/console/account?x=1")
    assert (answer.status, answer.location) == (303, "/console/sign-in?next=account%3Fx%3D1")
    form = visitor.get(answer.location)
    token = site.console.sessions.make_link(LENA)
    signed_in = visitor.post(
        answer.location, {"form_token": form.form_token, "link": f"{SITE}/console/sign-in#{token}"}
    )
    assert (signed_in.status, signed_in.location) == (303, "/console/account?x=1")
    assert "lena" in visitor.get("/console/account").text


AWAY = (
    "//evil.example.org",
    "\\\\evil.example.org",
    "/\\evil.example.org",
    "https://evil.example.org",
    "%2f%2fevil.example.org",
    "x\r\nSet-Cookie: a=b",
    "é",
)


@pytest.mark.parametrize("target", AWAY)
def test_nobody_is_led_away_to_another_site_after_signing_in(target: str, site: Site) -> None:
    visitor = site.visitor()
    path = f"/console/sign-in?next={quote(target)}"
    form = visitor.get(path)
    link = site.console.sessions.make_link(LENA)
    location = visitor.post(path, {"form_token": form.form_token, "link": link}).location
    assert location.startswith("/console/")
    assert not location.startswith("//")
    assert not urlsplit(location).netloc
    assert "\\" not in location
    assert "\n" not in location


def test_a_link_that_was_used_says_so_to_the_second_who_has_it(site: Site) -> None:
    token = site.console.sessions.make_link(LENA)
    assert site.visitor().signs_in(token).status == 303
    stolen = site.visitor().signs_in(token)
    assert stolen.status == 403
    assert "was used before" in stolen.text
    assert not any("console=" in each for each in stolen.cookies)


def test_a_link_that_is_opened_by_somebody_who_is_signed_in_leaves_no_token_in_the_address_and_stays_valid(
    site: Site,
) -> None:
    token = site.console.sessions.make_link(LENA)
    answer = site.person().get("/console/sign-in?next=account")
    assert (answer.status, answer.location) == (303, "/console/account#"), "an address with a fragment of its own"
    assert site.visitor().signs_in(token).status == 303


def test_a_session_counts_only_where_it_was_opened(
    serving_console: Callable[..., AbstractContextManager[Site]],
) -> None:
    with serving_console(("one.example.org:81", "one.example.org:82", "two.example.org:81")) as site:
        visitor = site.person(host="one.example.org:81")
        assert visitor.get("/console/account").status == 200
        for host in ("one.example.org:82", "two.example.org:81"):
            visitor.host = host
            assert visitor.get("/console/account").status == 303


def test_signing_out_ends_this_session_and_the_other_form_ends_all(site: Site) -> None:
    one, two, three = (site.person() for _ in range(3))
    one.submits("/console/account", "/console/sign-out")
    assert [each.get("/console/account").status for each in (one, two, three)] == [303, 200, 200]
    answer = two.submits("/console/account", "/console/sign-out", everywhere="yes")
    assert answer.location == "/console/sign-in?note=everywhere"
    assert "signed out everywhere" in two.get(answer.location).text
    assert [each.get("/console/account").status for each in (one, two, three)] == [303, 303, 303]


def test_a_token_for_mcp_opens_no_page(serving_console: Callable[..., AbstractContextManager[Site]]) -> None:
    with serving_console(MCP_AUTH_TOKEN="a-token-of-an-mcp-client") as site:
        visitor = site.visitor()
        visitor.extra["Authorization"] = "Bearer a-token-of-an-mcp-client"
        assert visitor.get("/console/").status == 303
        visitor.cookies["proxmox-mcp-console"] = "a-token-of-an-mcp-client"
        assert visitor.get("/console/").status == 303
        assert visitor.signs_in("a-token-of-an-mcp-client").status == 403


def test_a_password_signs_in_as_admin_and_a_wrong_one_does_not(
    serving_console: Callable[..., AbstractContextManager[Site]],
) -> None:
    with serving_console(MCP_CONSOLE_PASSWORD="correct horse battery") as site:
        visitor = site.visitor()
        form = visitor.get("/console/sign-in")
        given = {"form_token": form.form_token, "name": "admin"}
        wrong = visitor.post("/console/sign-in", {**given, "password": "incorrect horse"})
        assert wrong.status == 403
        assert "Name or password is wrong" in wrong.text
        right = visitor.post("/console/sign-in", {**given, "password": "correct horse battery"})
        assert right.status == 303
        assert "Signed in as admin" in visitor.get("/console/account").text


def test_without_a_password_in_the_settings_there_is_no_form_for_one(site: Site) -> None:
    visitor = site.visitor()
    form = visitor.get("/console/sign-in")
    assert 'type="password" autocomplete="current-password"' not in form.text
    given = {"form_token": form.form_token, "name": "admin", "password": ""}
    assert visitor.post("/console/sign-in", given).status == 403
