"""What commands that ask a cluster share: a gateway for one command, and ``/cluster/resources`` through it."""

# Tested through tests/cli/test_table.py and tests/e2e/test_administration.py.

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.errors import AnswerError
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.gateway.cluster import Cluster

    Record = Mapping[str, Any]

RESOURCES = "/cluster/resources"
FILTER = click.option(
    "--filter", "condition", default="", help="Only rows that match, such as 'status=running and mem>80%'."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the records as Proxmox sent them, as JSON.")
CLUSTER = click.option("--cluster", default="", help="Which cluster, if several are configured.")


def opened_gateway() -> AbstractAsyncContextManager[Gateway]:
    """A gateway of the settings, closed at the end. Raises SettingsError."""
    return aclosing(gateway_of(load_settings()))


async def resources(gateway: Gateway, cluster: str) -> tuple[Cluster, Sequence[Record]]:
    """The cluster that is meant, and its nodes, guests, storages and pools. Raises ProxmoxMcpError."""
    found, data = await gateway.read(Request(path=RESOURCES, tool="cli", wording=FOR_PEOPLE, cluster=cluster))
    return found, records_of(data, RESOURCES)


def records_of(data: Any, path: str) -> Sequence[Record]:
    """A list of objects, as ``path`` answers. Raises AnswerError for anything else."""
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise AnswerError(
            f"{path} answered with something other than a list of records.",
            "Something between here and Proxmox may answer in its place: set PROXMOX_HOST to the node itself.",
        )
    return data


def matches(word: str, texts: Sequence[str], number: str = "") -> bool:
    """Whether a word of the command line is part of one of the texts. A word of digits is also a whole ``number``,
    and never a part of one: ``10`` is not guest 100."""
    wanted = word.lower()
    return (bool(number) and wanted == number) or any(wanted in text.lower() for text in texts)
