"""What would refuse the start of a server, or leave it open, named with the lines to set."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from doctor.examined import cure, examined, lines
from doctor.proxies import listening, page
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres_server import PostgresServer

    Environment = Callable[..., dict[str, str]]


@pytest.fixture
def away(environment: Environment) -> Environment:
    """Settings with a Proxmox that refuses at once: only the server's own steps are of interest."""

    def made(**changed: str) -> dict[str, str]:
        return environment(free_port(), **changed)

    return made


@pytest.mark.parametrize("token", ["", "short"])
def test_an_open_address_without_a_valid_token_gets_the_settings_to_correct(token: str, away: Environment) -> None:
    report = examined(away(MCP_HOST="0.0.0.0", MCP_AUTH_TOKEN=token))
    step = report.step("who may call")
    assert step["status"] == "fail"
    assert step["found"].startswith("No calls are sent until this is corrected.")
    assert "`proxmox-mcp token new`" in cure(step)
    assert report.status == 2


def test_authentication_turned_off_is_a_warning(away: Environment) -> None:
    step = examined(away(MCP_HOST="0.0.0.0", MCP_AUTH_TOKEN="", MCP_AUTH="none")).step("who may call")
    assert step["status"] == "warn"
    assert "MCP_AUTH=none" in step["found"]


def test_an_open_address_without_names_is_a_warning_with_the_line(away: Environment) -> None:
    step = examined(away(MCP_HOST="0.0.0.0")).step("names that clients may use")
    assert step["status"] == "warn"
    assert "421" in step["found"]
    assert lines(step) == ["MCP_ALLOWED_HOSTS=proxmox-mcp.example.org"]


def test_loopback_with_a_token_is_ok(away: Environment) -> None:
    report = examined(away())
    assert {step["status"] for step in report.steps if step["part"] == "server"} == {"ok"}


def test_a_port_that_another_program_has(away: Environment) -> None:
    with listening(lambda channel: (channel.recv(4096), channel.sendall(page("404 Not Found")))) as port:
        step = examined(away(MCP_PORT=str(port))).step("address")
    assert step["status"] == "fail"
    assert lines(step) == [f"ss -ltnp 'sport = :{port}'"]


def test_a_port_that_this_server_uses_is_ok(away: Environment) -> None:
    with listening(lambda channel: (channel.recv(4096), channel.sendall(page("200 OK", "ok")))) as port:
        step = examined(away(MCP_PORT=str(port))).step("address")
    assert step["status"] == "ok"
    assert "already running there" in step["found"]


def test_an_address_of_another_machine(away: Environment) -> None:
    step = examined(away(MCP_HOST="192.0.2.1")).step("address")
    assert step["status"] == "fail"
    assert "is not an address of this machine" in step["found"]
    assert "0.0.0.0" in cure(step)


def test_a_policy_that_cannot_be_understood_refuses_the_start(away: Environment, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[[rule]]\nacton = "deny"\n')
    step = examined(away(MCP_POLICY_FILE=str(tmp_path / "policy.toml"))).step("policy")
    assert step["status"] == "fail"
    assert "line 2" in step["found"]


def test_a_rule_whose_path_fits_nothing_refuses_the_start(away: Environment, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[[rule]]\nverdict = "deny"\npath = "/nodes/pve1/qemu/{vmid}/confg"\n')
    step = examined(away(MCP_POLICY_FILE=str(tmp_path / "policy.toml"))).step("policy")
    assert step["status"] == "fail"
    assert "line 3" in step["found"]


def test_a_file_of_callers_that_is_missing_refuses_the_start(away: Environment, tmp_path: Path) -> None:
    step = examined(away(MCP_CALLERS_FILE=str(tmp_path / "callers.toml"))).step("callers")
    assert step["status"] == "fail"
    assert "callers.toml" in step["found"]


def test_an_audit_file_that_cannot_be_written(away: Environment, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "audit.jsonl", tmp_path):
        step = examined(away(MCP_AUDIT_FILE=str(path))).step("audit")
        assert step["status"] == "fail"
        assert "No calls are sent until this is corrected." in step["found"]


def test_a_state_directory_that_cannot_be_written(away: Environment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    step = examined(away(MCP_STATE_DIR=str(tmp_path / "file" / "state"))).step("state")
    assert step["status"] == "warn"
    assert "MCP_STATE_DIR" in cure(step)
    assert examined(away(MCP_STATE_DIR=str(tmp_path / "not" / "yet"))).step("state")["status"] == "ok"
    assert not (tmp_path / "not").exists()


def test_an_unreachable_shared_state_is_reported_without_its_password(away: Environment) -> None:
    port = free_port()
    report = examined(away(MCP_STATE_URL=f"redis://:a-password-of-the-store@127.0.0.1:{port}/0"))
    step = report.step("shared state")
    assert step["status"] == "fail"
    assert f"127.0.0.1 port {port}" in step["found"]
    assert "a-password-of-the-store" not in str(report.steps)


def test_a_shared_state_that_answers_is_ok(away: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        step = examined(away(MCP_STATE_URL=f"redis://127.0.0.1:{store.getsockname()[1]}/0")).step("shared state")
    assert step["status"] == "ok"


def test_the_database_of_the_state_is_opened_and_a_fault_told_without_its_password(
    away: Environment, postgres: PostgresServer
) -> None:
    assert examined(away(MCP_DATABASE_URL=postgres.new_database())).step("database")["status"] == "ok"
    wrong = examined(away(MCP_DATABASE_URL=postgres.url("postgres", password="wr0ng-w0rd")))
    assert wrong.step("database")["status"] == "fail"
    assert "No change of the cluster is sent" in wrong.step("database")["found"]
    assert "wr0ng-w0rd" not in str(wrong.steps)
    assert examined(away(MCP_DATABASE_URL="mysql://h/d")).step("database")["status"] == "fail"
