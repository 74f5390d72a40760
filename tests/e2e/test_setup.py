"""``proxmox-mcp setup`` against a cluster: by script, at a terminal, and again on what is there."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from typing import TYPE_CHECKING

import anyio
import pytest

from command_line import run_here as run
from forked import COMMAND
from patience import PATIENCE
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.settings_file import read
from proxmox_mcp.web import Passwords, Person, Role
from serving import environment, free_port, serving
from terminals import open_terminal, shown_next

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serving import Served

OTHER_PIN = ":".join(["AB"] * 32)


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    """A cluster of its own: users and tokens are made here."""
    with start_demo_cluster(task_seconds=0.4) as running:
        yield running


def settings_of(home: Path) -> Path:
    return home / ".config" / "proxmox-mcp" / ".env"


def by_script(home: Path, cluster: DemoCluster, *options: str, **given: str) -> subprocess.CompletedProcess[str]:
    host = ("--host", f"{cluster.host}:{cluster.port}")
    return run(home, "setup", *host, "--accept-certificate", "--yes", *options, **given)


def login(home: Path, cluster: DemoCluster, *options: str) -> subprocess.CompletedProcess[str]:
    return by_script(home, cluster, "--sign-in", "login", *options, SETUP_ADMIN_PASSWORD=cluster.password)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_line_of_a_script_leads_to_a_cluster_that_every_command_reaches(
    tmp_path: Path, cluster: DemoCluster
) -> None:
    told = login(tmp_path, cluster, "--profile", "read-only")
    assert told.returncode == 0, told.stderr
    values = read(settings_of(tmp_path))
    assert values["PROXMOX_FINGERPRINT"].replace(":", "").lower() == cluster.fingerprint
    assert (values["PROXMOX_USER"], values["MCP_MODE"], values["MCP_HOST"]) == ("mcp@pve", "read-only", "127.0.0.1")
    assert mode(settings_of(tmp_path)) == 0o600
    for secret in (cluster.password, values["PROXMOX_PASSWORD"]):
        assert secret not in told.stdout + told.stderr
    assert "38 guests" in run(tmp_path, "guests").stdout
    refused = run(tmp_path, "call", "POST", "/nodes/*/qemu/133/status/stop", "--yes")
    assert "read-only mode" in refused.stderr


def test_running_it_again_keeps_what_is_there(tmp_path: Path, cluster: DemoCluster) -> None:
    assert login(tmp_path, cluster, "--profile", "read-only").returncode == 0
    file = settings_of(tmp_path)
    with file.open("a") as opened:
        opened.write("# mine\nMCP_TIMEZONE=Europe/Berlin\n")
    before = file.read_bytes()
    again = run(tmp_path, "setup", "--yes")
    assert again.returncode == 0, again.stderr
    assert "nothing to write" in again.stderr
    assert file.read_bytes() == before


def test_another_profile_makes_another_token_and_changes_only_that(tmp_path: Path, cluster: DemoCluster) -> None:
    assert login(tmp_path, cluster, "--profile", "read-only", "--user", "change@pve").returncode == 0
    before = read(settings_of(tmp_path))
    told = login(tmp_path, cluster, "--profile", "operator")
    assert told.returncode == 0, told.stderr
    after = read(settings_of(tmp_path))
    assert {name for name in after if after[name] != before.get(name)} == {
        "PROXMOX_TOKEN_ID",
        "PROXMOX_PASSWORD",
        "MCP_MODE",
    }
    assert after["PROXMOX_TOKEN_ID"] == "mcp-2"
    assert "- PROXMOX_PASSWORD=[hidden]" in told.stderr


def test_without_a_terminal_a_certificate_is_pinned_only_if_that_was_said(tmp_path: Path, cluster: DemoCluster) -> None:
    host = f"{cluster.host}:{cluster.port}"
    told = run(tmp_path, "setup", "--host", host, "--yes", SETUP_ADMIN_PASSWORD=cluster.password)
    assert told.returncode == 1
    assert "--accept-certificate" in told.stderr
    other = run(tmp_path, "setup", "--host", host, "--fingerprint", OTHER_PIN, "--yes")
    assert other.returncode == 1
    assert "another certificate than the named one" in other.stderr
    assert not settings_of(tmp_path).exists()


def test_a_missing_answer_is_named_with_its_option(tmp_path: Path, cluster: DemoCluster) -> None:
    assert "--host" in run(tmp_path, "setup", "--yes").stderr
    told = by_script(tmp_path, cluster, "--sign-in", "login", "--profile", "read-only")
    assert told.returncode == 2
    assert "SETUP_ADMIN_PASSWORD_FILE" in told.stderr
    network = by_script(
        tmp_path, cluster, "--sign-in", "token", "--for", "network", "--no-test", PROXMOX_PASSWORD="x-1"
    )
    assert "--name" in network.stderr
    assert not settings_of(tmp_path).exists()


def test_the_node_of_the_environment_is_reached_at_its_port(tmp_path: Path) -> None:
    port = free_port()
    told = run(tmp_path, "setup", "--yes", PROXMOX_HOST="127.0.0.1", PROXMOX_PORT=str(port))
    assert f"127.0.0.1:{port} can't be reached" in told.stderr


def test_a_token_that_exists_is_taken_from_the_environment_and_tested(tmp_path: Path, cluster: DemoCluster) -> None:
    secret = tmp_path / "secret"
    secret.write_text(cluster.tokens["audit@pve!mcp"])
    options = ("--sign-in", "token", "--user", "audit@pve", "--token-id", "mcp")
    told = by_script(tmp_path, cluster, *options, PROXMOX_PASSWORD_FILE=str(secret))
    assert told.returncode == 0, told.stderr
    assert "ok      privileges" in told.stderr
    assert "unset them" in told.stderr
    wrong = "00000000-1111-2222-3333-444444444444"
    failed = by_script(tmp_path, cluster, *options, PROXMOX_PASSWORD=wrong)
    assert failed.returncode == 1
    assert "nothing was written" in failed.stderr
    assert wrong not in failed.stdout + failed.stderr
    assert read(settings_of(tmp_path))["PROXMOX_PASSWORD"] == cluster.tokens["audit@pve!mcp"]


def test_the_commands_for_a_node_are_printed_and_their_secret_taken(tmp_path: Path, cluster: DemoCluster) -> None:
    told = by_script(
        tmp_path,
        cluster,
        *("--sign-in", "pveum", "--profile", "operator", "--user", "lena@pve"),
        PROXMOX_PASSWORD=cluster.tokens["lena@pve!mcp"],
    )
    assert told.returncode == 0, told.stderr
    assert "  pveum user add lena@pve\n" in told.stderr
    assert "  pveum acl modify /vms --users lena@pve --roles PVEVMAdmin\n" in told.stderr
    assert "  pveum user token add lena@pve mcp --privsep 0\n" in told.stderr


def test_callers_get_tokens_in_private_files_that_the_server_accepts(tmp_path: Path, cluster: DemoCluster) -> None:
    told = login(
        tmp_path, cluster, *("--profile", "read-only", "--user", "many@pve", "--for", "network"),
        *("--name", "mcp.example.org", "--caller", "anna", "--caller", "ben"),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    directory = settings_of(tmp_path).parent
    tokens = {name: (directory / f"token-{name}").read_text().strip() for name in ("anna", "ben")}
    assert all(mode(each) == 0o600 for each in directory.iterdir())
    assert not any(token in told.stdout + told.stderr for token in tokens.values())
    values = {**read(settings_of(tmp_path)), "MCP_HOST": "127.0.0.1", "MCP_ALLOWED_HOSTS": ""}
    with serving(tmp_path / "server", **values) as server:
        assert [_status(server, token) for token in (*tokens.values(), "another-token-of-nobody")] == [200, 200, 401]
    again = login(tmp_path, cluster, "--sign-in", "keep", "--for", "network", "--caller", "anna", "--caller", "eve")
    assert again.returncode == 0, again.stderr
    assert (directory / "token-anna").read_text().strip() == tokens["anna"]
    assert (directory / "token-eve").exists()


def _status(server: Served, token: str) -> int:
    return server.ask("GET", "/metrics", {"Authorization": f"Bearer {token}"}).status


@pytest.mark.parametrize(("user", "person"), [("lena", "lena"), ("Lena Smith", "operator")])
def test_the_password_of_the_console_is_for_a_name_that_it_takes(
    user: str, person: str, tmp_path: Path, cluster: DemoCluster
) -> None:
    given = {
        "LOGNAME": user,
        "SETUP_CONSOLE_PASSWORD": "a long password",
        "PROXMOX_PASSWORD": cluster.tokens["audit@pve!mcp"],
    }
    token = ("--sign-in", "token", "--user", "audit@pve", "--no-test", "--console-password")
    told = by_script(tmp_path, cluster, *token, **given)
    assert told.returncode == 0, told.stderr
    assert "a long password" not in told.stdout + told.stderr
    line = read(settings_of(tmp_path))["MCP_CONSOLE_PASSWORD"]
    assert anyio.run(Passwords(line).person, person, "a long password", "127.0.0.1") == Person(person, Role.ADMIN)


def test_compose_gets_the_file_beside_it_with_a_token(tmp_path: Path, cluster: DemoCluster) -> None:
    host = f"{cluster.host}:{cluster.port}"
    options = ("--accept-certificate", "--sign-in", "login", "--profile", "read-only", "--user", "box@pve", "--yes")
    done = subprocess.run(
        [*COMMAND, "setup", "--host", host, *options, "--for", "compose", "--name", "mcp.example.org"],
        cwd=tmp_path,
        env=environment(tmp_path, SETUP_ADMIN_PASSWORD=cluster.password),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = read(tmp_path / ".env")
    assert {"PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_PASSWORD", "MCP_AUTH_TOKEN", "MCP_ALLOWED_HOSTS"} <= values.keys()
    assert mode(tmp_path / ".env") == 0o600
    assert not settings_of(tmp_path).exists()
    assert values["MCP_AUTH_TOKEN"] not in done.stdout + done.stderr


def test_a_set_up_of_several_clusters_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "several.env"
    file.write_text("MCP_CLUSTERS_FILE=/etc/clusters.toml\n")
    told = run(tmp_path, "--env-file", str(file), "setup", "--yes")
    assert told.returncode == 1
    assert "several clusters" in told.stderr


def test_at_a_terminal_it_asks_step_by_step_and_shows_no_secret(tmp_path: Path, cluster: DemoCluster) -> None:
    answers = [
        (r"> $", "local"),
        (r"A node of your cluster.*: $", f"{cluster.host}:{cluster.port}"),
        (r"Is it the same\?.*: $", "y"),
        (r"> $", "login"),
        (r"> $", "operator"),
        (r"User of the token.*: $", "desk@pve"),
        (r"Name of the token.*: $", ""),
        (r"Administrator.*: $", ""),
        (r"Password of root@pam.*: $", cluster.password),
        (r"Write this\?.*: $", "y"),
    ]
    shown, status = at_a_terminal(tmp_path, answers)
    assert status == 0, shown
    assert re.search("SHA-256 fingerprint [0-9A-F:]{95}", shown)
    values = read(settings_of(tmp_path))
    assert values["PROXMOX_USER"] == "desk@pve"
    assert cluster.password not in shown
    assert values["PROXMOX_PASSWORD"] not in shown
    assert "Next:" in shown


def test_without_a_yes_nothing_is_written_and_the_new_token_is_named(tmp_path: Path, cluster: DemoCluster) -> None:
    host = ("--host", f"{cluster.host}:{cluster.port}", "--accept-certificate")
    made = ("--sign-in", "login", "--profile", "read-only", "--user", "unsure@pve", "--for", "local")
    told = run(tmp_path, "setup", *host, *made, SETUP_ADMIN_PASSWORD=cluster.password)
    assert told.returncode == 1
    assert "The token that was made stays on the cluster: mcp." in told.stderr
    assert "--yes" in told.stderr
    assert not settings_of(tmp_path).exists()


def test_a_no_to_the_certificate_ends_it_before_anything_secret_is_asked(tmp_path: Path, cluster: DemoCluster) -> None:
    answers = [
        (r"> $", ""),
        (r"A node of your cluster.*: $", f"{cluster.host}:{cluster.port}"),
        (r"Is it the same\?.*: $", "n"),
    ]
    shown, status = at_a_terminal(tmp_path, answers)
    assert status == 1
    assert "Password" not in shown
    assert not settings_of(tmp_path).exists()


def at_a_terminal(home: Path, answers: list[tuple[str, str]]) -> tuple[str, int]:
    """What a person at a terminal sees of ``setup``, and its status; each answer is typed below its question."""
    ours, theirs = open_terminal()
    process = subprocess.Popen(
        [*COMMAND, "setup"],
        env=environment(home, TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, waiting, seen = "", list(answers), 0
    try:
        while more := shown_next(ours):
            shown += more
            if waiting and re.search(waiting[0][0], shown[seen:]):
                os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
                seen = len(shown)
    finally:
        os.close(ours)
    assert not waiting, f"not asked: {waiting[0][0]}\n{shown}"
    return shown, process.wait(PATIENCE)
