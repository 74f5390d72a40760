from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.assembly import callers_of, gateway_of
from proxmox_mcp.errors import PolicyFileError, SettingsError
from proxmox_mcp.policy.limits import ProcessLimits
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

PROXMOX = {
    "PROXMOX_HOST": "127.0.0.1:1",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
}


def made(directory: Path, **settings: str) -> Any:
    return gateway_of(load_settings({**PROXMOX, "MCP_CACHE_DIR": str(directory), **settings}))


def test_a_server_by_itself_counts_and_confirms_in_its_own_process(tmp_path: Path) -> None:
    assert isinstance(made(tmp_path).guard.limits, ProcessLimits)


def test_with_a_store_replicas_count_and_confirm_there_and_nothing_is_connected_at_the_start(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    from proxmox_mcp.policy.shared_limits import SharedLimits

    gateway = made(tmp_path, MCP_STATE_URL="redis://:a-password-of-the-store@127.0.0.1:1/0")
    assert isinstance(gateway.guard.limits, SharedLimits)
    assert gateway.guard.limits.fault == ""


def test_the_stores_password_is_a_secret_like_the_others(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    gateway = made(tmp_path, MCP_STATE_URL="redis://:a-password-of-the-store@127.0.0.1:1/0")
    assert "a-password-of-the-store" not in gateway.guard.redactor.text("AUTH a-password-of-the-store failed")


@pytest.mark.parametrize("path", ["/nodes/pve1/**", "/nodes/{node}/quemu/{vmid}"])
def test_a_rule_that_could_never_match_stops_the_start_with_its_line(path: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(f'[[rule]]\nverdict = "deny"\npath = "{path}"\n')
    with pytest.raises(PolicyFileError, match=r"policy.toml, line 3: `path` .* fits no endpoint"):
        made(tmp_path, MCP_POLICY_FILE=str(tmp_path / "policy.toml"))


def test_a_rule_of_a_caller_that_could_never_match_stops_the_start_too(tmp_path: Path) -> None:
    (tmp_path / "callers.toml").write_text(
        f'[[caller]]\nname = "dev"\ntoken_sha256 = "{"0" * 64}"\n[[caller.rule]]\nverdict = "deny"\npath = "/node/**"\n'
    )
    settings = load_settings({**PROXMOX, "MCP_CALLERS_FILE": str(tmp_path / "callers.toml")})
    with pytest.raises(PolicyFileError, match=r"callers.toml, line 6: `path` .* fits no endpoint"):
        callers_of(settings.server, tuple(settings.clusters))


@pytest.mark.parametrize("url", ["redis://[::1", "localhost:6379", "https://store.example.org"])
def test_a_store_that_is_no_store_stops_the_start(url: str, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    with pytest.raises(SettingsError, match="MCP_STATE_URL"):
        made(tmp_path, MCP_STATE_URL=url)


def test_a_key_that_is_too_short_stops_the_start_and_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="MCP_STATE_KEY is too short: use at least 32 bytes") as caught:
        load_settings({**PROXMOX, "MCP_STATE_KEY": "short-and-secret"})
    assert "short-and-secret" not in str(caught.value)


def test_a_store_without_a_key_is_noted_since_answers_would_not_cross(tmp_path: Path) -> None:
    (note,) = load_settings({**PROXMOX, "MCP_STATE_URL": "redis://127.0.0.1"}).notes
    assert "MCP_STATE_KEY" in note
    assert load_settings({**PROXMOX, "MCP_STATE_URL": "redis://127.0.0.1", "MCP_STATE_KEY": "k" * 32}).notes == ()


@pytest.mark.parametrize("content", [None, b"<html>not found</html>"])
def test_a_schema_file_that_is_none_stops_the_start(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "apidoc.js"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^PROXMOX_APIDOC: "):
        made(tmp_path, PROXMOX_APIDOC=str(file))


@pytest.mark.parametrize("where", ["", "nowhere/audit.jsonl"])
def test_an_audit_that_could_take_no_line_stops_the_start(where: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^MCP_AUDIT_FILE: .* can't be written: (it is a|there is no) directory"):
        made(tmp_path, MCP_AUDIT_FILE=str(tmp_path / where))
    assert list(tmp_path.iterdir()) == []
