"""The entry of this server in a client's file: reached over the network, or started by the client."""

# Tested through tests/clients/test_configuration_file.py and tests/cli/test_connect.py.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.settings import SECRETS, known_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.clients.catalogue import KnownClient

TOKEN = "MCP_AUTH_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD = "PROXMOX_PASSWORD"  # noqa: S105 - the name of a variable
_INPUTS = {TOKEN: "proxmox-mcp-token", PASSWORD: "proxmox-password"}
"""What VS Code calls the secrets that it asks for."""
_OF_HTTP = (
    "MCP_HOST", "MCP_PORT", "MCP_ROOT_PATH", "MCP_ALLOWED_HOSTS", "MCP_ALLOWED_ORIGINS", "MCP_AUTH", TOKEN,
    "MCP_CALLERS_FILE", "MCP_STATELESS", "MCP_STATE_URL", "MCP_STATE_KEY", "MCP_METRICS_PORT",
)  # fmt: skip
"""Settings that have no effect over stdio."""


class Entry(Struct, frozen=True):
    """``value`` is the entry. ``inputs`` are what VS Code asks for, ``variables`` those of the client's environment
    that the entry names, ``keeps_secret``: the secret itself is in it."""

    value: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...] = ()
    variables: tuple[str, ...] = ()
    keeps_secret: bool = False


class Written(Struct, frozen=True):
    """How a secret is written in an entry: as ``text``."""

    text: str
    inputs: tuple[Mapping[str, Any], ...] = ()
    variables: tuple[str, ...] = ()
    keeps_secret: bool = False


def written(client: KnownClient, variable: str, secret: str, *, in_file: bool = False) -> Written:
    """A secret in the client's own way; ``in_file``: itself, where the client would name a variable or ask."""
    if client.secrets == "file" or in_file:
        return Written(secret, keeps_secret=True)
    if client.secrets == "asked":
        asked = {
            "type": "promptString",
            "id": _INPUTS[variable],
            "description": f"{variable} of proxmox-mcp",
            "password": True,
        }
        return Written(f"${{input:{_INPUTS[variable]}}}", inputs=(asked,))
    return Written(client.reference(variable), variables=(variable,))


def remote_entry(client: KnownClient, base: str, token: Written | None) -> Entry:
    """For the server at ``base`` (``https://name``, perhaps with a path prefix); ``token`` None: it asks for none."""
    if client.bridge:
        return _bridged(base, token)
    value: dict[str, Any] = {"type": client.http_type} if client.http_type else {}
    value["url"] = base + client.http_path
    if token is None:
        return Entry(value)
    value["headers"] = {"Authorization": f"Bearer {token.text}"}
    return Entry(value, token.inputs, token.variables, token.keeps_secret)


def _bridged(base: str, token: Written | None) -> Entry:
    # No space after the colon: on Windows, Claude Desktop does not escape spaces for npx (README of mcp-remote).
    header = ["--header", "Authorization:${AUTHORIZATION}"] if token else []
    plain = ["--allow-http"] if base.startswith("http://") else []
    value: dict[str, Any] = {"command": "npx", "args": ["-y", "mcp-remote", f"{base}/mcp", *header, *plain]}
    if token is None:
        return Entry(value)
    value["env"] = {"AUTHORIZATION": f"Bearer {token.text}"}
    return Entry(value, token.inputs, token.variables, token.keeps_secret)


def local_entry(
    client: KnownClient, command: Sequence[str], environment: Mapping[str, str], password: Written | None
) -> Entry:
    """For a server that the client starts by ``command``; ``password`` None: the settings name a file that has it."""
    value: dict[str, Any] = {"type": "stdio"} if client.typed else {}
    value |= {"command": command[0], "args": list(command[1:])}
    given = dict(environment) if password is None else {**environment, PASSWORD: password.text}
    if given:
        value["env"] = given
    if password is None:
        return Entry(value)
    return Entry(value, password.inputs, password.variables, password.keeps_secret)


def file_text(client: KnownClient, name: str, entry: Entry) -> str:
    """What to put into a client's file, for people who paste it."""
    inputs = {"inputs": [*entry.inputs]} if entry.inputs else {}
    return json.dumps(inputs | {client.servers: {name: entry.value}}, indent=2)


def settings_over_stdio(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of an environment that count over stdio, without secrets."""
    names = (*known_names(), *(f"{name}_FILE" for name in SECRETS))
    return {
        name: environment[name]
        for name in names
        if environment.get(name) and name not in SECRETS and name.removesuffix("_FILE") not in _OF_HTTP
    }


def names_a_secret_file(settings: Mapping[str, str]) -> bool:
    """Whether the password comes from a file that these settings name."""
    return f"{PASSWORD}_FILE" in settings or "MCP_CLUSTERS_FILE" in settings
