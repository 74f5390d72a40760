"""Rules by ``command``: which commands in guests they let pass, and which they stop."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import PolicyFileError
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.policy.rules import Rule, Verdict

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = {"lxc": "/nodes/{node}/lxc/{vmid}/termproxy", "qemu": "/nodes/{node}/qemu/{vmid}/agent/exec"}


def call(command: Any, *, kind: str = "lxc", **data: str) -> Call:
    """A command in guest 105 as the pipeline judges it."""
    template = TEMPLATES[kind]
    made = Call(
        method="POST",
        path=ApiPath.parse(template.format(node="pve1", vmid=105)),
        template=template,
        path_params={"node": "pve1", "vmid": "105"},
        data={"command": command, **data},
    )
    return judge(made, bundled_effects())


def verdict(pattern: str, command: Any, ruled: Verdict = Verdict.ALLOW, data: str = "") -> Verdict:
    policy = Policy(Mode.GUARDED, [Rule(verdict=ruled, commands=(re.compile(pattern),))])
    return policy.decide(call(command, **({"input-data": data} if data else {}))).verdict


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_command_is_judged_as_what_runs_code(kind: str) -> None:
    assert Effect.EXECUTE in call(["id"], kind=kind).judgement.effects
    assert call(["id"], kind=kind).targets.guests == {105}


@pytest.mark.parametrize("command", [["systemctl", "status", "nginx"], "systemctl status nginx"])
def test_a_whole_command_that_a_rule_allows_passes_without_a_question(command: Any) -> None:
    assert verdict("^systemctl status [a-z-]+$", command) is Verdict.ALLOW


@pytest.mark.parametrize(
    "command",
    [
        "systemctl status nginx; id",
        "systemctl status nginx\nid",
        "systemctl status nginx\n",
        "systemctl status $(id)",
        "systemctl status `id`",
        "systemctl status nginx | sh",
        "systemctl status nginx > /etc/passwd",
        "systemctl status 'nginx'",
        "systemctl status ng*nx",
        "systemctl status nginx & id",
        "systemctl status \\id",
        "systemctl status ~root",
        "systemctl  status nginx",
        " systemctl status nginx",
        "systemctl status nginx #",
        "systemctl status {a,b}",
        "systemctl status ngınx",
    ],
)
@pytest.mark.parametrize("pattern", ["^systemctl status [a-z-]+$", "^systemctl status .*$", "^[\\s\\S]*$"])
def test_a_text_that_a_shell_would_take_apart_is_asked_about_however_wide_the_pattern(
    command: str, pattern: str
) -> None:
    assert verdict(pattern, command) is Verdict.CONFIRM


def test_arguments_of_a_list_can_not_pass_for_other_words() -> None:
    assert verdict("^echo [a-z ]+$", ["echo", "a b"]) is Verdict.CONFIRM
    assert verdict("^echo [a-z ']+$", ["echo", "a b"]) is Verdict.ALLOW
    assert verdict("^systemctl status [a-z-]+$", ["systemctl", "status", "nginx; id"]) is Verdict.CONFIRM
    assert verdict("^systemctl status [a-z-]+$", ["systemctl status nginx"]) is Verdict.CONFIRM


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_a_list_is_compared_as_a_shell_would_have_it_typed(words: list[str]) -> None:
    line = shlex.join(words)
    assert shlex.split(line) == words
    assert verdict(f"^{re.escape(line)}$", words) is Verdict.ALLOW
    assert verdict(f"^{re.escape(line)}x$", words) is Verdict.CONFIRM


@given(st.text(max_size=40))
def test_a_text_is_let_pass_only_where_a_shell_reads_it_as_plain_words(text: str) -> None:
    if verdict("^[\\s\\S]*$", text) is Verdict.ALLOW:
        assert shlex.split(text) == text.split(" ")
        assert re.fullmatch(r"[A-Za-z0-9_@%+=:,./ -]+", text)


def test_input_is_always_asked_about_since_no_pattern_sees_it() -> None:
    assert verdict("^sh$", ["sh"]) is Verdict.ALLOW
    assert verdict("^sh$", ["sh"], data="id") is Verdict.CONFIRM


@pytest.mark.parametrize("command", [["rm", "-rf", "/"], "rm -rf /", "rm -rf /; id"])
def test_what_a_rule_forbids_is_denied_also_with_input(command: Any) -> None:
    for data in ("", "y"):
        assert verdict("^rm .*$", command, Verdict.DENY, data) is Verdict.DENY


def test_a_rule_by_command_says_nothing_of_other_calls() -> None:
    made = Call(method="POST", path=ApiPath.parse("/nodes/pve1/lxc/105/status/stop"), path_params={"vmid": "105"})
    made = judge(made, bundled_effects())
    for ruled in (Verdict.ALLOW, Verdict.DENY):
        policy = Policy(Mode.GUARDED, [Rule(verdict=ruled, commands=(re.compile("^.*$"),))])
        assert policy.decide(made).verdict is Verdict.CONFIRM


def test_readers_never_run_commands_whatever_a_rule_allows() -> None:
    policy = Policy(Mode.READ_ONLY, [Rule(verdict=Verdict.ALLOW, commands=(re.compile("^.*$"),))])
    assert policy.decide(call(["id"])).verdict is Verdict.DENY


def test_the_file_takes_patterns_for_the_whole_command_and_refuses_others_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[rule]]\nverdict = \"allow\"\ncommand = ['^id$', '^df -h$']\n")
    (rule,) = load_rules(file)
    assert [pattern.pattern for pattern in rule.commands] == ["^id$", "^df -h$"]
    faults = {"'id'": "whole command", "'^id'": "whole command", "'^[$'": "regular expression", "3": "can't be 3"}
    for written, fault in faults.items():
        file.write_text(f'[[rule]]\nverdict = "allow"\ncommand = {written}\n')
        with pytest.raises(PolicyFileError, match=rf"line 3: .*{fault}"):
            load_rules(file)
