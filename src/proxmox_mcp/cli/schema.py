"""Commands that need the schema alone, and no cluster: ``search``, ``check``, ``index``, ``openapi``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from proxmox_mcp.errors import CallError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.apidoc import Check, EndpointIndex
    from proxmox_mcp.net.tls import TlsPolicy

_METHODS = ("GET", "POST", "PUT", "DELETE")
_APIDOC = click.option(
    "--apidoc",
    "source",
    metavar="SOURCE",
    help="An apidoc.js, a snapshot, or a bundled version such as 9.1; otherwise what was cached from your node.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON lines.")
_BATCH = click.option(
    "--batch", type=click.File(encoding="utf-8", errors="surrogateescape"), help="A file of JSON lines, - for stdin."
)


_NEXT_STEP = "Full reference of one: proxmox-mcp search METHOD PATH."
_LIKE = 0.5
"""Part of the endpoints that must be those of a bundled version to be taken for it: 6.4 has 0.57 of 7.4."""


def _index(source: str | None) -> tuple[EndpointIndex, str]:
    """The schema to work with, and where it comes from: named, the one that your node served last, or a bundled one."""
    from proxmox_mcp.apidoc import load_index
    from proxmox_mcp.apidoc.local_index import index_at_hand
    from proxmox_mcp.apidoc.store import IndexStore

    if source:
        return load_index(source), source
    cache = _cache()
    found = index_at_hand("", IndexStore(cache) if cache and cache.is_dir() else None)
    return found.index, "cached from your node" if found.kind == "cache" else "bundled; your node may know more"


def _cache() -> Path | None:
    """Where the schema of the node is cached; None where the settings are wrong, which this command doesn't need."""
    from proxmox_mcp.settings import load_settings

    try:
        return load_settings().server.state_directory / "schema"
    except SettingsError:
        return None


def _lines(batch: IO[str]) -> Iterator[dict[str, Any] | None]:
    """Each line as an object, None for one that is none: a line out for each line in."""
    for line in batch:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else None


def _put(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


@click.command()
@click.argument("query", nargs=-1)
@click.option("--method", type=click.Choice(_METHODS, case_sensitive=False), default=None, help="Only this method.")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, help="Most results.")
@_APIDOC
@_JSON
@_BATCH
def search(
    query: tuple[str, ...], method: str | None, limit: int, source: str | None, as_json: bool, batch: IO[str] | None
) -> None:
    """Find endpoints for a question, keywords or a path. A path with its method gives the full reference.

    Exit status 1 where nothing is found.

    In a batch each line is {"query", "limit"}, and each line out [[method, path, score], ...].
    """
    from proxmox_mcp.search import Searcher, answer

    searcher = Searcher(_index(source)[0])
    if batch is not None:
        for line in _lines(batch):
            asked, most = (str(line.get("query", "")), line.get("limit", limit)) if line else ("", 0)
            most = most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else limit
            hits = searcher.search(asked, most) if asked else []
            _put([[hit.endpoint.method, hit.endpoint.path, round(hit.score, 4)] for hit in hits])
        return
    text = " ".join(query)
    if not text.strip():
        raise CallError("There is nothing to search for.", "Say what you want to do: proxmox-mcp search grow a disk")
    if as_json:
        results = searcher.find(text, limit, method or "")
        _put([[hit.endpoint.method, hit.endpoint.path, round(hit.score, 4)] for hit in results.hits])
        sys.exit(0 if results.hits and results.absent is None else 1)
    from proxmox_mcp.cli.output import show_answer

    found = answer(searcher, text, method or "", limit, next_step=_NEXT_STEP)
    show_answer(found.text)
    sys.exit(0 if found.fits else 1)


@click.command()
@click.argument("method", required=False)
@click.argument("path", required=False)
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@_APIDOC
@_JSON
@_BATCH
def check(
    method: str | None,
    path: str | None,
    params: tuple[str, ...],
    source: str | None,
    as_json: bool,
    batch: IO[str] | None,
) -> None:
    """Check a call against the schema; nothing is sent. Exit status 1 where Proxmox would refuse it.

    In a batch each line is {"method", "path", "params"}, and each line out {"ok", "errors": {parameter: message}}.
    """
    index, origin = _index(source)
    if batch is not None:
        for line in _lines(batch):
            _put(_verdict(_checked(index, line)) if line is not None else _NO_CALL)
        return
    if not method or not path:
        raise CallError("A call is a method and a path.", "proxmox-mcp check PUT /nodes/pve1/qemu/100/config cores=4")
    result = index.check(method.upper(), path, pairs(params))
    if as_json:
        _put(_verdict(result))
    else:
        from proxmox_mcp.cli.output import show_check

        show_check(result)
        click.echo(f"Checked against Proxmox VE {index.version or '(unknown version)'}, {origin}.", err=True)
    sys.exit(0 if result.ok else 1)


