from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import PolicyFileError
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy_file import PolicySource, load_rules
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = frozenset(endpoint.path for endpoint in load_bundled("9.2").endpoints)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def test_a_rule_with_every_condition_is_read(file: Path) -> None:
    file.write_text(
        """
# Production belongs to people.
[[rule]]
verdict = "confirm"
by = "person"
path = ["/nodes/{node}/qemu/{vmid}", "/nodes/*/lxc/**"]
method = "DELETE"
effect = ["destroy", "execute"]
node = "pve*"
guest = [100, "200-299"]
pool = "prod/web"
tag = ["prod", "db"]
storage = "nas"
caller = "ops"
cluster = "home"
reason = "in  service"
"""
    )
    (rule,) = load_rules(file, TEMPLATES)
    assert (rule.verdict, rule.by_person) == (Verdict.CONFIRM, True)
    assert rule.paths == ("/nodes/{node}/qemu/{vmid}", "/nodes/*/lxc/**")
    assert rule.methods == {"DELETE"}
    assert rule.effects == {Effect.DESTROY, Effect.EXECUTE}
    assert rule.guests == (range(100, 101), range(200, 300))
    assert (rule.nodes, rule.pools, rule.tags) == (("pve*",), ("prod/web",), ("prod", "db"))
    assert (rule.storages, rule.callers, rule.clusters) == (("nas",), ("ops",), ("home",))
    assert (rule.reason, rule.where) == ("in service", "rule 1 (policy.toml, line 3)")


@pytest.mark.parametrize(
    ("verdict", "risk", "effects"),
    [
        ("deny", "access", {Effect.ACCESS, Effect.EXPOSE}),
        ("confirm", "disrupt", {Effect.DISRUPT, Effect.EXPOSE}),
        ("deny", "destroy", {Effect.DESTROY}),
        ("allow", "access", {Effect.ACCESS}),
    ],
)
def test_a_rule_by_its_older_key_stops_what_it_stopped_and_allows_no_more(
    file: Path, verdict: str, risk: str, effects: set[Effect]
) -> None:
    file.write_text(f'[[rule]]\nverdict = "{verdict}"\nrisk = "{risk}"\n')
    (rule,) = load_rules(file)
    assert rule.effects == effects
    assert rule.outdated.startswith("policy.toml, line 3: `risk` is an older key. Write `effect`")


