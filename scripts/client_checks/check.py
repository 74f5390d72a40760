"""What a check is, what comes of it, and what every client is expected to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proxmox_mcp.server.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scripts.client_checks.install import Cache, Program
    from scripts.client_checks.servers import Servers

NAMES = tuple(tool.name for tool in TOOLS)
"""The tools that a caller with every right is to see, in this order."""

CONFIG = {"path": "/nodes/*/qemu/web-01/config", "fields": "name"}
"""Arguments of a read whose answer is known."""
ANSWERS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "search_api": ({"query": "start a vm"}, "POST /nodes/{node}/qemu/{vmid}/status/start"),
    "proxmox_api_get": (CONFIG, "name: web-01"),
    "proxmox_api_call": (
        {"method": "POST", "path": "/nodes/*/qemu/web-01/status/reboot", "dry_run": True},
        "Dry run, nothing was sent.",
    ),
    "proxmox_api_plan": (
        {"steps": [{"method": "POST", "path": "/nodes/*/qemu/web-01/status/reboot"}], "dry_run": True},
        "Dry run, nothing was sent.",
    ),
    "list_nodes": ({}, "pve1 online"),
    "get_cluster_resources": ({"type": "node"}, "pve3"),
}
"""A call of each tool that changes nothing, and what its answer must hold on the demo cluster."""

Verdict = Literal["as expected", "client's own fault", "not as expected", "not installed"]


class UnexpectedError(Exception):
    """A client saw something else than it should have. The text says what."""


class ClientFaultError(Exception):
    """A client did wrong what it is known to do wrong. The text says what, and what helps."""


class NotInstalledError(Exception):
    """A client can't be had on this machine. The text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """``run`` does what ``does`` says over ``transport`` and gives what there is to tell.

    It raises UnexpectedError, or ClientFaultError.
    """

    transport: str
    does: str
    run: Callable[[Program, Servers], str]


@dataclass(frozen=True, slots=True)
class Client:
    """A client by its own name. ``install`` raises NotInstalledError."""

    name: str
    install: Callable[[Cache], Program]
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a check."""

    client: str
    version: str
    transport: str
    does: str
    verdict: Verdict
    told: str


def expect(condition: object, what: str, seen: object = "") -> None:
    """Raises UnexpectedError with ``what`` should have been and the end of what was ``seen`` where it was not."""
    if not condition:
        text = str(seen).strip()
        raise UnexpectedError(f"{what}; seen: {text[-600:]}" if text else what)


def expect_tools(names: Iterable[str]) -> None:
    """Raises UnexpectedError where these are not our tools."""
    given = list(names)
    expect(sorted(given) == sorted(NAMES), f"the tools should be {', '.join(NAMES)}", ", ".join(given))


def expect_answers(answers: Mapping[str, str]) -> None:
    """Raises UnexpectedError where the answer to one of the calls of ANSWERS is missing, or not the right one."""
    for tool, (_, text) in ANSWERS.items():
        expect(
            text in answers.get(tool, ""), f"{tool} should have answered with {text!r}", answers.get(tool, "nothing")
        )
