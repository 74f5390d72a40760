"""What a person did is put on record; what was done already is done where it can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import AuditError
from proxmox_mcp.web import Role

if TYPE_CHECKING:
    import pytest

    from console_site import Site


def test_what_can_not_be_recorded_is_done_and_in_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_given: Any) -> None:
        raise AuditError("The audit log can't be written: no space left.")

    monkeypatch.setattr(site.console.audit, "act", full)
    form = {"name": "claude-anna", "owner": "anna", "mode": "guarded", "expires": "7"}
    answer = site.person(role=Role.ADMIN).submits("/console/callers", "/console/callers/make", **form)
    assert answer.status == 200
    assert [each.name for each in site.console.callers.listed()] == ["claude-anna"]
    assert "caller.made by lena was not recorded: The audit log can't be written: no space left." in caplog.text
