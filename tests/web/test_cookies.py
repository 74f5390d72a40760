"""The cookie of a session, over plain HTTP and behind TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.web import Person, Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from console_site import Site


def test_over_plain_http_the_cookie_is_for_this_host_and_no_script(site: Site) -> None:
    visitor = site.visitor()
    answer = visitor.signs_in(site.console.sessions.make_link(Person("lena", Role.OPERATOR)))
    (cookie,) = [each for each in answer.cookies if "console=" in each]
    assert cookie.startswith("proxmox-mcp-console=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(
    serving_console: Callable[..., AbstractContextManager[Site]],
) -> None:
    with serving_console(("console.example.org",)) as site:
        visitor = site.visitor("console.example.org", "https")
        visitor.extra["X-Forwarded-Proto"] = "https"
        answer = visitor.signs_in(site.console.sessions.make_link(Person("lena", Role.OPERATOR)))
        (cookie,) = [each for each in answer.cookies if "console=" in each]
        assert cookie.startswith("__Host-proxmox-mcp-console=")
        assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= set(cookie.split("; "))
        assert visitor.get("/console/account").status == 200
        # A neighbour can plant a cookie without the prefix: the token of a secure session doesn't count there.
        visitor.cookies["proxmox-mcp-console"] = visitor.cookies.pop("__Host-proxmox-mcp-console")
        assert visitor.get("/console/account").status == 303
