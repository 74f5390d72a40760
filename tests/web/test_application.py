"""What the console has below its address, and by which methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from console_site import Site


@pytest.mark.parametrize("name", ["..%2f..%2fsettings.py", "nothing.css", "", "style.css%00"])
def test_static_files_are_those_of_the_pages_alone(name: str, site: Site) -> None:
    assert site.visitor().get(f"/console/static/{name}").status == 404


def test_a_method_that_a_path_does_not_take_is_said(site: Site) -> None:
    visitor = site.person(role=Role.ADMIN)
    assert visitor.get("/console/sign-out").status == 405
    assert visitor.post("/console/account", {}).status == 405
