"""The address of this server as whoever asks sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.web import Origin
from proxmox_mcp.web.addresses import address_of, scheme_of
from web.conftest import asked

if TYPE_CHECKING:
    from starlette.requests import Request

PUBLIC = Origin("https", "console.example.org")


@pytest.mark.parametrize(
    ("visit", "scheme"),
    [
        (asked(), "http"),
        (asked(scheme="https"), "https"),
        (asked(x_forwarded_proto="https"), "https"),
        (asked(x_forwarded_proto=" HTTPS , http"), "https"),
        (asked(x_forwarded_proto="http, https"), "http"),
        (asked(x_forwarded_proto="ftp"), "http"),
        (asked("Console.Example.Org"), "https"),
        (asked("console.example.org:8010"), "http"),
    ],
)
def test_the_scheme_is_that_of_the_public_address_or_what_the_proxy_says(visit: Request, scheme: str) -> None:
    assert scheme_of(visit, PUBLIC) == scheme


def test_without_a_public_address_the_name_tells_no_scheme() -> None:
    assert scheme_of(asked("console.example.org"), None) == "http"


def test_an_address_has_the_name_that_was_asked_for_and_the_prefix_of_the_proxy() -> None:
    assert address_of(asked(root="/proxmox"), None) == "http://pve:8010/proxmox"
    assert address_of(asked("console.example.org"), PUBLIC) == "https://console.example.org"