_NO_CALL = {"ok": False, "errors": {"path": "the line is no JSON object with method, path and params"}}


def _checked(index: EndpointIndex, line: dict[str, Any]) -> Check:
    params = line.get("params")
    method, path = line.get("method"), line.get("path")
    return index.check(
        method if isinstance(method, str) else "",
        path if isinstance(path, str) else "",
        params if isinstance(params, dict) else {},
    )


def _verdict(result: Check) -> dict[str, Any]:
    errors: dict[str, str] = {}
    for problem in result.problems:
        hint = problem.hint
        errors.setdefault(problem.parameter, f"{problem.message}. {hint}" if hint else problem.message)
    return {"ok": result.ok, "errors": errors}


def pairs(params: tuple[str, ...]) -> dict[str, Any]:
    """``KEY=VALUE`` arguments; a key that comes twice is a list. Raises CallError."""
    data: dict[str, Any] = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals or not key:
            raise CallError(f"`{param}` is not KEY=VALUE.", "Write parameters as cores=4 memory=8192.")
        before = data.get(key)
        data[key] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return data


@click.command()
@click.option("--node", help="From a node: host[:port].")
@click.option("--site", is_flag=True, help="From Proxmox's site.")
@click.option("--url", help="From any URL.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="From a file.")
@click.option("--version", "version", default="", help="The version it is of, where that is known.")
@click.option("--snapshot", type=click.Path(path_type=Path), help="Also write the facts-only form to this file.")
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Where the cache is; unset: MCP_CACHE_DIR.")
def index(
    node: str | None,
    site: bool,
    url: str | None,
    path: Path | None,
    version: str,
    snapshot: Path | None,
    cache_dir: Path | None,
) -> None:
    """Fetch an apidoc.js and cache its index."""
    from proxmox_mcp.apidoc.build import build, obtain, save_snapshot
    from proxmox_mcp.apidoc.source import SITE_URL, node_url
    from proxmox_mcp.apidoc.store import IndexStore
    from proxmox_mcp.settings import load_settings

    sources = [each for each in (node and node_url(node), SITE_URL if site else None, url, path) if each]
    if len(sources) != 1:
        raise CallError("Name one source.", "--node HOST, --site, --url URL or --file PATH")
    with click.progressbar(length=100, label=f"Reading {sources[0]}", file=sys.stderr) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.update(int(100 * done / total) - bar.pos if total else 0)

        document = obtain(sources[0], tls=_tls_for(node) if node else None, progress=progress)
    made, likeness = build(document, version)
    if not version and likeness.same < _LIKE:
        raise CallError("This is like no version that is bundled.", "Say which it is: --version 9.1.9")
    store = IndexStore((cache_dir or load_settings().server.state_directory) / "schema")
    store.save(made)
    if snapshot:
        save_snapshot(made, snapshot)
    guess = "" if version else f" (by likeness: {likeness.same:.0%} as {likeness.version})"
    click.echo(f"Proxmox VE {made.version}{guess}, {len(made.endpoints)} endpoints")
    click.echo(f"SHA-256 {made.origin.digest}")
    click.echo(f"cached in {store.directory}")


def _tls_for(node: str) -> TlsPolicy:
    """The TLS policy of the cluster whose settings name the node; without one there is nothing to check it against."""
    from proxmox_mcp.assembly import connection_of
    from proxmox_mcp.net.tls import TlsPolicy
    from proxmox_mcp.proxmox.connection import parse_hosts
    from proxmox_mcp.settings import load_settings

    (asked,) = parse_hosts(node)[:1]
    for settings in load_settings().clusters.values():
        if settings.proxmox_host and asked.host in {host.host for host in parse_hosts(",".join(settings.proxmox_host))}:
            return connection_of(settings).tls
    click.echo(f"{node} is not in PROXMOX_HOST: its certificate is not checked.", err=True)
    return TlsPolicy(verify=False)


@click.command()
@_APIDOC
def openapi(source: str | None) -> None:
    """Write the schema as an OpenAPI 3.1 document."""
    from proxmox_mcp.apidoc.openapi import openapi as document

    json.dump(document(_index(source)[0]), sys.stdout, indent=1)
    sys.stdout.write("\n")
