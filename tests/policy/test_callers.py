from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.errors import PolicyFileError, SettingsError
from proxmox_mcp.policy.caller import Limits, Mode
from proxmox_mcp.policy.callers import Callers, CallersSource, load_callers, new_token
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from pathlib import Path

TOKEN, DIGEST = new_token()
OTHER, OTHER_DIGEST = new_token()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "callers.toml"


def test_two_callers_have_each_their_own_rights(file: Path) -> None:
    file.write_text(
        f"""
[[caller]]
name = "ops"
token_sha256 = "{DIGEST}"

[[caller]]
name = "watcher"
token_sha256 = "{OTHER_DIGEST.upper()}"
mode = "read-only"
clusters = ["lab"]
expires = 2030-01-01
calls_per_minute = 60
concurrent = 2

[[caller.rule]]
verdict = "deny"
guest = 100
"""
    )
    callers = load_callers(file, {"lab", "home"})
    ops, watcher = callers.authenticate(f"Bearer {TOKEN}"), callers.authenticate(f"bearer  {OTHER} ")
    assert ops is not None
    assert watcher is not None
    assert (ops.name, ops.mode, ops.rules, ops.may_use("home")) == ("ops", Mode.FULL, (), True)
    assert (watcher.name, watcher.mode, watcher.may_use("home")) == ("watcher", Mode.READ_ONLY, False)
    assert (watcher.may_use("lab"), watcher.limits) == (True, Limits(calls_per_minute=60, concurrent=2))
    assert [(rule.verdict, rule.line) for rule in watcher.rules] == [(Verdict.DENY, 15)]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.swapcase()}",
        f"Bearer {DIGEST}",
        "Bearer \udce4",
    ],
    ids=[
        "none",
        "empty",
        "scheme",
        "no token",
        "no scheme",
        "basic",
        "longer",
        "shorter",
        "case",
        "digest",
        "odd bytes",
    ],
)
def test_whoever_has_no_right_token_is_nobody(header: str | None) -> None:
    assert Callers.single(TOKEN).authenticate(header) is None


def test_one_token_from_the_environment_has_the_servers_mode() -> None:
    caller = Callers.single(TOKEN).authenticate(f"Bearer {TOKEN}")
    assert caller is not None
    assert (caller.name, caller.mode) == ("default", Mode.FULL)


def test_a_token_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(SettingsError, match="shorter than 16") as refused:
        Callers.single("letmein")
    assert "letmein" not in str(refused.value)


def test_an_expired_token_is_nobodys(file: Path) -> None:
    file.write_text(f'[[caller]]\nname = "a"\ntoken_sha256 = "{DIGEST}"\nexpires = 2027-01-31\n')
    (caller,) = load_callers(file)
    for day, valid in ((30, True), (31, False)):
        now = datetime(2027, 1, day, tzinfo=UTC)
        found = Callers({DIGEST: caller}, clock=lambda now=now: now).authenticate(f"Bearer {TOKEN}")  # type: ignore[misc]
        assert (found is not None) is valid


def test_a_new_token_has_256_bits_and_its_hash_is_all_that_is_kept() -> None:
    assert len(TOKEN) == 43
    assert TOKEN != OTHER
    assert TOKEN not in str(vars(Callers.single(TOKEN)))


HEAD = f'[[caller]]\nname = "a"\ntoken_sha256 = "{DIGEST}"\n'


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("", 1, "names no caller"),
        ('[[callers]]\nname = "a"\n', 1, "unknown key `callers`"),
        ("[caller]\n", 1, "must be a list of tables"),
        (HEAD + 'tokens = "x"\n', 4, "unknown key `tokens`"),
        ('[[caller]]\nname = "a"\n', 1, "no valid `token_sha256`"),
        ('[[caller]]\nname = "a"\ntoken_sha256 = "secret"\n', 3, "no valid `token_sha256`"),
        (f'[[caller]]\nname = "a b"\ntoken_sha256 = "{DIGEST}"\n', 2, "no valid `name`"),
        (HEAD + 'mode = "admin"\n', 4, "`mode` can't be 'admin'"),
        (HEAD + "mode = []\n", 4, "`mode` can't be []"),
        (HEAD + "clusters = []\n", 4, "`clusters` must be a list"),
        (HEAD + 'clusters = ["lba"]\n', 4, "no cluster 'lba'"),
        (HEAD + 'expires = "soon"\n', 4, "`expires` can't be 'soon'"),
        (HEAD + "concurrent = -1\n", 4, "`concurrent` can't be -1"),
        (HEAD + "calls_per_minute = true\n", 4, "`calls_per_minute` can't be True"),
        (HEAD + HEAD, 5, "a second caller is named `a`"),
        (HEAD + HEAD.replace('"a"', '"b"'), 6, "`b` has the token of `a`"),
        (HEAD + '\n[[caller.rule]]\nverdict = "nope"\n', 6, "`verdict` can't be 'nope'"),
        (HEAD + '[[caller.rule]]\nverdict = "deny"\n\n[[caller.rule]]\nx = 1\n', 8, "unknown key `x`"),
    ],
)
def test_a_fault_is_refused_with_its_line_and_cause(file: Path, text: str, line: int, cause: str) -> None:
    file.write_text(text)
    with pytest.raises(PolicyFileError) as refused:
        load_callers(file, {"lab"})
    assert f"callers.toml, line {line}: " in refused.value.message
    assert cause in refused.value.message


def test_a_token_written_where_its_hash_belongs_is_not_repeated(file: Path) -> None:
    file.write_text(f'[[caller]]\nname = "a"\ntoken_sha256 = "{TOKEN}"\n')
    with pytest.raises(PolicyFileError) as refused:
        load_callers(file)
    assert TOKEN not in str(refused.value)


def test_a_reload_at_fault_keeps_the_callers_in_force(file: Path) -> None:
    file.write_text(HEAD)
    source = CallersSource(file)
    file.write_text("")
    assert not source.reload()
    assert source.callers.authenticate(f"Bearer {TOKEN}") is not None
    file.write_text(HEAD.replace(DIGEST, OTHER_DIGEST))
    assert source.reload()
    assert source.callers.authenticate(f"Bearer {TOKEN}") is None
