"""What a form must prove before it does anything, and what every response carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.web.security import HEADERS, Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from console_site import Site

SIGN_OUT = "/console/sign-out"


def still_signed_in(site: Site, **changes: str) -> tuple[int, bool]:
    """The status of a sign-out form with changes, and whether the session is still there."""
    visitor = site.person()
    token = visitor.get("/console/account").form_token
    origin = changes.pop("origin", None)
    given = {"form_token": changes.pop("form_token", token)}
    status = visitor.post(SIGN_OUT, given, origin=origin, **changes).status
    return status, visitor.get("/console/account").status == 200


def test_a_form_of_this_site_is_taken(site: Site) -> None:
    assert still_signed_in(site) == (303, False)


OTHERS = (
    "",
    "null",
    "https://evil.example.org",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://localhost:{port}",
    "ftp://127.0.0.1:{port}",
    "http://x@127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example.org",
)


@pytest.mark.parametrize("origin", OTHERS)
def test_a_form_of_another_origin_does_nothing(origin: str, site: Site) -> None:
    status, alive = still_signed_in(site, origin=origin.format(port=site.port))
    assert status == 403
    assert alive


@pytest.mark.parametrize("from_where", ["cross-site", "same-site", "none"])
def test_a_form_that_the_browser_says_is_from_elsewhere_does_nothing(from_where: str, site: Site) -> None:
    assert still_signed_in(site, Sec_Fetch_Site=from_where) == (403, True)


@pytest.mark.parametrize("form_token", ["", "0" * 64, "ü", "x" * 50_000])
def test_a_form_without_the_token_of_its_session_does_nothing(form_token: str, site: Site) -> None:
    assert still_signed_in(site, form_token=form_token) == (403, True)


def test_the_token_of_another_session_does_nothing(site: Site) -> None:
    other = site.person("jo").get("/console/account").form_token
    assert still_signed_in(site, form_token=other) == (403, True)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_only_forms_are_read(kind: str, site: Site) -> None:
    assert still_signed_in(site, Content_Type=kind) == (415, True)


def test_a_form_that_is_too_long_is_refused(site: Site) -> None:
    visitor = site.person()
    token = visitor.get("/console/account").form_token
    assert visitor.post(SIGN_OUT, {"form_token": token, "x": "y" * 70_000}).status == 413
    many = {f"field-{number}": "x" for number in range(300)}
    assert visitor.post(SIGN_OUT, {"form_token": token, **many}).status == 400


def test_the_scheme_of_the_public_address_must_fit_too(
    serving_console: Callable[..., AbstractContextManager[Site]],
) -> None:
    with serving_console(("console.example.org",), MCP_PUBLIC_URL="https://console.example.org") as site:
        visitor = site.person(host="console.example.org", scheme="https")
        token = visitor.get("/console/account").form_token
        assert visitor.post(SIGN_OUT, {"form_token": token}, origin="http://console.example.org").status == 403
        assert visitor.post(SIGN_OUT, {"form_token": token}).status == 303


@pytest.mark.parametrize(
    "path", ["/console/", "/console/sign-in", "/console/nothing", "/", "/console/static/style.css"]
)
def test_every_response_forbids_framing_and_foreign_content(path: str, site: Site) -> None:
    expected = {name.lower(): value for name, value in HEADERS.items()}
    for visitor in (site.visitor(), site.person()):
        received = visitor.get(path).headers
        assert expected.items() <= received.items()
        assert "access-control-allow-origin" not in received


def test_no_cache_keeps_a_page(site: Site) -> None:
    assert site.person().get("/console/account").headers["cache-control"] == "no-store"
    assert "immutable" in site.visitor().get("/console/static/style.css").headers["cache-control"]


def test_a_host_that_is_not_allowed_is_refused(site: Site) -> None:
    assert site.visitor("evil.example.org").get("/console/sign-in").status == 421


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Example.org:443", "https://example.org"),
        ("http://example.org:80/path", "http://example.org"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("null", None),
        ("https://", None),
        ("https://user@example.org", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
    ],
)
def test_origins_are_compared_as_browsers_write_them(text: str, origin: str | None) -> None:
    found = Origin.parsed(text)
    assert (None if found is None else str(found)) == origin
