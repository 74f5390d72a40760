"""Commands for operators, and how errors are shown.

Tested through them: ``cli.policy``, ``cli.tokens``, ``cli.audit``, ``cli.approvals``.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

import serving
from command_line import run_here as run
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.approvals import Approvals
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from pathlib import Path

POLICY = '[[rule]]\nverdict = "confirm"\nby = "person"\nrisk = "destroy"\n\n[[rule]]\nverdict = "allow"\npath = "/**"\n'
PROXMOX = {
    "PROXMOX_HOST": "127.0.0.1:9",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    "PROXMOX_APIDOC": "bundled",
}


def test_a_policy_without_errors_is_listed_rule_by_rule(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    told = run(tmp_path, "policy", "check", str(tmp_path / "policy.toml"))
    assert told.returncode == 0
    assert told.stdout.splitlines()[0].endswith("policy.toml: no errors, 2 rules")
    assert told.stdout.splitlines()[1:] == [
        "  rule 1 (policy.toml, line 1): confirm by a person",
        "  rule 2 (policy.toml, line 6): allow",
    ]


def test_an_error_in_a_policy_is_reported_with_its_line_by_the_check_and_by_the_server(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rule]]\nverdict = "deny"\nnodee = "pve1"\n')
    checked = run(tmp_path, "policy", "check", MCP_POLICY_FILE=str(file))
    assert checked.returncode == 2
    assert "error [settings.policy] policy.toml, line 3: unknown key `nodee`" in checked.stderr
    served = serving.run(tmp_path, "serve", "--stdio", **PROXMOX, MCP_POLICY_FILE=str(file))
    assert "ERROR proxmox_mcp: policy.toml, line 3: unknown key `nodee`" in served.stderr
    assert "Traceback" not in checked.stderr + served.stderr
    missing = run(tmp_path, "policy", "check")
    assert "There is no policy file." in missing.stderr


def test_the_rule_that_decides_a_call_is_explained_without_a_cluster_to_ask(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    settings = {**PROXMOX, "MCP_POLICY_FILE": str(tmp_path / "policy.toml")}
    told = run(tmp_path, "policy", "explain", "delete", "/nodes/pve1/qemu/100", "purge=1", **settings)
    assert told.stdout.splitlines() == [
        "DELETE /nodes/{node}/qemu/{vmid}",
        "effect: destroy (the VM, its configuration and its volumes are gone; it has to be stopped)",
        "effect: disrupt (purge: takes the VM out of backup jobs, replication and HA)",
        "targets: guests 100; nodes pve1",
        "mode: guarded (server guarded, caller local full)",
        "rule 1 (policy.toml, line 1), confirm: matches for destroy only",
        "rule 2 (policy.toml, line 6), allow: matches",
        "decision: confirm by a person: rule 1 (policy.toml, line 1)",
    ]


def test_a_token_for_one_caller_is_a_line_to_set_and_for_several_an_entry_without_the_token(tmp_path: Path) -> None:
    one = run(tmp_path, "token", "new").stdout.strip()
    assert len(one.removeprefix("MCP_AUTH_TOKEN=")) == 43
    several = run(tmp_path, "token", "new", "ops")
    token = several.stderr.strip().rpartition(" ")[2]
    (entry,) = tomllib.loads(several.stdout)["caller"]
    assert entry == {"name": "ops", "token_sha256": hashlib.sha256(token.encode()).hexdigest(), "mode": "guarded"}
    assert token not in several.stdout


def test_the_audit_is_listed_and_filtered(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    call = {"time": "2026-11-20T09:00:00.000Z", "id": "1", "caller": "ops", "method": "POST"}
    records = [
        {**call, "event": "intent", "path": "/nodes/pve1/qemu/100/status/stop"},
        {**call, "event": "outcome", "path": "/nodes/pve1/qemu/100/status/stop", "result": "ok", "upid": "UPID:x"},
        {**call, "event": "outcome", "path": "/nodes/pve1/qemu/101", "result": "guard.denied", "caller": "dev"},
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records) + '{"cut by a full di')
    listed = run(tmp_path, "audit", "--file", str(file)).stdout.splitlines()
    assert listed == [
        "2026-11-20T09:00:00.000Z ops        ok               POST   /nodes/pve1/qemu/100/status/stop UPID:x",
        "2026-11-20T09:00:00.000Z dev        guard.denied     POST   /nodes/pve1/qemu/101",
    ]
    as_json = run(tmp_path, "audit", "--guest", "101", "--json", MCP_AUDIT_FILE=str(file)).stdout.splitlines()
    assert [json.loads(line)["caller"] for line in as_json] == ["dev"]
    assert "There is no audit file." in run(tmp_path, "audit").stderr


@pytest.mark.parametrize(
    ("since", "callers"),
    [
        ("2026-11-20T09:00", ["ops", "dev"]),
        ("2026-11-20 09:00:01", ["dev"]),
        ("2026-11-20T10:00:01+01:00", ["dev"]),
        ("2026-11-21", []),
    ],
)
def test_the_audit_is_filtered_by_time_however_it_is_written(since: str, callers: list[str], tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    record = {"event": "outcome", "method": "GET", "path": "/nodes"}
    lines = [
        {**record, "time": "2026-11-20T09:00:00.500Z", "caller": "ops"},
        {**record, "time": "2026-11-20T09:00:02.000Z", "caller": "dev"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = run(tmp_path, "audit", "--json", "--file", str(file), "--since", since)
    assert [json.loads(line)["caller"] for line in told.stdout.splitlines()] == callers


def test_what_is_no_time_does_not_pass_for_one_without_entries(tmp_path: Path) -> None:
    told = run(tmp_path, "audit", "--file", str(tmp_path / "audit.jsonl"), "--since", "yesterday")
    assert told.returncode == 2
    assert "'yesterday' is not a time. Write 2026-11-22T05:00" in told.stderr


def test_a_caller_is_not_given_a_name_that_its_file_would_be_refused_for(tmp_path: Path) -> None:
    told = run(tmp_path, "token", "new", "two words")
    assert (told.returncode, told.stdout) == (1, "")
    assert "It must be letters, digits and" in told.stderr


def test_a_call_is_explained_for_a_caller_of_the_file_only(tmp_path: Path) -> None:
    settings = {**PROXMOX, "MCP_CALLERS_FILE": str(tmp_path / "callers.toml")}
    (tmp_path / "callers.toml").write_text(run(tmp_path, "token", "new", "ops").stdout.replace("guarded", "read-only"))
    ask = ("policy", "explain", "POST", "/nodes/pve1/qemu/100/status/stop", "--caller")
    assert "decision: deny: read-only mode" in run(tmp_path, *ask, "ops", **settings).stdout
    assert "Unknown caller bob.\nKnown callers: ops" in run(tmp_path, *ask, "bob", **settings).stderr
    assert "Unknown caller bob.\nKnown callers: none" in run(tmp_path, *ask, "bob", **PROXMOX).stderr


def test_there_is_nothing_to_approve_and_no_secret_where_nothing_was_asked(tmp_path: Path) -> None:
    assert run(tmp_path, "approvals").stdout == "No call waits for an approval.\n"
    approved = run(tmp_path, "approve", "7", "--yes")
    assert (approved.returncode, approved.stdout) == (1, "")
    assert "there is no request 7" in approved.stderr
    assert "there is no secret 7" in run(tmp_path, "secret", "7").stderr


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("policy", "--help"), ("--version",)])
def test_help_is_there(arguments: tuple[str, ...], tmp_path: Path) -> None:
    told = run(tmp_path, *arguments)
    assert told.returncode == 0
    assert told.stdout


def test_a_setting_at_fault_ends_a_command_with_2_and_a_message_that_names_it(tmp_path: Path) -> None:
    told = run(tmp_path, "approvals", MCP_MODE="careful")
    assert told.returncode == 2
    assert told.stderr.startswith("error [settings] ")
    assert "MCP_MODE" in told.stderr
    assert "read-only, guarded" in told.stderr.replace("'", "")


def test_writes_are_frozen_for_a_time_or_until_they_are_unfrozen_on_record(tmp_path: Path) -> None:
    audit = {"MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl")}
    assert run(tmp_path, "unfreeze", **audit).stdout == "Nothing was frozen.\n"
    frozen = run(tmp_path, "freeze", "--for", "90m", "--reason", "moving", **audit)
    assert re.fullmatch(r"All writes are refused. Frozen by \w+, since .* until .*: moving\n", frozen.stdout)
    assert run(tmp_path, "unfreeze", **audit).stdout.startswith("Writes are allowed again. They were frozen by ")
    for wrong in ("soon", "0h", "5", "1w"):
        refused = run(tmp_path, "freeze", "--for", wrong, **audit)
        assert refused.returncode == 2
        assert "is not a duration. Write 30m, 2h or 1d." in refused.stderr
    listed = run(tmp_path, "audit", **audit).stdout.splitlines()
    assert [line.split()[2] for line in listed] == ["freeze", "unfreeze"]


def test_the_chain_of_the_audit_is_verified_and_the_first_bad_line_named(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    audit = {"MCP_AUDIT_FILE": str(file), "MCP_AUDIT_KEY": "k" * 32}
    for _ in range(2):
        run(tmp_path, "freeze", **audit)
        run(tmp_path, "unfreeze", **audit)
    whole = run(tmp_path, "audit", "verify", **audit)
    assert whole.stdout == "Lines 1 to 4 of the chain are as they were written (with the key).\n"
    assert whole.returncode == 0
    text = file.read_text()
    assert "chain" not in run(tmp_path, "audit", **audit).stdout
    file.write_text("".join(text.splitlines(keepends=True)[:2]))
    cut = run(tmp_path, "audit", "verify", **audit)
    assert cut.returncode == 1
    assert "numbers 3 to 4 are missing at the end" in cut.stderr
    file.write_text(text.replace('"unfreeze"', '"unfroze"', 1))
    altered = run(tmp_path, "audit", "verify", **audit)
    assert altered.returncode == 1
    assert f"{file}, line 2: altered" in altered.stderr
    file.write_text(text)
    (tmp_path / "old.key").write_text("k" * 32 + "\n")
    changed = {**audit, "MCP_AUDIT_KEY": "n" * 32}
    assert "sealed with another key" in run(tmp_path, "audit", "verify", **changed).stderr
    assert run(tmp_path, "audit", "verify", "--key-file", str(tmp_path / "old.key"), **changed).returncode == 0
    assert "There is no audit file." in run(tmp_path, "audit", "verify").stderr
    file.write_text('{"event": "intent"}\n')
    assert "No line is of a chain" in run(tmp_path, "audit", "verify", "--", str(file)).stderr


@pytest.mark.parametrize(("name", "value"), [("MCP_AUDIT_KEY", "short"), ("MCP_AUDIT_SYSLOG", "log.example.org")])
def test_a_wrong_setting_of_the_audit_is_named(name: str, value: str, tmp_path: Path) -> None:
    told = run(tmp_path, "freeze", **{name: value})
    assert told.returncode == 2
    assert name in told.stderr


def test_a_denial_on_the_command_line_is_kept_with_its_reason_and_on_record(tmp_path: Path) -> None:
    store = Store.in_directory(tmp_path / "state/state")
    queue = Approvals(store)
    call = Call(
        caller=Caller(name="ops"),
        client="claude-code 2",
        cluster="",
        method="DELETE",
        path=ApiPath.parse("/nodes/pve1/qemu/102"),
        data={},
    )
    number = queue.request(call, Statement("DELETE /nodes/pve1/qemu/102\nHits:\n- VM 102", "forum"))
    listed = run(tmp_path, "approvals").stdout
    assert listed.startswith(f"#{number} pending, asked 0 min ago by ops with claude-code 2\n")
    assert "- VM 102" in listed
    settings = {"MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl")}
    denied = run(tmp_path, "deny", str(number), "--reason", "not  during\nthe backup", **settings)
    assert denied.stdout == "Denied.\n", denied
    assert queue.get(number).reason == "not during the backup"
    line = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])
    assert line["event"] == "approval.denied"
    assert "not during the backup" in json.dumps(line)
    store.close()


@pytest.mark.parametrize(
    "command",
    [
        *("nodes", "guests", "tasks", "problems", "call GET /nodes", "policy explain GET /nodes", "exec 100 -- id"),
        *("changes prune", "grant claude --effect disrupt --tag lab"),
    ],
)
def test_of_several_clusters_one_is_named_by_the_option(command: str, tmp_path: Path) -> None:
    file = tmp_path / "clusters.toml"
    file.write_text("".join(f'[{name}]\nPROXMOX_HOST = "127.0.0.1:1"\n' for name in ("home", "away")))
    others = {name: value for name, value in PROXMOX.items() if name != "PROXMOX_HOST"}
    told = run(tmp_path, *command.split(), **others, MCP_CLUSTERS_FILE=str(file))
    assert told.returncode == 1
    assert "Name one with --cluster: home, away." in told.stderr


def test_a_grant_is_for_a_name_that_a_caller_can_have(tmp_path: Path) -> None:
    told = run(tmp_path, "grant", "two words", "--effect", "disrupt", "--tag", "lab")
    assert told.returncode == 1
    assert "'two words' can't be the name of a caller." in told.stderr


def test_a_grant_is_given_listed_and_revoked_on_record(tmp_path: Path) -> None:
    settings = {**PROXMOX, "MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl")}
    given = run(
        tmp_path, "grant", "claude", "--effect", "disrupt", "--guest", "101", "--tag", "test", "--for", "2h", **settings
    )
    said = "claude may disrupt on guest 101, tag test of default: 0 of 10 calls used"
    assert given.stdout == f"Grant 1: {said}\n", given
    assert f"#1 {said}, 119 min left, by " in run(tmp_path, "grants", **settings).stdout
    assert run(tmp_path, "revoke", "1", **settings).stdout == f"Revoked. {said}\n"
    assert run(tmp_path, "grants", **settings).stdout == "No grant is in force.\n"
    events = [json.loads(line)["event"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert events == ["grant.given", "grant.revoked"]
    for wrong in (("--for", "9h"), ("--cluster", "office"), ("--effect", "read")):
        refused = run(tmp_path, "grant", "claude", "--effect", "disrupt", "--guest", "101", *wrong, **settings)
        assert refused.returncode != 0, refused
