"""What people read: colours and tables on a terminal, plain text elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import Check

_COLOURS = {"GET": "green", "POST": "yellow", "PUT": "blue", "DELETE": "red"}


_HIT = re.compile(r"((?:\d+\. )?)(GET|POST|PUT|DELETE)( /\S*)")


def show_answer(text: str) -> None:
    """The answer to a question, its methods coloured."""
    console = Console(highlight=False, soft_wrap=True)
    for line in text.splitlines():
        if hit := _HIT.match(line):
            number, method, path = hit.groups()
            rest = line[hit.end() :]
            console.print(Text.assemble(number, (method, f"bold {_COLOURS[method]}"), (path, "bold"), (rest, "dim")))
        else:
            console.print(Text(line))


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
