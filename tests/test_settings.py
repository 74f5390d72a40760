from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings import SECRETS, known_names, load_settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "11111111-2222-3333-4444-555555555555"


def fault(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    return str(caught.value)


def test_without_any_variable_everything_has_its_default() -> None:
    settings = load_settings({})
    server, cluster = settings.server, settings.clusters["default"]
    assert (server.mcp_host, server.mcp_port, server.mcp_mode, server.mcp_confirm) == (
        "0.0.0.0",
        8000,
        "guarded",
        "token",
    )
    assert (cluster.proxmox_port, cluster.proxmox_verify_ssl, cluster.proxmox_apidoc) == (8006, False, "auto")
    assert not server.loopback


def test_the_environment_of_the_process_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PORT", "8765")
    assert load_settings().server.mcp_port == 8765


def test_lists_are_separated_by_commas_and_empty_values_are_no_values() -> None:
    settings = load_settings({"PROXMOX_HOST": "a, b:443 ,", "MCP_ALLOWED_HOSTS": "", "MCP_PORT": ""})
    assert settings.clusters["default"].proxmox_host == ("a", "b:443")
    assert settings.server.mcp_allowed_hosts == ()
    assert settings.server.mcp_port == 8000


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MCP_PORT": "http"}, "Use a whole number from 0 to 65535."),
        ({"MCP_PORT": "70000"}, "Use a whole number from 0 to 65535."),
        ({"MCP_MODE": "readonly"}, "Use read-only, guarded or full."),
        ({"MCP_CONFIRM": "yes"}, "Use token, elicit or operator."),
        ({"MCP_AUTH": "off"}, "Use none, or leave it unset."),
        ({"MCP_ROOT_PATH": "proxmox"}, "MCP_ROOT_PATH must start with a slash, such as /proxmox."),
        ({"MCP_RESULT_TOKENS": "10"}, "Use a whole number from 200 to 100000."),
        ({"MCP_TASK_WAIT": "-1"}, "Use a number from 0 to 3600."),
        ({"MCP_RATE_LIMIT": "many"}, "Use a whole number, 0 or more."),
        ({"PROXMOX_TIMEOUT": "0"}, "Use a number above 0, at most 600."),
        ({"PROXMOX_VERIFY_SSL": "perhaps"}, "Use true or false."),
        ({"MCP_LOG_LEVEL": "loud"}, "Use DEBUG, INFO, WARNING or ERROR."),
        (
            {"MCP_ALLOWED_HOSTS": "a.example.org, https://b.example.org/mcp"},
            "MCP_ALLOWED_HOSTS entry 2 is not a host name. Write names as in a URL",
        ),
        ({"MCP_ALLOWED_ORIGINS": "app.example.org"}, "MCP_ALLOWED_ORIGINS entry 1 is not an origin. Write it with"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(environment: dict[str, str], said: str) -> None:
    (name,) = environment
    assert said in fault(**environment)
    assert fault(**environment).startswith(name)


@pytest.mark.parametrize("name", known_names())
def test_an_error_of_a_setting_never_contains_its_value_since_it_may_be_a_secret(name: str, tmp_path: Path) -> None:
    """Each variable gets a secret in the forms in which people paste it by mistake; what the parts of the server say
    to it is looked at as well."""
    for value in (SECRET, f"mcp@pve!mcp={SECRET}", f"https://root:{SECRET}@pve1/x y", f"mcp@pve!{SECRET}"):
        environment = {"PROXMOX_HOST": "pve1", "PROXMOX_USER": "mcp@pve", "MCP_CACHE_DIR": str(tmp_path), name: value}
        settings = read_settings(environment)
        said = [str(each) for each in settings.faults]
        if not settings.faults:
            try:
                gateway_of(settings)
            except SettingsError as error:
                said.append(str(error))
        text = "\n".join(said)
        if name not in FILES:
            assert SECRET not in text, text
        assert "pydantic" not in text


FILES = {"MCP_CALLERS_FILE", "MCP_POLICY_FILE", "MCP_CLUSTERS_FILE", "MCP_AUDIT_FILE", "PROXMOX_APIDOC",
         "PROXMOX_CA_FILE"}  # fmt: skip
"""Settings that name a file: a person has to see which."""


def test_every_wrong_value_is_named_at_once(tmp_path: Path) -> None:
    clusters = tmp_path / "clusters.toml"
    clusters.write_text(
        "[lab]\nPROXMOX_PORT = 0\nPROXMOX_USR = 'a'\n[office]\nPROXMOX_HOST = 'a'\nPROXMOX_TIMEOUT = -1"
    )
    said = fault(
        MCP_PORT="x",
        MCP_MODE="y",
        MCP_LOG_FORMAT="z",
        PROXMOX_PASSWORD_FILE="/none",
        MCP_STATE_KEY="short",
        PROXMOX_VERIFY_SSL="perhaps",
        MCP_CLUSTERS_FILE=str(clusters),
    )
    assert said.splitlines()[0] == "10 settings are wrong or missing."
    for name in ("MCP_PORT", "MCP_MODE", "MCP_LOG_FORMAT", "PROXMOX_PASSWORD_FILE", "MCP_STATE_KEY",
                 "PROXMOX_VERIFY_SSL", "[lab] PROXMOX_PORT", "[lab] PROXMOX_USR", "[lab] PROXMOX_HOST",
                 "[office] PROXMOX_TIMEOUT"):  # fmt: skip
        assert said.count(f"{name} ") == 1 or said.count(f"{name}:") == 1, name


def test_settings_can_be_read_with_their_faults_each_at_fault_has_its_default() -> None:
    settings = read_settings({"MCP_PORT": "x", "MCP_AUTH": "off", "MCP_MODE": "full", "PROXMOX_PORT": "y"})
    assert (settings.server.mcp_port, settings.server.mcp_auth, settings.server.mcp_mode) == (8000, "", "full")
    assert settings.wrong == {"MCP_PORT", "MCP_AUTH"}
    assert len(settings.faults) == 3


def test_a_secret_is_not_shown_by_anything_that_shows_settings() -> None:
    settings = load_settings({"PROXMOX_PASSWORD": SECRET, "MCP_AUTH_TOKEN": "a-token-of-some-length"})
    assert SECRET not in f"{settings!r} {settings.clusters['default'].model_dump_json()}"
    assert "a-token-of-some-length" not in f"{settings.server!r} {settings.server.model_dump_json()}"


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    settings = load_settings({f"{name}_FILE": str(file)})
    holder = settings.clusters["default"] if name.startswith("PROXMOX") else settings.server
    assert getattr(holder, name.lower()).get_secret_value() == SECRET


def test_a_file_of_a_secret_that_cannot_be_read_is_named_and_its_content_is_not(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.touch()
    binary.write_bytes(b"\xff\xfe")
    assert "PROXMOX_PASSWORD_FILE" in fault(PROXMOX_PASSWORD_FILE=str(tmp_path / "none"))
    assert "is empty" in fault(MCP_AUTH_TOKEN_FILE=str(empty))
    assert "it is not text" in fault(MCP_STATE_KEY_FILE=str(binary))
    assert "are both set" in fault(MCP_AUTH_TOKEN="x", MCP_AUTH_TOKEN_FILE=str(empty))


def test_a_variable_that_is_misspelt_is_noted_and_does_not_stop_the_start() -> None:
    notes = load_settings({"PROXMOX_HOSTS": "a", "MCP_TOKENS_FOR_ANOTHER_PROGRAM": "1", "PATH": "/bin"}).notes
    assert notes == (
        "MCP_TOKENS_FOR_ANOTHER_PROGRAM is not a setting.",
        "PROXMOX_HOSTS is not a setting. Did you mean PROXMOX_HOST?",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]"])
def test_loopback_is_what_only_this_machine_reaches(host: str) -> None:
    assert load_settings({"MCP_HOST": host}).server.loopback


def test_names_are_those_of_the_environment_and_none_is_double() -> None:
    names = known_names()
    assert len(names) == len(set(names))
    assert all(name.startswith(("PROXMOX_", "MCP_")) for name in names)
    assert set(SECRETS) <= set(names)


CLUSTERS = """
[lab]
PROXMOX_HOST = ["10.0.0.1", "10.0.0.2"]
PROXMOX_TOKEN_ID = "mcp@pve!lab"
[office]
PROXMOX_HOST = "pve.office.example"
PROXMOX_PASSWORD_FILE = "{file}"
PROXMOX_VERIFY_SSL = true
"""


def test_several_clusters_share_what_the_environment_says(tmp_path: Path) -> None:
    file, secret = tmp_path / "clusters.toml", tmp_path / "secret"
    secret.write_text("of-the-office")
    file.write_text(CLUSTERS.replace("{file}", str(secret)))
    clusters = load_settings(
        {"MCP_CLUSTERS_FILE": str(file), "PROXMOX_PASSWORD": SECRET, "PROXMOX_USER": "mcp@pve"}
    ).clusters
    assert list(clusters) == ["lab", "office"]
    assert clusters["lab"].proxmox_host == ("10.0.0.1", "10.0.0.2")
    assert clusters["lab"].proxmox_password.get_secret_value() == SECRET
    assert clusters["office"].proxmox_password.get_secret_value() == "of-the-office"
    assert clusters["office"].proxmox_verify_ssl
    assert {cluster.proxmox_user for cluster in clusters.values()} == {"mcp@pve"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no clusters"),
        ("PROXMOX_HOST = 'a'", "has no clusters"),
        ("[lab", "is not TOML"),
        ("[lab]\nPROXMOX_USER = 'a@pve'", "[lab] PROXMOX_HOST is missing."),
        ("[lab]\nPROXMOX_HOST = 'a'\nPROXMOX_USR = 'b'", "PROXMOX_USR is not a setting.\nDid you mean PROXMOX_USER?"),
        (
            "[lab]\nPROXMOX_HOST = 'a'\nPROXMOX_PORT = 0",
            "[lab] PROXMOX_PORT has an invalid value.\nUse a whole",
        ),
        ("[lab]\nPROXMOX_HOST = 'a'\nPROXMOX_PASSWORD_FILE = '/none'", "[lab] PROXMOX_PASSWORD_FILE: /none can't be"),
    ],
)
def test_an_error_in_the_clusters_file_is_reported_with_the_cluster(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "clusters.toml"
    file.write_text(text)
    assert said in fault(MCP_CLUSTERS_FILE=str(file))


def test_what_a_cluster_takes_is_listed_once_for_all_its_unknown_settings(tmp_path: Path) -> None:
    file = tmp_path / "clusters.toml"
    file.write_text('[rule]\nverdict = "deny"\nmethod = "GET"\nPROXMOX_HSOT = "a"\n')
    told = fault(MCP_CLUSTERS_FILE=str(file))
    assert told.count(" is not a setting.") == 3
    assert told.count("A cluster takes PROXMOX_HOST, ") == 1
    assert "PROXMOX_HSOT is not a setting. Did you mean PROXMOX_HOST?" in told


def test_a_cluster_is_in_the_file_or_in_the_environment(tmp_path: Path) -> None:
    assert "are both set" in fault(MCP_CLUSTERS_FILE=str(tmp_path / "x"), PROXMOX_HOST="a")
    assert "can't be read" in fault(MCP_CLUSTERS_FILE=str(tmp_path / "x"))
