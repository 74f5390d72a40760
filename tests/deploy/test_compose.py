"""``compose.yaml``: every setting can be given, and the container gets no more than it needs."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest

from deploy.files import ROOT, judged_by, text, yaml_of
from proxmox_mcp.settings import SECRETS, known_names, load_settings
from tools import required

SERVICE: dict[str, Any] = yaml_of("compose.yaml")["services"]["proxmox-mcp"]
ENVIRONMENT: dict[str, str] = SERVICE["environment"]


REQUIRED = {"PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_PASSWORD", "MCP_AUTH_TOKEN"}
"""Variables that compose asks for. Set to nothing where another takes their place: see docs/deploy.md."""
EMPTY = dict.fromkeys(REQUIRED, "")


def filled(value: str, given: dict[str, str]) -> str:
    """A value as compose puts it: ``${NAME:-default}``, where the default may be of that form too, or ``${NAME?}``."""
    if required := re.fullmatch(r"\$\{(\w+)\?([^{}]+)\}", value):
        return given[required[1]]
    pattern = re.compile(r"\$\{(\w+):-((?:[^${}]|\$\{[^{}]*\})*)\}")
    while found := pattern.search(value):
        value = value[: found.start()] + (given.get(found[1]) or found[2]) + value[found.end() :]
    return value


def environment(**given: str) -> dict[str, str]:
    return {name: filled(value, given) for name, value in ENVIRONMENT.items()}


def test_the_published_schema_takes_it() -> None:
    assert judged_by("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml") == ""


def test_a_linter_finds_nothing() -> None:
    assert judged_by("yamllint", "--strict", "compose.yaml", ".gitea") == ""


def test_every_setting_and_every_secret_as_a_file_can_be_given() -> None:
    assert set(ENVIRONMENT) == {*known_names(), *(f"{name}_FILE" for name in SECRETS)}


def test_what_is_given_reaches_the_server_by_the_same_name() -> None:
    fixed = {"MCP_HOST", "MCP_PORT"}
    for name, value in ENVIRONMENT.items():
        assert name in fixed or value.startswith(f"${{{name}{'?' if name in REQUIRED else ':-'}")


def test_what_is_needed_is_asked_for_with_what_to_set_and_what_may_take_its_place() -> None:
    for name in REQUIRED:
        message = ENVIRONMENT[name].removeprefix(f"${{{name}?").removesuffix("}")
        assert message.startswith("set it to ")
        instead = re.findall(r"[A-Z][A-Z_]+[A-Z]", message.partition("(empty with ")[2])
        assert instead
        assert set(instead) <= set(ENVIRONMENT)


def test_compose_itself_names_what_is_missing_and_takes_what_is_given() -> None:
    compose = required("docker-compose")
    env = {"PATH": os.environ["PATH"]}

    def config(**given: str) -> subprocess.CompletedProcess[str]:
        command = [compose, "--file", str(ROOT / "compose.yaml"), "config"]
        return subprocess.run(command, env=env | given, capture_output=True, text=True, check=False)

    for name in REQUIRED:
        refused = config(**dict.fromkeys(REQUIRED - {name}, ""))
        assert refused.returncode != 0
        assert f"required variable {name} is missing a value: set it to " in refused.stderr
    taken = config(**EMPTY, PROXMOX_PASSWORD_FILE="/config/proxmox_password")
    assert taken.returncode == 0, taken.stderr


def test_with_nothing_given_all_settings_are_sound() -> None:
    settings = load_settings(environment(**EMPTY))
    assert settings.server.mcp_cache_dir == "/data/cache"
    assert settings.server.mcp_state_dir == "/data/state"
    assert settings.server.mcp_audit_file == "/data/audit.jsonl"


def test_the_public_name_is_the_one_that_is_allowed_unless_others_are_given() -> None:
    named = load_settings(environment(**EMPTY, PUBLIC_NAME="mcp.example.org"))
    assert named.server.mcp_allowed_hosts == ("mcp.example.org",)
    others = load_settings(
        environment(**EMPTY, PUBLIC_NAME="mcp.example.org", MCP_ALLOWED_HOSTS="a.example.org,b.example.org")
    )
    assert others.server.mcp_allowed_hosts == ("a.example.org", "b.example.org")


def test_no_secret_has_a_default() -> None:
    assert {ENVIRONMENT[name] for name in set(SECRETS) - REQUIRED} == {
        f"${{{name}:-}}" for name in set(SECRETS) - REQUIRED
    }


def test_the_container_is_closed() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert SERVICE["user"] == "10001:10001"
    assert "privileged" not in SERVICE
    assert not any("docker.sock" in str(volume) for volume in SERVICE["volumes"])


def test_it_comes_back_is_watched_and_has_limits() -> None:
    assert SERVICE["restart"] == "unless-stopped"
    assert SERVICE["healthcheck"]["test"][2:] == ["-m", "proxmox_mcp.health", ENVIRONMENT["MCP_PORT"]]
    assert {"cpus", "memory", "pids"} <= set(SERVICE["deploy"]["resources"]["limits"])
    assert {"max-size", "max-file"} <= set(SERVICE["logging"]["options"])


def test_what_must_last_lies_in_a_volume_and_the_configuration_is_read_only() -> None:
    assert "data:/data" in SERVICE["volumes"]
    assert "${CONFIG_DIR:-config}:/config:ro" in SERVICE["volumes"]


def test_the_port_is_for_this_host_alone_unless_told() -> None:
    assert filled(SERVICE["ports"][0], {}) == "127.0.0.1:8000:8000"


def test_traefik_is_asked_to_do_nothing_unless_told() -> None:
    labels = SERVICE["labels"]
    assert filled(labels["traefik.enable"], {}) == "false"
    told = {"TRAEFIK": "true", "PUBLIC_NAME": "mcp.example.org"}
    assert filled(labels["traefik.enable"], told) == "true"
    assert filled(labels["traefik.http.routers.proxmox-mcp.rule"], told) == "Host(`mcp.example.org`)"
    assert labels["traefik.http.services.proxmox-mcp.loadbalancer.server.port"] == ENVIRONMENT["MCP_PORT"]


@pytest.mark.parametrize("document", ["docs/deploy.md", "docs/reverse-proxies.md"])
def test_every_variable_that_the_documents_set_for_the_stack_is_one_of_the_file(document: str) -> None:
    known = {*re.findall(r"\$\{(\w+)", text("compose.yaml")), *ENVIRONMENT}
    blocks = re.findall(r"^```sh\n(.*?)^```$", text(document), re.MULTILINE | re.DOTALL)
    named = {name for block in blocks for name in re.findall(r"^([A-Z_]+)=", block, re.MULTILINE)}
    assert named <= known
