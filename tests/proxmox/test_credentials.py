"""Whether Proxmox accepts the credentials: logged at each turn, not at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.proxmox.credentials import Credentials

if TYPE_CHECKING:
    import pytest


def test_before_the_first_call_nothing_is_known() -> None:
    assert Credentials("mcp@pve!t1").accepted is None


def test_a_refusal_is_logged_once_until_they_are_accepted_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "proxmox_mcp.proxmox")
    credentials = Credentials("mcp@pve!t1")
    for why in ("no such token", "no such token", "authentication failure"):
        credentials.refused(why)
    assert (credentials.accepted, credentials.refusal) == (False, "authentication failure")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "refuses the credentials of mcp@pve!t1, so every call fails (no such token)" in caplog.text
    credentials.taken()
    credentials.taken()
    assert (credentials.accepted, credentials.refusal) == (True, "")
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    credentials.refused("no such token")
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "ERROR"]


def test_who_waits_for_them_hears_of_the_recovery_after_the_refusal_alone() -> None:
    credentials = Credentials("mcp@pve!t1")
    credentials.taken()
    assert not credentials.recovered.is_set(), "they were never refused"
    credentials.refused("no such token")
    waiting = credentials.recovered
    credentials.refused("no such token")
    assert credentials.recovered is waiting
    credentials.taken()
    assert waiting.is_set()
    credentials.refused("no such token")
    assert not credentials.recovered.is_set()
