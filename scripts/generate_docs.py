#!/usr/bin/env python3
"""Write the documents that are generated from the code: settings, tools, error codes, metrics, effects, undo, coverage.

usage: scripts/generate_docs.py [--check]     --check: only list stale documents; exit status 1 if there are any
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from proxmox_mcp import errors
from proxmox_mcp.apidoc import Method, bundled_versions, load_index
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.app.metrics import describe
from proxmox_mcp.gateway.check import reject_unsupported
from proxmox_mcp.instructions import instructions
from proxmox_mcp.policy import document
from proxmox_mcp.record.undo import document as undo_document
from proxmox_mcp.server.guest_prompts import IN_GUESTS
from proxmox_mcp.server.prompts import PROMPTS
from proxmox_mcp.server.tools import TOOLS, select_tools
from proxmox_mcp.settings import SECRETS, ClusterSettings, ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from proxmox_mcp.apidoc import Endpoint

DOCS = Path(__file__).parents[1] / "docs"
_PAGES = {"proxmox_api_plan": "plans.md"}
"""Tools with a page of their own: what a model is told of them is short."""
_MADE = "<!-- Made by scripts/generate_docs.py; a test holds it current. -->\n"


def settings() -> str:
    """Every environment variable."""
    parts = [
        "# Settings\n\n" + _MADE,
        (
            "All settings, with their defaults. Everything is set in the environment, or in a file of `NAME=value` "
            "lines: the one that `--env-file` names "
            "(`proxmox-mcp --env-file FILE serve`), by default `~/.config/proxmox-mcp/.env`, which counts where no "
            "cluster is set in the environment. A named file replaces all `PROXMOX_` variables of the environment; "
            "other variables of the environment win over a file. With wrong or missing settings the server starts, "
            "makes no call to Proxmox, and answers each with what to set "
            "([safety.md](safety.md#wrong-or-missing-settings)). "
            "`proxmox-mcp serve --host ... --port ...` take the place of `MCP_HOST` and `MCP_PORT`. "
            f"Every secret ({', '.join(f'`{name}`' for name in SECRETS)}) may also come from a file that "
            "`NAME_FILE` names.\n"
        ),
        "## The cluster\n\n" + _settings(ClusterSettings),
        (
            "Several clusters: `MCP_CLUSTERS_FILE` names a TOML file with a table for each, of these same names; what "
            "is set in the environment as well is the default of all.\n"
        ),
        "## The server\n\n" + _settings(ServerSettings),
    ]
    return "\n".join(parts)


def _settings(kind: type[BaseModel]) -> str:
    rows = ["| name | default | what it does |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = field.default
        text = "" if default in ((), "") or "Secret" in type(default).__name__ else str(default)
        text = text.lower() if isinstance(default, bool) else text
        rows.append(f"| `{name.upper()}` | {f'`{text}`' if text else ''} | {field.description} |")
    return "\n".join(rows) + "\n"


def tools() -> str:
    """Every tool with its arguments, and the prompts."""
    parts = [
        "# Tools\n\n" + _MADE,
        "The tools, prompts and resources that a client is shown, with their arguments.\n",
        "What a client is told of the whole:\n\n> " + instructions(select_tools(writes=True)) + "\n",
    ]
    parts.append("In read-only mode:\n\n> " + instructions(select_tools(writes=False)) + "\n")
    for tool in TOOLS:
        parts.append(f"## `{tool.name}`\n\n{tool.description}{' Read-only.' if tool.reads_only else ''}\n")
        if tool.parameters:
            rows = ["| argument | type | |", "|---|---|---|"]
            for name, each in tool.parameters.items():
                allowed = f" One of: {', '.join(f'`{value}`' for value in each.enum)}." if each.enum else ""
                members = f"each with {', '.join(f'`{member}`' for member in each.members)}" if each.members else ""
                said = f"{each.description}{members}{allowed}".strip()
                rows.append(f"| `{name}`{' (required)' if each.required else ''} | {each.kind} | {said} |")
            parts.append("\n".join(rows) + "\n")
        if tool.name in _PAGES:
            parts.append(f"More in [{_PAGES[tool.name]}]({_PAGES[tool.name]}).\n")
    parts.append(
        "With several clusters configured, and only then, each takes `cluster`. In read-only mode\n"
        "`proxmox_api_call` and `proxmox_api_plan` are not listed.\n"
    )
    parts.append("## Prompts\n\n" + "\n".join(f"- `{p.name}`: {p.title}. {p.description}." for p in PROMPTS) + "\n")
    parts.append("With `MCP_GUEST_EXEC=true` also ([commands in guests](guest-commands.md#recipes)):\n")
    parts.append("\n".join(f"- `{p.name}`: {p.title}. {p.description}." for p in IN_GUESTS) + "\n")
    parts.append(
        "## Resources\n\n`proxmox://api/{+path}`: the reference of every method of an API path; paths complete.\n\n"
        "`proxmox://changes`: the caller's own last writes, with values before and after ([undo.md](undo.md)).\n"
    )
    return "\n".join(parts)


def error_codes() -> str:
    """Every error code, as the tree in ``errors.py`` has it."""
    rows = ["| code | meaning |", "|---|---|"]
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.ProxmoxMcpError):
            rows.append(f"| `{kind.code}` | {_meaning(kind.__name__, kind.code)} |")
    rows[2:] = sorted(rows[2:])
    return "\n".join(
        [
            "# Error codes\n\n" + _MADE,
            "What each error code means, in the audit log, metrics and the command line. No version changes them.\n",
            "The audit has `ok`, `dry-run`, `unconfirmed` (the way to confirm was told), `cancelled` `internal`.\n",
            "\n".join(rows) + "\n",
        ]
    )


def _meaning(name: str, code: str) -> str:
    for line in (errors.__doc__ or "").splitlines():
        words = line.split(None, 2)
        if words[:2] == [name, code] and len(words) > 2:
            return words[2]
    raise SystemExit(f"errors.py: {name} ({code}) has no meaning in the tree of its docstring")


def effects() -> str:
    """Every endpoint with its effects, and what each mode does with them."""
    return document.render({version: load_index(version) for version in bundled_versions()}, bundled_effects())


def undo_table() -> str:
    """Every write by the way in which it is undone."""
    told = (
        "How each write of the bundled versions (7.4 to 9.2) is undone ([undo.md](undo.md)). `{}` is a part of\n"
        "the path. *recorded*: shown on Proxmox VE 9.2's own code; *demo*: shown on the demo cluster, with the whole\n"
        "cluster compared; *untested*: the calls are made and offered, and relieve nothing of a confirmation;\n"
        "*by hand only*: no calls are made.\n"
    )
    indexes = {version: load_index(version) for version in bundled_versions()}
    return "\n".join(["# How writes are undone\n\n" + _MADE, told, undo_document.render(indexes, bundled_effects())])


_METHODS = get_args(Method)
_SMALL_AREA = 4
"""Methods: areas with fewer are put together."""


def api_coverage() -> str:
    """How much of each version's API can be called, is reviewed and can be undone, and what can't go through."""
    indexes = {version: load_index(version) for version in bundled_versions()}
    newest = list(indexes)[-1]
    told = (
        "How much of the API of each bundled version the tools reach: all of it, except what JSON can't carry. A\n"
        "node's own schema comes first, so that newer endpoints can be called too; what nobody reviewed is judged\n"
        "upwards ([effects](effects.md)). How each write is undone is in [its own table](undo-table.md).\n"
    )
    rows = [
        "| version | paths | methods | GET | POST | PUT | DELETE | reviewed | can't go through |",
        "|---|" + "---:|" * 8,
    ]
    for version, index in indexes.items():
        methods = Counter(each.method for each in index.endpoints)
        counts = [len({each.path for each in index.endpoints}), len(index.endpoints), *(methods[m] for m in _METHODS)]
        reviewed = sum(bundled_effects().of(each.method, each.path) is not None for each in index.endpoints)
        closed = sum(bool(_not_carried(each)) for each in index.endpoints)
        rows.append(f"| {version} | {' | '.join(map(str, [*counts, reviewed, closed]))} |")
    refused = [f"| `{e.method} {e.path}` | {said} |" for e in indexes[newest].endpoints if (said := _not_carried(e))]
    return "\n".join(
        [
            "# Coverage of the API\n\n" + _MADE,
            told,
            "## By version\n\n" + "\n".join(rows) + "\n",
            f"## By area, in {newest}\n\n" + _areas(indexes[newest].endpoints),
            f"## What can't go through, in {newest}\n\n| call | instead |\n|---|---|\n" + "\n".join(refused) + "\n",
        ]
    )


def _areas(endpoints: Sequence[Endpoint]) -> str:
    """A table: calls by method, and how many writes have a way back."""
    area_of = {each: _area(each.path) for each in endpoints}
    sizes = Counter(area_of.values())
    areas: dict[str, list[Endpoint]] = {}
    for endpoint, area in area_of.items():
        areas.setdefault(area if sizes[area] >= _SMALL_AREA else f"{area.rpartition('/')[0]}/...", []).append(endpoint)
    rows = ["| area | GET | POST | PUT | DELETE | writes | with a way back |", "|---|" + "---:|" * 6]
    for area, calls in sorted(areas.items()):
        methods = Counter(each.method for each in calls)
        undos = [
            review.undo for each in calls if (review := bundled_effects().of(each.method, each.path)) and review.undo
        ]
        back = sum(undo.kind != "none" for undo in undos)
        rows.append(f"| `{area}` | {' | '.join(str(methods[m]) for m in _METHODS)} | {len(undos)} | {back} |")
    return "\n".join(rows) + "\n"


def _area(path: str) -> str:
    """``/access/users``, ``/nodes/{node}/qemu``: the part of the API that a path belongs to."""
    first, *rest = path.strip("/").split("/")
    named = rest[:2] if first == "nodes" else [each for each in rest[:1] if not each.startswith("{")]
    return "/".join(["", first, *named])


def _not_carried(endpoint: Endpoint) -> str:
    """What to do instead of a call that can't go through here; empty for all others."""
    try:
        reject_unsupported(endpoint, {})
    except errors.UnsupportedCallError as error:
        return error.advice
    return ""


def metrics() -> str:
    """Every family of metrics."""
    rows = ["| name | type | labels | |", "|---|---|---|---|"]
    for name, kind, labels, says in describe():
        rows.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {says}. |")
    told = (
        "What can be watched. `/metrics` answers in Prometheus' text format. It needs a token like the rest, or none\n"
        "on a port of its own (`MCP_METRICS_PORT`), which is for a network that only Prometheus is on. A caller that\n"
        "may use some clusters only (`clusters` in the callers file) sees the metrics of those clusters, and none\n"
        "that counts over all.\n"
    )
    return "\n".join(["# Metrics\n\n" + _MADE, told, "\n".join(rows) + "\n"])


DOCUMENTS: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "tools.md": tools,
    "errors.md": error_codes,
    "effects.md": effects,
    "undo-table.md": undo_table,
    "api-coverage.md": api_coverage,
    "metrics.md": metrics,
}


def main() -> int:
    """Write or check; the exit status."""
    stale = []
    for name, make in DOCUMENTS.items():
        path, text = DOCS / name, make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"stale: {', '.join(stale)}; run scripts/generate_docs.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
