"""The page to connect clients: what the doctor says of the set-up, for operators who ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.cli.doctor_report import doctor_report
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from console_site import Site

SECRET = "a-secret-of-the-set-up"


def test_an_operator_checks_the_set_up_and_sees_no_secret(
    serving_console: Callable[..., AbstractContextManager[Site]],
) -> None:
    wrong = {"PROXMOX_HOST": "127.0.0.1", "PROXMOX_PORT": SECRET, "PROXMOX_TOKEN_SECRET": SECRET}
    with serving_console(check=lambda: doctor_report(wrong)) as site:
        lena, jo = site.person(), site.person("jo", Role.VIEWER)
        assert "Check this set-up" not in jo.get("/console/connect").text
        assert jo.submits("/console/account", "/console/connect/check").status == 403
        answer = lena.submits("/console/connect", "/console/connect/check")
        assert answer.status == 200
        assert "PROXMOX_PORT" in answer.text
        assert SECRET not in answer.text


def test_where_nobody_can_check_no_button_is_shown(site: Site) -> None:
    assert "Check this set-up" not in site.person().get("/console/connect").text
    assert site.person().submits("/console/account", "/console/connect/check").status == 400
