"""A Proxmox to examine, and the settings of a server that is to work with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from doctor.certificates import Made, make
from doctor.examined import SECRET, TOKEN
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Environment = dict[str, str]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sound, self-signed certificate for loopback."""
    return make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Environment]:
    """The settings for a node on a port of loopback, with all else as it should be."""

    def for_port(port: int, **changed: str) -> Environment:
        return {
            "PROXMOX_HOST": f"127.0.0.1:{port}",
            "PROXMOX_USER": "mcp@pve",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": SECRET,
            "MCP_HOST": "127.0.0.1",
            "MCP_PORT": str(free_port()),
            "MCP_AUTH_TOKEN": TOKEN,
            "MCP_CACHE_DIR": str(tmp_path / "state"),
        } | changed

    return for_port


@pytest.fixture
def on_fakepve(fakepve: Any, environment: Callable[..., Environment]) -> Callable[..., Environment]:
    """The settings for a fake Proxmox that knows the token and gives it no privileges yet."""
    fakepve.version, fakepve.acl = "9.1.9", {}
    fakepve.apitokens["mcp@pve!mcp"] = SECRET

    def changed(**changes: str) -> Environment:
        return environment(urlsplit(fakepve.url).port, **changes)

    return changed