def test_a_policy_warns_of_older_keys_each_time_it_is_read(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text('[[rule]]\nverdict = "deny"\nrisk = "access"\n')
    source = PolicySource(Mode.FULL, file)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    file.write_text('[[rule]]\nverdict = "deny"\neffect = "access"\n')
    caplog.clear()
    assert source.reload()
    assert caplog.records == []


def test_a_rule_with_four_eyes_is_for_people(file: Path) -> None:
    file.write_text('[[rule]]\nverdict = "confirm"\nfour_eyes = true\n')
    (rule,) = load_rules(file)
    assert (rule.four_eyes, rule.by_person) == (True, True)


def test_an_empty_file_is_a_policy_without_rules(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert load_rules(file) == ()


HOSTILE = {
    "an unknown key": ('[[rule]]\nverdict = "deny"\nverb = "GET"\n', 3, "unknown key `verb`"),
    "an unknown key at the top": ('mode = "full"\n[[rule]]\nverdict = "deny"\n', 1, "unknown key `mode`"),
    "an unknown table": ('[[rule]]\nverdict = "deny"\n\n[[rules]]\nverdict = "allow"\n', 4, "unknown key `rules`"),
    "a table for a list": ('\n[rule]\nverdict = "deny"\n', 2, "must be a list of tables"),
    "no verdict": ('[[rule]]\nverdict = "deny"\n\n[[rule]]\nrisk = "read"\n', 4, "no `verdict`"),
    "an unknown verdict": ('[[rule]]\nnode = "a"\nverdict = "Deny"\n', 3, "`verdict` can't be 'Deny'"),
    "a verdict that is no text": ("[[rule]]\nverdict = true\n", 2, "`verdict` can't be True"),
    "an unknown risk": ('[[rule]]\nverdict = "deny"\nrisk = [\n "read",\n "write"]\n', 3, "`risk` can't be 'write'"),
    "an unknown method": ('[[rule]]\nverdict = "deny"\nmethod = "delete"\n', 3, "`method` can't be 'delete'"),
    "an empty list": ('[[rule]]\nverdict = "deny"\nnode = []\n', 3, "`node` is an empty list"),
    "an empty list of guests": ('[[rule]]\nverdict = "deny"\nguest = []\n', 3, "`guest` is an empty list"),
    "an empty name": ('[[rule]]\nverdict = "deny"\ntag = ""\n', 3, "`tag` can't be ''"),
    "a backward range": ('[[rule]]\nverdict = "deny"\nguest = "9-1"\n', 3, "runs backwards"),
    "a guest by name": ('[[rule]]\nverdict = "deny"\nguest = "web"\n', 3, "`guest` can't be 'web'"),
    "a guest in other digits": ('[[rule]]\nverdict = "deny"\nguest = "١٠٠"\n', 3, "`guest` can't be"),
    "a guest that is true": ('[[rule]]\nverdict = "deny"\nguest = true\n', 3, "`guest` can't be True"),
    "a path of a node": ('[[rule]]\nverdict = "deny"\npath = "/nodes/pve1/**"\n', 3, "fits no endpoint"),
    "a path with a query": ('[[rule]]\nverdict = "deny"\npath = "/nodes?x=1"\n', 3, "`path` can't be"),
    "a path with a regex": ('[[rule]]\nverdict = "deny"\npath = "/nodes/[a-z]+"\n', 3, "`path` can't be"),
    "a relative path": ('[[rule]]\nverdict = "deny"\npath = "nodes/**"\n', 3, "`path` can't be"),
    "a typo in a path": ('[[rule]]\nverdict = "deny"\npath = "/nodes/{node}/qmeu"\n', 3, "fits no endpoint"),
    "by on an allow": ('[[rule]]\nverdict = "allow"\nby = "person"\n', 3, "`by` has no meaning"),
    "four eyes on a deny": ('[[rule]]\nverdict = "deny"\nfour_eyes = true\n', 3, "`four_eyes` has no meaning"),
    "as many eyes": ('[[rule]]\nverdict = "confirm"\nfour_eyes = 4\n', 3, "`four_eyes` can't be 4"),
    "by somebody else": ('[[rule]]\nverdict = "confirm"\nby = "model"\n', 3, "`by` can't be 'model'"),
    "a duplicate key": ('[[rule]]\nverdict = "deny"\nverdict = "allow"\n', 3, "overwrite"),
    "not TOML": ("[[rule]]\nverdict: deny\n", 2, "Expected"),
    "cut short": ('[[rule]]\nverdict = "deny', 2, "Unterminated"),
    "rules as text": ('rule = "deny all"\n', 1, "must be a list of tables"),
    "a table within a text": ('[[rule]]\nreason = """\n[[rule]]\nx = 1\n"""\nnodes = ""\n', 6, "key `nodes`"),
    "a key after a list over lines": ('[[rule]]\nguest = [\n 1,\n # 2\n]\nwhen = "x"\n', 6, "unknown key `when`"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_fault_is_refused_with_its_line_and_cause(file: Path, name: str) -> None:
    text, line, cause = HOSTILE[name]
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyFileError) as refused:
        load_rules(file, TEMPLATES)
    assert f"policy.toml, line {line}: " in refused.value.message
    assert cause in refused.value.message
    assert refused.value.advice


def test_rules_written_inline_are_read_and_judged_all_the_same(file: Path) -> None:
    file.write_text('rule = [{verdict = "deny"}, {verdict = "x"}]\n')
    with pytest.raises(PolicyFileError, match="`verdict` can't be 'x'"):
        load_rules(file)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(file: Path) -> None:
    file.write_bytes(b'[[rule]]\nverdict = "deny"\nreason = "\xff"\n')
    with pytest.raises(PolicyFileError, match="line 3: not UTF-8"):
        load_rules(file)


def test_a_file_of_brackets_only_is_refused(file: Path) -> None:
    file.write_text("rule = " + "[" * 200_000)
    with pytest.raises(PolicyFileError, match="nested too deeply"):
        load_rules(file)


def test_brackets_in_strings_and_comments_nest_nothing(file: Path) -> None:
    reasons = ['"[[{\\"["', "'[[{'"] * 50
    file.write_text("".join(f'[[rule]]\nverdict = "deny"\nreason = {reason}  # [[{{\n' for reason in reasons))
    assert len(load_rules(file)) == 100


def test_a_huge_file_is_refused_without_reading_it_all(file: Path) -> None:
    file.write_text("#" * (2 << 20))
    with pytest.raises(PolicyFileError, match="larger than"):
        load_rules(file)


def test_a_missing_file_and_a_directory_are_refused(file: Path, tmp_path: Path) -> None:
    for path in (file, tmp_path):
        with pytest.raises(PolicyFileError, match=str(path)):
            load_rules(path)


def test_the_nearest_right_word_is_offered(file: Path) -> None:
    file.write_text('[[rule]]\nverdict = "deny"\nstorrage = "nas"\n')
    with pytest.raises(PolicyFileError) as refused:
        load_rules(file)
    assert "Did you mean `storage`?" in refused.value.advice


def test_a_path_that_is_nearly_one_is_told_as_it_can_be_written(file: Path) -> None:
    file.write_text('[[rule]]\nverdict = "deny"\npath = "/nodes/{node}/quemu/{vmid}/config"\n')
    with pytest.raises(PolicyFileError) as refused:
        load_rules(file, bundled_effects().templates)
    assert "Did you mean /nodes/*/qemu/*/config?" in refused.value.advice


def test_a_reload_takes_the_new_rules(file: Path) -> None:
    file.write_text("")
    source = PolicySource(Mode.GUARDED, file)
    file.write_text('[[rule]]\nverdict = "deny"\n')
    assert source.reload()
    assert [rule.verdict for rule in source.policy.rules] == [Verdict.DENY]


def test_a_reload_of_a_faulty_file_keeps_what_is_in_force_and_says_so(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text('[[rule]]\nverdict = "deny"\n')
    source = PolicySource(Mode.GUARDED, file)
    before = source.policy
    for broken in ('[[rule]]\nverdict = "allow', ""):
        file.write_text(broken) if broken else file.unlink()
        with caplog.at_level(logging.ERROR):
            assert not source.reload()
        assert source.policy is before
    assert "line 2" in caplog.text
