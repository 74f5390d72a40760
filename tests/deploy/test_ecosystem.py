"""What registries and clients read of the project, held to the facts of their formats and to the server itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from deploy.files import ROOT, json_of, project
from proxmox_mcp import __version__
from proxmox_mcp.server.tools import TOOLS
from proxmox_mcp.settings import SECRETS, known_names, load_settings
from tools import required

if TYPE_CHECKING:
    from pathlib import Path

Schema = dict[str, Any]

GEMINI: dict[str, Any] = json_of("gemini-extension.json")
REGISTRY: dict[str, Any] = json_of("server.json")
MANIFEST: dict[str, Any] = json_of("mcpb/manifest.json")

STRING: Schema = {"type": "string", "minLength": 1}
BOOLEAN: Schema = {"type": "boolean"}
VERSION: Schema = {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}


def closed(properties: Schema, *required: str) -> Schema:
    """An object of these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def mapped(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


STRINGS = listed(STRING)

# The parts of server.schema.json of 2025-12-11 that we use.
INPUT: Schema = {
    **dict.fromkeys(("description", "placeholder", "default", "value"), STRING),
    **dict.fromkeys(("isRequired", "isSecret"), BOOLEAN),
}
VARIABLES = mapped(closed(INPUT))
REMOTE = closed(
    {
        "type": {"enum": ["streamable-http", "sse"]},
        "url": {"type": "string", "pattern": r"^https?://[^\s]+$"},
        "variables": VARIABLES,
        "headers": listed(closed({"name": STRING, "variables": VARIABLES, **INPUT}, "name")),
    },
    "type",
    "url",
)
SERVER_JSON = closed(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200},
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": VERSION,
        "remotes": listed(REMOTE),
    },
    "$schema",
    "name",
    "description",
    "version",
)

# The parts of version 0.4 of the bundle's manifest that we use.
COMMAND = closed({"command": STRING, "args": STRINGS, "env": mapped({"type": "string"})}, "command")
QUESTION = closed(
    {
        "type": {"enum": ["string", "number", "boolean", "directory", "file"]},
        "title": STRING,
        "description": STRING,
        "required": BOOLEAN,
        "sensitive": BOOLEAN,
        "default": {"type": ["string", "number", "boolean"]},
    },
    "type",
    "title",
    "description",
)
MANIFEST_JSON = closed(
    {
        **dict.fromkeys(("name", "display_name", "description", "license"), STRING),
        "manifest_version": {"const": "0.4"},
        "version": VERSION,
        "author": closed({"name": STRING}, "name"),
        "keywords": STRINGS,
        "server": closed(
            {"type": {"enum": ["python", "node", "binary", "uv"]}, "entry_point": STRING, "mcp_config": COMMAND},
            "type",
            "entry_point",
            "mcp_config",
        ),
        "tools": listed(closed({"name": STRING, "description": STRING}, "name")),
        "user_config": mapped(QUESTION),
        "compatibility": closed(
            {"platforms": listed({"enum": ["darwin", "win32", "linux"]}), "runtimes": closed({"python": STRING})}
        ),
    },
    "manifest_version",
    "name",
    "version",
    "description",
    "author",
    "server",
)

# What Gemini CLI 0.61 reads of an extension.
SETTING = closed(
    {
        "name": STRING,
        "description": STRING,
        "envVar": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
        "sensitive": BOOLEAN,
    },
    "name",
    "description",
    "envVar",
)
GEMINI_JSON = closed(
    {
        "name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "version": VERSION,
        "description": STRING,
        "mcpServers": mapped(closed({"command": STRING, "args": STRINGS}, "command")),
        "settings": listed(SETTING),
    },
    "name",
    "version",
)


@pytest.mark.parametrize(
    ("document", "schema"),
    [(GEMINI, GEMINI_JSON), (REGISTRY, SERVER_JSON), (MANIFEST, MANIFEST_JSON)],
    ids=["gemini-extension.json", "server.json", "mcpb/manifest.json"],
)
def test_each_file_keeps_to_its_format(document: dict[str, Any], schema: Schema) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize("document", [GEMINI, REGISTRY, MANIFEST], ids=["gemini", "registry", "bundle"])
def test_version_and_description_are_the_project_s(document: dict[str, Any]) -> None:
    assert document["version"] == project()["project"]["version"] == __version__
    assert document["description"] == project()["project"]["description"]


def test_the_bundle_names_the_tools_of_the_server() -> None:
    assert [tool["name"] for tool in MANIFEST["tools"]] == [tool.name for tool in TOOLS]


def test_what_gemini_asks_for_are_settings_and_the_secret_is_hidden() -> None:
    asked = {setting["envVar"]: setting.get("sensitive", False) for setting in GEMINI["settings"]}
    assert set(asked) <= set(known_names())
    assert {name for name, hidden in asked.items() if hidden} == set(asked) & set(SECRETS)


def test_what_the_bundle_asks_for_reaches_a_setting_and_the_secret_is_hidden() -> None:
    environment = MANIFEST["server"]["mcp_config"]["env"]
    used = {name: re.fullmatch(r"\$\{user_config\.(\w+)\}", value) for name, value in environment.items()}
    assert all(used.values())
    assert {found[1] for found in used.values() if found} == set(MANIFEST["user_config"])
    assert set(used) <= set(known_names())
    for name, found in used.items():
        assert found
        entry = MANIFEST["user_config"][found[1]]
        assert entry.get("sensitive", False) == (name in SECRETS)
        assert entry.get("required", False) or "default" in entry, "an unset value would arrive as its placeholder"


def test_the_defaults_of_the_bundle_are_sound_settings() -> None:
    config = MANIFEST["user_config"]
    given = {"host": "pve1.example.org", "user": "mcp@pve", "token_id": "mcp", "secret": "x"}
    values = {name: given.get(name, entry.get("default")) for name, entry in config.items()}
    environment = {
        name: str(values[value.removeprefix("${user_config.").removesuffix("}")])
        for name, value in MANIFEST["server"]["mcp_config"]["env"].items()
    }
    settings = load_settings(environment)
    assert settings.server.mcp_mode == "guarded"
    assert settings.clusters["default"].proxmox_verify_ssl is False


def test_no_file_tells_a_client_to_install_a_package_by_a_name_that_is_not_ours() -> None:
    for document in (GEMINI, REGISTRY, MANIFEST):
        assert "uvx" not in json.dumps(document)
    for command in (GEMINI["mcpServers"]["proxmox"], MANIFEST["server"]["mcp_config"]):
        assert command["command"] == "uv"
        assert {"--no-project", "proxmox_mcp.launcher"} <= set(command["args"])


def test_every_variable_of_the_registry_s_addresses_is_described() -> None:
    for remote in REGISTRY["remotes"]:
        assert set(re.findall(r"\{(\w+)\}", remote["url"])) == set(remote["variables"])
        for header in remote["headers"]:
            assert set(re.findall(r"\{(\w+)\}", header["value"])) == set(header["variables"])
            assert all(variable["isSecret"] for variable in header["variables"].values())


def test_the_bundle_s_own_tool_takes_the_manifest() -> None:
    finished = subprocess.run(
        [required("mcpb"), "validate", "mcpb/manifest.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_gemini_cli_takes_the_extension(tmp_path: Path) -> None:
    finished = subprocess.run(
        [required("gemini"), "extensions", "validate", str(ROOT)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
