"""``proxmox-mcp index`` and ``openapi``: fetch the schema into the cache, and write it for other programs."""

# Tested through tests/cli/test_schema_commands.py.

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from proxmox_mcp.apidoc.build import build, read_document, save_snapshot
from proxmox_mcp.apidoc.openapi import openapi as openapi_document
from proxmox_mcp.apidoc.source import SITE_URL, node_url
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.assembly import connection_of
from proxmox_mcp.cli.arguments import APIDOC, load_schema
from proxmox_mcp.errors import CallError
from proxmox_mcp.net.tls import TlsPolicy
from proxmox_mcp.proxmox.connection import parse_hosts
from proxmox_mcp.settings import load_settings

_MIN_LIKENESS = 0.5
"""Share of endpoints that must equal those of a bundled version to guess that version: 6.4 has 0.57 of 7.4."""


@click.command()
@click.option("--node", help="Fetch from a node: host[:port].")
@click.option("--site", is_flag=True, help="Fetch from Proxmox's web site.")
@click.option("--url", help="Fetch from any URL.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="Read a file.")
@click.option("--version", "version", default="", help="The version of the document, if you know it.")
@click.option(
    "--snapshot", type=click.Path(path_type=Path), help="Also write a snapshot (without descriptions) to this file."
)
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Cache directory; by default MCP_CACHE_DIR.")
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
    sources = [each for each in (node and node_url(node), SITE_URL if site else None, url, path) if each]
    if len(sources) != 1:
        raise CallError("Name one source.", "Use --node HOST, --site, --url URL or --file PATH.")
    with click.progressbar(length=100, label=f"Reading {sources[0]}", file=sys.stderr) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.update(int(100 * done / total) - bar.pos if total else 0)

        document = read_document(sources[0], tls=_tls_for(node) if node else None, progress=progress)
    made, likeness = build(document, version)
    if not version and likeness.same < _MIN_LIKENESS:
        raise CallError("The document resembles no bundled version.", "Name its version: --version 9.1.9")
    store = IndexStore((cache_dir or load_settings().server.cache_directory) / "schema")
    store.save(made)
    if snapshot:
        save_snapshot(made, snapshot)
    guess = "" if version else f" (guessed: {likeness.same:.0%} of the endpoints equal those of {likeness.version})"
    click.echo(f"Proxmox VE {made.version}{guess}, {len(made.endpoints)} endpoints")
    click.echo(f"SHA-256 {made.origin.digest}")
    click.echo(f"cached in {store.directory}")


def _tls_for(node: str) -> TlsPolicy:
    """The TLS policy of the cluster whose settings name the node; for other nodes the certificate is not checked."""
    (asked,) = parse_hosts(node)[:1]
    for settings in load_settings().clusters.values():
        if settings.proxmox_host and asked.host in {host.host for host in parse_hosts(",".join(settings.proxmox_host))}:
            return connection_of(settings).tls
    click.echo(f"{node} is not in PROXMOX_HOST: its certificate is not checked.", err=True)
    return TlsPolicy(verify=False)


@click.command()
@APIDOC
def openapi(source: str | None) -> None:
    """Write the schema as an OpenAPI 3.1 document."""
    json.dump(openapi_document(load_schema(source)[0]), sys.stdout, indent=1)
    sys.stdout.write("\n")
