#!/usr/bin/env python3
"""Fetch Proxmox's apidoc.js and build the index of the API from it.

Exit status: 0 the index is built, 1 it is not (standard error says why), 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from proxmox_mcp.apidoc.build import build, history, read_document, save_snapshot, write_at_once
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.source import SITE_URL, node_url
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.net.tls import TlsPolicy, parse_fingerprints


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--node", metavar="HOST[:PORT]", help="the document of a node, for its exact version")
    source.add_argument("--site", action="store_true", help="the document of the current release, from Proxmox's site")
    source.add_argument("--url", help="any address")
    source.add_argument("--file", type=Path, help="a file")
    source.add_argument("--history", action="store_true", help="only compare the bundled snapshots (history.json)")
    parser.add_argument(
        "--version", default="", help="the version of the document, as /version shows it; by default it is guessed"
    )
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="write the facts, without descriptions")
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", help="store the index in this cache")
    parser.add_argument("--ca-file", type=Path, help="the authority that signed the server's certificate (PEM)")
    parser.add_argument(
        "--fingerprint", default=(), type=parse_fingerprints, help="the SHA-256 fingerprint of the server's certificate"
    )
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    return parser


def _show(done: int, total: int | None) -> None:
    of = f" of {total / 2**20:.1f}" if total else ""
    print(f"\r{done / 2**20:.1f}{of} MiB", end="", file=sys.stderr, flush=True)


def _build(options: argparse.Namespace) -> None:
    source = options.file or options.url or (SITE_URL if options.site else node_url(options.node))
    tls = TlsPolicy(verify=not options.insecure, ca_file=options.ca_file, fingerprints=options.fingerprint)
    try:
        document = read_document(source, tls=tls, progress=_show)
    finally:
        print(file=sys.stderr)
    index, similarity = build(document, options.version)
    if options.snapshot:
        save_snapshot(index, options.snapshot)
    if options.cache_dir:
        IndexStore(options.cache_dir).save(index)
    guessed = (
        "" if options.version else f" (guessed: {similarity.same:.0%} of the endpoints are as in {similarity.version})"
    )
    print(f"version    {index.version}{guessed}")
    print(f"digest     {index.origin.digest}")
    print(f"endpoints  {len(index.endpoints)}")


def main() -> int:
    """Build what the arguments ask for."""
    options = _arguments().parse_args()
    try:
        if options.history:
            write_at_once(data_directory() / "history.json", history())
        else:
            _build(options)
    except ApidocError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
