"""``proxmox-mcp freeze`` and ``unfreeze``: the switch that refuses all writes, of every server on this state."""

# Tested through tests/cli/test_operator_commands.py.

from __future__ import annotations

import re

import click

from proxmox_mcp.assembly import freezes_of
from proxmox_mcp.cli.operator import operator
from proxmox_mcp.settings import load_settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(_: click.Context, __: click.Parameter, text: str) -> float | None:
    """A duration such as ``90m``; None for none."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is not a duration. Write 30m, 2h or 1d.")
    return float(int(found[1]) * _UNITS[found[2]])


@click.command()
@click.option(
    "--for", "seconds", default="", callback=seconds_of, metavar="TIME", help="For so long, such as 30m or 2h."
)
@click.option("--reason", default="", help="What callers are told.")
def freeze(seconds: float | None, reason: str) -> None:
    """Refuse all writes, approved ones too; reads go on. Without --for until `proxmox-mcp unfreeze`."""
    frozen = freezes_of(load_settings()).freeze(by=operator(), reason=reason, seconds=seconds)
    click.echo(f"All writes are refused. Frozen by {frozen.described}")


@click.command()
def unfreeze() -> None:
    """Allow writes again."""
    ended = freezes_of(load_settings()).unfreeze(by=operator())
    click.echo(f"Writes are allowed again. They were frozen by {ended.described}" if ended else "Nothing was frozen.")
