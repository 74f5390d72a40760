"""The prompts for guests, as a person chooses them: the plan in each is proposed unchanged, and confirmed once.

The container's shell is real; what would change this machine or look through all of it (apt-get, systemctl, find, ...)
is a small script in its place.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from guests.test_plans import client_of, confirmed

if TYPE_CHECKING:
    from pathlib import Path

    from mcp import Client

    from guests.https_node import HttpsNode

pytestmark = pytest.mark.anyio

APT = """
case $* in
  update) echo "Hit:1 http://deb.example.org stable InRelease" ;;
  "-y upgrade") [ "$DEBIAN_FRONTEND" = noninteractive ] || exit 9
    touch "$STATE/upgraded"; echo "Setting up nginx (1.26.3-3) ..." ;;
  *) exit 8 ;;
esac
"""
SYSTEMCTL = """
case $1 in
  list-units) echo "cron.service loaded active running Regular background program processing daemon"
    [ -e "$STATE/upgraded" ] || echo "nginx.service loaded active running A web server" ;;
  --failed) echo "nginx.service loaded failed failed A web server" ;;
  status) echo "x $5: failed (Result: exit-code)"; exit 3 ;;
  cat) echo "# /lib/systemd/system/$4.service"; exit 0 ;;
  list-timers) echo "Sun 2026-11-29 certbot.timer" ;;
esac
"""
PROGRAMS = {
    "apt-get": APT,
    "systemctl": SYSTEMCTL,
    "needrestart": "echo NEEDRESTART-SVC: ssh.service",
    "journalctl": 'echo "journal of $*"',
    "du": "echo 12G /var; echo 1G /var/log",
    "df": "echo /dev/sda1 30G 29G 97% /",
    "find": "echo found",
    "ss": "echo LISTEN 0.0.0.0:80",
    "openssl": "echo subject=CN = web; echo notAfter=Dec 24 12:00:00 2026 GMT",
}


@pytest.fixture
def programs(cluster: HttpsNode, tmp_path: Path) -> HttpsNode:
    directory = tmp_path / "programs"
    directory.mkdir()
    for name, code in PROGRAMS.items():
        (directory / name).write_text(f"#!/bin/sh\n{code}\n")
        (directory / name).chmod(0o755)
    cluster.environment = {"PATH": f"{directory}:{os.environ['PATH']}", "STATE": str(tmp_path)}
    return cluster


async def steps_of(client: Client, name: str, **arguments: str) -> list[dict[str, Any]]:
    """The plan that a prompt holds."""
    prompt = await client.get_prompt(name, arguments)
    steps: list[dict[str, Any]] = json.loads(prompt.messages[0].content.text.rpartition("\n\n")[2])["steps"]  # type: ignore[union-attr]
    return steps


async def test_a_guest_is_updated_with_one_yes_and_rolled_back_with_another(programs: HttpsNode) -> None:
    async with client_of(programs) as client:
        told, failed = await confirmed(client, *await steps_of(client, "update_guest", guest="web"))
        assert not failed, told
        assert programs.snapshots == ["before-update"]
        before, _, after = told.partition("Setting up nginx")
        assert "| nginx.service" in before
        assert "| cron.service" in after
        assert "| nginx.service loaded failed" in after
        assert "NEEDRESTART-SVC: ssh.service" in after
        back = {"method": "POST", "path": "nodes/*/guests/web/snapshot/before-update/rollback"}
        assert not programs.rolled_back_to
        told, failed = await confirmed(client, back)

    assert not failed, told
    assert programs.rolled_back_to == ["before-update"]


@pytest.mark.parametrize(
    ("name", "more", "shown"),
    [
        pytest.param(
            *("what_fills_the_disk", {}, ["12G /var", "97%", "journal of --disk-usage"]), marks=pytest.mark.slow
        ),
        (
            "service_does_not_start",
            {"service": "nginx"},
            ["x nginx: failed (Result: exit-code)", "journal of -n 80 --no-pager -u nginx", "system/nginx.service"],
        ),
        pytest.param(
            *("expiring_certificates", {}, ["found: notAfter=Dec 24", "port 443: notAfter=Dec 24", "certbot.timer"]),
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_what_only_looks_runs_to_its_end_with_one_yes(
    programs: HttpsNode, name: str, more: dict[str, str], shown: list[str]
) -> None:
    async with client_of(programs) as client:
        told, failed = await confirmed(client, *await steps_of(client, name, guest="web", **more))

    assert not failed, told
    assert not programs.snapshots
    for each in shown:
        assert each in told
