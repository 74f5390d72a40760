"""The settings that follow from the answers, and the callers file."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.policy.callers import new_token
from proxmox_mcp.settings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.setup.node import FoundNode

HIDDEN = "[hidden]"


class Use(StrEnum):
    """Who reaches the server."""

    LOCAL = "local"
    """Clients on this machine, which start it, or find it on loopback."""
    NETWORK = "network"
    """Clients on other machines, with a token."""
    COMPOSE = "compose"
    """The container of ``compose.yaml``; the file is its ``.env``."""


class CallerToken(Struct, frozen=True):
    """A new caller: what the callers file says of it, and its token."""

    name: str
    entry: str
    token: str


def trust(nodes: Sequence[FoundNode], *, pinned: bool) -> dict[str, str]:
    """Whom the server trusts: these certificates, or public authorities. The settings of other ways are removed."""
    pins = ",".join(dict.fromkeys(node.certificate.fingerprint for node in nodes))
    return {
        "PROXMOX_FINGERPRINT": pins if pinned else "",
        "PROXMOX_VERIFY_SSL": "" if pinned else "true",
        "PROXMOX_CA_FILE": "",
    }


def served(use: Use, names: Sequence[str], there: Mapping[str, str], *, callers: bool) -> dict[str, str]:
    """Where the server listens and who may call; what is ``there`` already is kept."""
    if use is Use.LOCAL:
        host = there.get("MCP_HOST", "")
        return {"MCP_HOST": host if is_loopback(host) else "127.0.0.1"}
    found = {} if use is Use.COMPOSE else {"MCP_HOST": "0.0.0.0"}  # noqa: S104 - what was asked for
    if names:
        found["MCP_ALLOWED_HOSTS"] = ",".join(names)
    if names and use is Use.COMPOSE:
        found["PUBLIC_NAME"] = names[0]  # the name in the rule of Traefik, compose.yaml
    if callers:
        found |= {"MCP_AUTH_TOKEN": "", "MCP_AUTH_TOKEN_FILE": ""}
    elif not (there.get("MCP_AUTH_TOKEN") or there.get("MCP_AUTH_TOKEN_FILE")):
        found["MCP_AUTH_TOKEN"] = new_token()[0]
    return found


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    return host in ("localhost", "::1") or host.startswith("127.")


def new_caller(name: str, mode: str) -> CallerToken:
    """A caller with a token of its own; only the digest goes into the callers file."""
    token, digest = new_token()
    entry = f'[[caller]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nmode = "{mode}"\n'
    return CallerToken(name, entry, token)


def difference(before: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """The lines of the file that go and come, secrets hidden."""
    lines = []
    for name, value in values.items():
        old = before.get(name, "")
        if old == value:
            continue
        lines += [f"- {name}={_shown(name, old)}"] if old else []
        lines += [f"+ {name}={_shown(name, value)}"] if value else []
    return lines


def _shown(name: str, value: str) -> str:
    return HIDDEN if name in SECRETS else value
