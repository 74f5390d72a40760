"""The stream of an open page: for people who are signed in, and as many as may listen."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE
from proxmox_mcp.errors import RateLimitError, StoreError

if TYPE_CHECKING:
    from console_site import Site


def test_nobody_listens_without_a_session(site: Site) -> None:
    answer = site.visitor().get("/console/events")
    assert (answer.status, answer.text) == (401, "Sign in first.")


def test_an_open_page_is_told_what_changes(site: Site) -> None:
    lena = site.person()
    with closing(http.client.HTTPConnection(*lena.sent_to, timeout=PATIENCE)) as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in lena.cookies.items())
        connection.request("GET", "/console/events", headers={"Host": lena.host, "Cookie": cookies})
        stream = connection.getresponse()
        assert (stream.status, stream.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
        assert stream.getheader("x-accel-buffering") == "no"
        assert stream.readline() == b"retry: 3000\n"
        site.console.freezes.freeze(by="lena")
        while (line := stream.readline()) and b"freeze" not in line:
            pass
        assert line.startswith(b"data: ")


@pytest.mark.parametrize(
    ("error", "status"), [(RateLimitError("Too many pages."), 429), (StoreError("The store is away."), 503)]
)
def test_a_page_that_can_not_listen_is_told_why(
    error: Exception, status: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_session: str) -> None:
        raise error

    lena = site.person()
    monkeypatch.setattr(site.console.live, "admit", refuse)
    answer = lena.get("/console/events")
    assert (answer.status, answer.text) == (status, str(error))
