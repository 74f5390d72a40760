"""What people read: colours and tables on a terminal, plain text elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from proxmox_mcp.search import group
from proxmox_mcp.search.browse import exact
from proxmox_mcp.search.reference import readings, render_reference, starts_task

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import Check, EndpointIndex
    from proxmox_mcp.search import Searcher

_COLOURS = {"GET": "green", "POST": "yellow", "PUT": "blue", "DELETE": "red"}
_EXTRA = 3


def _endpoint(method: str, path: str) -> Text:
    return Text.assemble((f"{method:<6} ", f"bold {_COLOURS.get(method, '')}"), (path, "bold"))


def show_search(index: EndpointIndex, searcher: Searcher, query: str, method: str, limit: int) -> bool:
    """The hits, twins merged; the full reference where a query names one endpoint. Returns whether anything fits."""
    console = Console(highlight=False, soft_wrap=True)
    if (named := exact(index.endpoints, query, method)) is not None:
        console.print(Text(render_reference(named, searcher.does(named), index.version)))
        return True
    results = searcher.find(query, limit * _EXTRA, method)
    if results.absent is not None:
        console.print(Text(f"The API has no endpoint for this. {results.absent.instead}", style="yellow"))
    elif not results.hits:
        console.print("Nothing fits. Ask in other words, or give the beginning of a path.")
    elif not results.confident:
        console.print(Text("Not sure that any of these fits:", style="yellow"))
    if results.mended:
        console.print(Text(readings(results.mended), style="dim"))
    for found in group(results.hits)[:limit]:
        best = found.best
        console.print(_endpoint(best.endpoint.method, best.endpoint.path))
        required = [n for n, s in best.endpoint.parameters.items() if not s.optional]
        told = [best.does or best.endpoint.description]
        told += [f"needs {', '.join(required)}"] if required else []
        told += ["starts a task"] if starts_task(best.endpoint) and "starts a task" not in told[0].lower() else []
        told += [f"also {each.method} {each.path}" for each in found.endpoints[1:]]
        for line in told:
            console.print(Text(f"       {line}", style="dim" if line != told[0] else ""))
    return bool(results.hits) and results.absent is None


def show_check(result: Check) -> None:
    """A verdict with every fault and its cure."""
    console = Console(highlight=False, soft_wrap=True)
    if result.ok:
        name = result.endpoint.path if result.endpoint else result.path
        console.print(Text.assemble(("ok ", "bold green"), name))
        for key, value in result.data.items():
            console.print(Text(f"  {key} = {value}", style="dim"))
        return
    for problem in result.problems:
        console.print(Text.assemble((problem.parameter, "bold red"), f": {problem.message}"))
        if problem.hint:
            console.print(Text(f"  {problem.hint}", style="dim"))
