"""Files and variables of the operator's: whatever is in them, a value or an error that says what is wrong."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.examples import examples
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import PolicyFileError, SettingsError
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.callers import load_callers
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.settings import known_names, load_settings

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
# Nobody touches production.
[[rule]]
verdict = "deny"
guest = ["100-199", 205]
method = ["POST", "DELETE"]
pool = "prod*"

[[rule]]
verdict = "confirm"
by = "person"
path = "/nodes/{node}/qemu/*/status/**"
risk = ["disrupt", "destroy"]
reason = "ask Lena"
"""
CALLERS = f"""\
[[caller]]
name = "ops"
token_sha256 = "{"ab" * 32}"
mode = "guarded"
clusters = ["lab"]
expires = 2027-01-01
calls_per_minute = 120

[[caller.rule]]
verdict = "deny"
node = "pve1"

[[caller]]
name = "dev"
token_sha256 = "{"cd" * 32}"
"""
CLUSTERS = """\
[lab]
PROXMOX_HOST = "10.0.0.1"
PROXMOX_USER = "root@pam"
PROXMOX_PASSWORD = "a-password-of-the-lab"
PROXMOX_VERIFY_SSL = true
[office]
PROXMOX_HOST = ["10.1.0.1", "10.1.0.2"]
PROXMOX_USER = "mcp@pve"
PROXMOX_TOKEN_ID = "t1"
PROXMOX_PASSWORD = "11111111-2222-3333-4444-555555555555"
"""

_KNOWN = """
rule verdict by guest method pool path risk reason node tag storage caller cluster name token_sha256 mode clusters
expires calls_per_minute concurrent PROXMOX_HOST PROXMOX_PORT PROXMOX_USER PROXMOX_PASSWORD PROXMOX_TIMEOUT
"""
_GOOD = f"""
deny allow confirm person full read-only guarded destroy 100 100-199 200-100 * ** GET POST /nodes/** {"ab" * 32}
/nodes/{{node}}/qemu/{{vmid}} pve1 10.0.0.1 root@pam \x00 ²
"""
_KEYS = st.sampled_from(_KNOWN.split()) | st.text("abc_-.é \"'", max_size=6)
_WORDS = st.sampled_from(["", *_GOOD.split()]) | st.text(max_size=12)
_SCALARS = st.one_of(
    _WORDS,
    st.integers(-5, 10**12),
    st.floats(),
    st.booleans(),
    st.dates(datetime.date(1, 1, 1)),
    st.datetimes(),
    st.times(),
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=5
)


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() or c in " /*{}-_.@" else f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Tables under any heading, some of them known, with keys that mostly are."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        parts.append(
            draw(st.sampled_from(["[[rule]]", "[[caller]]", "[[caller.rule]]", "[rule]", "[lab]", "[a.b]", ""]))
        )
        for key, value in draw(st.dictionaries(_KEYS, _VALUES, max_size=5)).items():
            parts.append(f"{toml(key)} = {toml(value)}")
    return "\n".join(parts)


def mutated(whole: str) -> st.SearchStrategy[str]:
    """A good file with a piece taken out, put elsewhere, or replaced."""

    @st.composite
    def strategy(draw: st.DrawFn) -> str:
        text = whole
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, len(text)))
            end = min(len(text), start + draw(st.integers(0, 12)))
            there = draw(st.integers(0, len(text)))
            piece = draw(st.one_of(st.just(""), st.just(text[there : there + 15]), _WORDS, _SCALARS.map(toml)))
            text = text[:start] + piece + text[end:]
        return text

    return strategy()


def anything(whole: str) -> st.SearchStrategy[bytes]:
    texts = st.one_of(mutated(whole), mutated(whole), tables(), st.text("[]{}=\"'\n,.#abc0-9 \\", max_size=60))
    return st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=60))


REVIEWS = bundled_effects()
ACTIONS = [
    judge(
        Call(
            method=method,
            template=template,
            path=ApiPath.parse(template.replace("{node}", "pve1").replace("{vmid}", "100")),
            path_params={"node": "pve1", "vmid": "100"} if "{vmid}" in template else {},
        ),
        REVIEWS,
    )
    for method, template in (
        ("GET", "/cluster/resources"),
        ("DELETE", "/nodes/{node}/qemu/{vmid}"),
        ("POST", "/nodes/{node}/qemu/{vmid}/status/stop"),
    )
]


def explained(error: SettingsError, *names: str) -> None:
    """Names the file or one of the variables, in words and in a few lines."""
    assert any(name in str(error) for name in names), error
    assert len(str(error)) < 1500
    assert "Traceback" not in str(error)


@given(content=anything(POLICY))
@examples(250)
def test_a_policy_file_is_a_policy_or_an_error_with_its_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(content)
    try:
        rules = load_rules(file)
    except PolicyFileError as error:
        explained(error, "policy.toml")
        return
    for mode in Mode:
        for action in ACTIONS:
            decision = Policy(mode, rules).decide(action)
            assert mode is not Mode.READ_ONLY or action.method == "GET" or decision.verdict == "deny"
            assert Policy(mode, rules).explain(action)


@given(content=anything(CALLERS))
@examples(250)
def test_a_callers_file_is_callers_or_an_error_with_its_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "callers.toml"
    file.write_bytes(content)
    try:
        callers = load_callers(file, ("lab",))
    except PolicyFileError as error:
        explained(error, "callers.toml")
        return
    assert len(callers) > 0
    names = [caller.name for caller in callers]
    assert len(set(names)) == len(names)
    for header in (None, "", "Bearer", "Bearer ", f"Bearer {'ab' * 32}", "Basic b3Bz", "Bearer \x00"):
        assert callers.authenticate(header) is None


@given(content=anything(CLUSTERS))
@examples(150)
def test_a_clusters_file_is_clusters_or_an_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "clusters.toml"
    file.write_bytes(content)
    try:
        settings = load_settings({"MCP_CLUSTERS_FILE": str(file)})
    except SettingsError as error:
        explained(error, "MCP_CLUSTERS_FILE")
        return
    assert settings.clusters
    assert all(cluster.proxmox_host for cluster in settings.clusters.values())


@given(
    values=st.dictionaries(
        st.sampled_from(sorted({*known_names()} - {"MCP_CLUSTERS_FILE"})), _WORDS | st.integers().map(str), max_size=8
    )
)
@examples(200)
def test_an_environment_is_settings_or_an_error_that_names_the_variable(values: dict[str, str]) -> None:
    good = {"PROXMOX_HOST": "10.0.0.1", "PROXMOX_USER": "root@pam", "PROXMOX_PASSWORD": "a-password-of-the-lab"}
    try:
        load_settings({**good, **values})
    except SettingsError as error:
        explained(error, *known_names())


@pytest.mark.parametrize("whole", [POLICY, CALLERS])
def test_the_files_that_are_varied_are_good(whole: str, tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text(whole)
    assert load_rules(file) if whole is POLICY else len(load_callers(file, ("lab",))) == 2
