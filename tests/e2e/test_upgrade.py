"""A server of this version on the environment, policy and callers file of 0.1: all of it works, with warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clients import connect
from proxmox_mcp.settings import read_settings
from serving import CALLERS, callers_file, run, serving

if TYPE_CHECKING:
    from pathlib import Path

    from serving import Served

SETTINGS_OF_0_1 = {
    "PROXMOX_HOST": "pve1.example.org,pve2.example.org:8007",
    "PROXMOX_PORT": "8006",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    "PROXMOX_VERIFY_SSL": "true",
    "PROXMOX_CA_FILE": "/etc/pve-root-ca.pem",
    "PROXMOX_FINGERPRINT": ":".join(["AB"] * 32),
    "PROXMOX_TIMEOUT": "30",
    "PROXMOX_APIDOC": "auto",
    "MCP_HOST": "0.0.0.0",
    "MCP_PORT": "8000",
    "MCP_ROOT_PATH": "/proxmox",
    "MCP_ALLOWED_HOSTS": "mcp.example.org",
    "MCP_ALLOWED_ORIGINS": "https://app.example.org",
    "MCP_AUTH_TOKEN": "a-token-of-these-tests-alone",
    "MCP_AUTH": "none",
    "MCP_CALLERS_FILE": "callers.toml",
    "MCP_MODE": "guarded",
    "MCP_POLICY_FILE": "policy.toml",
    "MCP_GUEST_EXEC": "true",
    "MCP_CONFIRM": "operator",
    "MCP_AUDIT_FILE": "/var/log/proxmox-mcp/audit.jsonl",
    "MCP_CACHE_DIR": "/var/lib/proxmox-mcp",
    "MCP_VALIDATION": "auto",
    "MCP_TASK_WAIT": "50",
    "MCP_RESULT_TOKENS": "4000",
    "MCP_STATELESS": "true",
    "MCP_STATE_URL": "redis://valkey:6379/0",
    "MCP_STATE_KEY": "0123456789abcdef0123456789abcdef",
    "MCP_RATE_LIMIT": "600",
    "MCP_CONCURRENCY": "20",
    "MCP_SESSIONS": "200",
    "MCP_STREAM_IDLE": "14400",
    "MCP_METRICS_PORT": "9100",
    "MCP_LOG_LEVEL": "INFO",
    "MCP_LOG_FORMAT": "json",
}
"""Each setting that 0.1 had, but for ``MCP_CLUSTERS_FILE``, which takes the place of the cluster's."""

POLICY_OF_0_1 = """
[[rule]]
verdict = "deny"
risk = ["access", "disrupt"]
guest = 133
reason = "ask Lena"

[[rule]]
verdict = "confirm"
by = "person"
risk = "destroy"
path = "/nodes/{node}/qemu/{vmid}"
method = "DELETE"
"""
PROTECTION_OFF = {"protection": False}


def test_every_setting_of_0_1_is_read_without_a_remark() -> None:
    settings = read_settings(SETTINGS_OF_0_1)
    assert settings.faults == ()
    assert settings.notes == ()
    [cluster] = settings.clusters.values()
    assert cluster.proxmox_host == ("pve1.example.org", "pve2.example.org:8007")
    assert {name.upper() for name in settings.server.model_fields_set} == {
        name for name in SETTINGS_OF_0_1 if name.startswith("MCP_")
    }


@pytest.fixture
def old_files(tmp_path: Path) -> dict[str, str]:
    """The files that an installation of 0.1 has, with a rule of a caller's own."""
    (tmp_path / "policy.toml").write_text(POLICY_OF_0_1)
    own = '[[caller.rule]]\nverdict = "deny"\nrisk = "execute"\n'
    first, *others = callers_file().split("[[caller]]")[1:]
    (tmp_path / "callers.toml").write_text("[[caller]]".join(["", f"{first}{own}", *others]))
    return {"MCP_POLICY_FILE": str(tmp_path / "policy.toml"), "MCP_CALLERS_FILE": str(tmp_path / "callers.toml")}


@pytest.fixture
def old_settings(on_demo: dict[str, str], old_files: dict[str, str]) -> dict[str, str]:
    kept = ("MCP_VALIDATION", "MCP_TASK_WAIT", "MCP_RESULT_TOKENS", "MCP_RATE_LIMIT", "MCP_SESSIONS", "MCP_LOG_LEVEL")
    cluster = {name: value for name, value in on_demo.items() if name != "MCP_AUTH_TOKEN"}
    return {**cluster, **{name: SETTINGS_OF_0_1[name] for name in kept}, **old_files, "MCP_MODE": "full"}


@pytest.mark.anyio
async def test_a_server_on_old_files_serves_warns_and_denies_what_they_denied(
    old_settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path, **old_settings) as served:
        assert "policy.toml, line 4: `risk` is an older key. Write `effect`" in served.log
        assert "policy.toml, line 11: `risk` is an older key" in served.log
        assert "callers.toml, line" in served.log
        await _protection_is_kept(served)


async def _protection_is_kept(served: Served) -> None:
    """To lift a protection was ``disrupt`` in 0.1 and is ``expose`` now."""
    async with connect(served, token=CALLERS["dev"]) as session:
        denied = await session.call(
            "proxmox_api_call", method="PUT", path="/nodes/*/qemu/133/config", data=PROTECTION_OFF
        )
        assert "ask Lena" in denied.text
        passed = await session.call(
            "proxmox_api_call", method="PUT", path="/nodes/*/qemu/134/config", data=PROTECTION_OFF
        )
        assert passed.text.startswith("Done"), passed.text


def test_the_operator_is_told_by_doctor_and_by_policy_check(old_settings: dict[str, str], tmp_path: Path) -> None:
    checked = run(tmp_path, "policy", "check", **old_settings)
    assert checked.returncode == 0
    assert checked.stderr.count("warning: policy.toml, line") == 2
    told = run(tmp_path, "doctor", "--json", **old_settings)
    assert told.returncode == 0, told.stdout
    assert "line 4: `risk` is an older key" in told.stdout
    assert "callers.toml, line" in told.stdout
