"""Programs that some tests need and a machine may lack: looked for here; a test that lacks one skips and names it."""

from __future__ import annotations

import os
import shutil
import sysconfig

import pytest

INSTALL = {
    "bash": "Debian: apt-get install bash",
    "busybox": "Debian: apt-get install busybox-static",
    "caddy": "Debian: apt-get install caddy",
    "check-jsonschema": "pip install -e '.[dev]'",
    "chromium": "Debian: apt-get install chromium",
    "dash": "Debian: apt-get install dash",
    "dtach": "Debian: apt-get install dtach",
    "gemini": "npm install --global @google/gemini-cli",
    "docker-compose": "Debian 13: apt-get install docker-compose",
    "git": "Debian: apt-get install git",
    "hadolint": "pip install -e '.[dev]'; Linux only",
    "mcpb": "npm install --global @anthropic-ai/mcpb",
    "mount": "Debian: apt-get install mount",
    "nsenter": "Debian: apt-get install util-linux",
    "nginx": "Debian: apt-get install nginx-light",
    "node": "Debian: apt-get install nodejs",
    "openssl": "Debian: apt-get install openssl",
    "postgres": "Debian: apt-get install postgresql",
    "qemu-ga": "Debian: apt-get install qemu-guest-agent",
    "redis-server": "Debian: apt-get install redis-server",
    "setsid": "Debian: apt-get install util-linux",
    "unshare": "Debian: apt-get install util-linux",
    "uv": "pip install uv",
    "valkey-server": "Debian: apt-get install valkey-server",
    "yamllint": "pip install -e '.[dev]'",
}
"""How to get each. A program that is not here yet is added with its line."""
_PLACES = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(*names: str) -> str | None:
    """Where the first of some programs is that is installed; None where none is. All of them do for the tests."""
    return next((found for name in names if (found := shutil.which(name, path=_PLACES))), None)


def lacking(*names: str) -> str:
    """The reason for a skip, with the way to install the first that can be."""
    return f"{' or '.join(names)} is not installed ({INSTALL[names[-1]]})"


def needs(*names: str) -> pytest.MarkDecorator:
    """A mark: the test needs one of these programs."""
    return pytest.mark.skipif(program(*names) is None, reason=lacking(*names))


def required(*names: str) -> str:
    """The program, for use in a test or a fixture; skips where no such program is installed."""
    found = program(*names)
    if found is None:
        pytest.skip(lacking(*names))
    return found
