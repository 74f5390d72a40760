"""Arguments that several commands share: ``KEY=VALUE`` parameters, ``--apidoc``, ``--json``, ``--batch``."""

# Tested through tests/cli/test_call.py and tests/cli/test_schema_commands.py.

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Any

import click

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.local_index import find_local_index
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.errors import CallError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.apidoc import EndpointIndex

APIDOC = click.option(
    "--apidoc",
    "source",
    metavar="SOURCE",
    help="An apidoc.js, a snapshot, or a bundled version such as 9.1; by default the schema cached from your node.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
BATCH = click.option(
    "--batch", type=click.File(encoding="utf-8", errors="surrogateescape"), help="A file of JSON lines; - for stdin."
)


def parse_parameters(params: tuple[str, ...]) -> dict[str, Any]:
    """``KEY=VALUE`` arguments as a dict; a repeated key makes a list. Raises CallError."""
    data: dict[str, Any] = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals or not key:
            raise CallError(f"`{param}` is not KEY=VALUE.", "Write parameters as cores=4 memory=8192.")
        before = data.get(key)
        data[key] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return data


def load_schema(source: str | None) -> tuple[EndpointIndex, str]:
    """The schema named by ``--apidoc``, else the one cached from your node, else a bundled one; and its origin."""
    if source:
        return load_index(source), source
    cache = _cache_directory()
    found = find_local_index("", IndexStore(cache) if cache and cache.is_dir() else None)
    return found.index, "cached from your node" if found.kind == "cache" else "bundled; your node may know more"


def _cache_directory() -> Path | None:
    """The schema cache; None if the settings are wrong, because commands that send nothing work without them."""
    # pydantic takes 0.3 s of CPU to import, most of a search with --apidoc.
    from proxmox_mcp.settings import load_settings

    try:
        return load_settings().server.cache_directory / "schema"
    except SettingsError:
        return None


def read_batch(batch: IO[str]) -> Iterator[dict[str, Any] | None]:
    """Each line as an object, or None if it is not a JSON object: every line gets a line of output."""
    for line in batch:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else None


def write_json_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
