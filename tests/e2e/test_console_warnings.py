"""What the operator of a server should correct is on the first page of the console, with its cure."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from console_site import Visitor
from patience import until
from serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def overview(served: Served) -> Iterator[Callable[[], str]]:
    """Gives the first page as somebody sees it who has signed in, and signs out at the end."""
    made = served.run("console", "link", "--as", "lena")
    assert made.returncode == 0, made.stderr
    visitor = Visitor(("127.0.0.1", served.port), f"127.0.0.1:{served.port}")
    assert visitor.signs_in(made.stdout.strip().partition("#")[2]).status == 303
    yield lambda: visitor.get("/console/").text
    assert visitor.submits("/console/account", "/console/sign-out").status == 303


def test_a_server_that_is_set_up_well_has_nothing_to_correct(server: Served) -> None:
    with overview(server) as page:
        text = page()
    assert "notice warn" not in text
    assert "notice bad" not in text
    assert 'as <span class="mono">root@pam!mcp</span>' in text
    assert "through 127.0.0.1" in text


@pytest.mark.parametrize(
    ("changed", "said", "cure"),
    [
        (
            {"PROXMOX_FINGERPRINT": "", "PROXMOX_VERIFY_SSL": "false"},
            "the certificate is not checked",
            "Set PROXMOX_FINGERPRINT (<code>proxmox-mcp doctor</code> prints it) or PROXMOX_CA_FILE.",
        ),
        (
            {"PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555"},
            "Proxmox VE refuses the credentials of root@pam!mcp",
            "Run <code>proxmox-mcp doctor</code>",
        ),
        (
            {"PROXMOX_USER": "nobody"},
            "The settings of the server are wrong, so no call is sent.",
            "Write nobody@pam for a system user of the node",
        ),
    ],
)
def test_each_fault_is_told_with_its_cure(
    changed: dict[str, str], said: str, cure: str, on_demo: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path, **{**on_demo, **changed}) as served, overview(served) as page:
        until(lambda: said in page())
        assert cure in page()


def test_an_audit_log_that_can_no_longer_be_written_is_told_until_it_can(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    audit = tmp_path / "audit"
    audit.mkdir()
    with (
        serving(tmp_path / "server", **on_demo, MCP_AUDIT_FILE=str(audit / "audit.jsonl")) as served,
        overview(served) as page,
    ):
        assert "The audit log can&#39;t be written" not in page()
        shutil.rmtree(audit)
        assert "The audit log can&#39;t be written: there is no directory" in page()
        assert "See to MCP_AUDIT_FILE" in page()
        audit.mkdir()
        assert "The audit log can&#39;t be written" not in page()
