"""``proxmox-mcp grant``, ``grants`` and ``revoke``: what a caller may do for a while without being asked each time."""

# Tested through tests/cli/test_operator_commands.py.

from __future__ import annotations

import time

import click

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.assembly import store_of
from proxmox_mcp.cli.cluster_reads import CLUSTER
from proxmox_mcp.cli.freeze import seconds_of
from proxmox_mcp.cli.operator import operator, put_on_record
from proxmox_mcp.confirm.grants import MOST_CALLS, Grants
from proxmox_mcp.errors import CallError
from proxmox_mcp.policy.callers import NAME_IS, is_name
from proxmox_mcp.settings import load_settings

_EFFECT = click.Choice([str(effect) for effect in Effect if effect is not Effect.READ])


@click.command()
@click.argument("caller")
@click.option("--effect", "effects", type=_EFFECT, multiple=True, required=True, help="Repeat for several.")
@click.option("--guest", "guests", type=int, multiple=True, help="Number of a guest; repeat for several.")
@click.option("--pool", "pools", multiple=True, help="All guests of a pool.")
@click.option("--tag", "tags", multiple=True, help="All guests with a tag.")
@click.option("--calls", type=click.IntRange(1, MOST_CALLS), default=10, show_default=True, help="So many calls.")
@click.option("--for", "seconds", default="1h", callback=seconds_of, metavar="TIME", help="For so long, 8h at most.")
@CLUSTER
def grant(
    caller: str,
    effects: tuple[str, ...],
    guests: tuple[int, ...],
    pools: tuple[str, ...],
    tags: tuple[str, ...],
    calls: int,
    seconds: float,
    cluster: str,
) -> None:
    """Allow a caller some effects on some guests for a while.

    \b
    proxmox-mcp grant claude --effect disrupt --guest 101 --guest 102 --for 2h --calls 20

    They need no confirmation then. Every effect of a call must be named, and every guest that it hits. Each use is on
    record.
    """
    if not is_name(caller):
        raise CallError(f"{caller!r} can't be the name of a caller.", f"It must be {NAME_IS}.")
    settings = load_settings()
    if not cluster and len(settings.clusters) > 1:
        raise CallError("Several clusters are configured.", f"Name one with --cluster: {', '.join(settings.clusters)}.")
    name = cluster or next(iter(settings.clusters))
    if name not in settings.clusters:
        raise CallError(f"There is no cluster `{name}`.", f"Use one of: {', '.join(settings.clusters)}.")
    store = store_of(settings.server)
    given = Grants(store).give(
        caller=caller,
        cluster=name,
        by=operator(),
        effects=frozenset(map(Effect, effects)),
        guests=frozenset(guests),
        pools=frozenset(pools),
        tags=frozenset(tags),
        calls=calls,
        seconds=seconds,
    )
    put_on_record(
        settings, store, "grant.given", {"number": given.number, "grant": given.described, "seconds": int(seconds)}
    )
    click.echo(f"Grant {given.number}: {given.described}")


@click.command()
def grants() -> None:
    """List the grants in force."""
    now = time.time()
    found = Grants(store_of(load_settings().server)).active()
    for each in found:
        click.echo(f"#{each.number} {each.described}, {int(each.until - now) // 60} min left, by {each.granted_by}")
    if not found:
        click.echo("No grant is in force.")


@click.command()
@click.argument("number", type=int)
def revoke(number: int) -> None:
    """End a grant at once."""
    settings = load_settings()
    store = store_of(settings.server)
    ended = Grants(store).revoke(number, by=operator())
    put_on_record(settings, store, "grant.revoked", {"number": number, "grant": ended.described})
    click.echo(f"Revoked. {ended.described}")
