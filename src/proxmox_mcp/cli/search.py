"""``proxmox-mcp search``: finds endpoints, without a cluster."""

# Tested through tests/cli/test_schema_commands.py.

from __future__ import annotations

import re
import sys
from typing import IO

import click

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.cli.arguments import APIDOC, BATCH, JSON, load_schema, read_batch, write_json_line
from proxmox_mcp.errors import CallError
from proxmox_mcp.search import Searcher, answer

_NEXT_STEP = "Full reference of one: proxmox-mcp search METHOD PATH."
_COLOURS = {"GET": "green", "POST": "yellow", "PUT": "blue", "DELETE": "red"}
_HIT = re.compile(r"((?:\d+\. )?)(GET|POST|PUT|DELETE)( /\S*)")


@click.command()
@click.argument("query", nargs=-1)
@click.option("--method", type=click.Choice(METHODS, case_sensitive=False), default=None, help="Only this method.")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, help="Maximum number of results.")
@APIDOC
@JSON
@BATCH
def search(
    query: tuple[str, ...], method: str | None, limit: int, source: str | None, as_json: bool, batch: IO[str] | None
) -> None:
    """Find endpoints for a question, keywords or a path. A path with its method gives the full reference.

    Exit status 1 if nothing is found.

    In a batch each line is {"query", "limit"}, and each line of output [[method, path, score], ...].
    """
    searcher = Searcher(load_schema(source)[0])
    if batch is not None:
        for line in read_batch(batch):
            asked, most = (str(line.get("query", "")), line.get("limit", limit)) if line else ("", 0)
            most = most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else limit
            hits = searcher.search(asked, most) if asked else []
            write_json_line([[hit.endpoint.method, hit.endpoint.path, round(hit.score, 4)] for hit in hits])
        return
    text = " ".join(query)
    if not text.strip():
        raise CallError("The query is empty.", "Say what you want to do: proxmox-mcp search grow a disk")
    if as_json:
        results = searcher.find(text, limit, method or "")
        write_json_line([[hit.endpoint.method, hit.endpoint.path, round(hit.score, 4)] for hit in results.hits])
        sys.exit(0 if results.hits and results.absent is None else 1)
    found = answer(searcher, text, method or "", limit, next_step=_NEXT_STEP)
    _print_answer(found.text)
    sys.exit(0 if found.fits else 1)


def _print_answer(text: str) -> None:
    """Print the results, with coloured methods on a terminal."""
    # 0.05 s of CPU to import, which --json and --batch don't need.
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in text.splitlines():
        if hit := _HIT.match(line):
            number, method, path = hit.groups()
            rest = line[hit.end() :]
            console.print(Text.assemble(number, (method, f"bold {_COLOURS[method]}"), (path, "bold"), (rest, "dim")))
        else:
            console.print(Text(line))
