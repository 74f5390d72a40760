"""The table: on the terminal, and as ``docs/clients.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.client_checks import conformance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scripts.client_checks.check import Row

_HEAD = """\
# Clients

<!-- Written by scripts/clients --write. -->

What real clients see. `scripts/clients` installs each of them into a cache, starts the demo cluster and servers on
loopback, runs the client against them, and holds what it saw to what it should see. It fails where one saw something
else or could not be installed; what a client is known to do wrong is named as its own fault. `http` is `/mcp`, `sse`
is `/sse`; over both a token is sent.

A scripted model is a small HTTP server on loopback that stands in for the vendor's: it calls the tools in a set order
and keeps what the client hands back. So the client is the real one, and no account is needed.

Where a server is restarted or a stream cut, the next call over `/sse` is made once the client has opened its stream
again, which it does by itself within a few seconds; a call in between fails with a 404.

| client | version | transport | what was done | outcome |
|---|---|---|---|---|
"""
_CONFORMANCE = """
## The conformance suite

Its scenarios are written for a test server that has fixtures for each of them. Where a scenario needs such a fixture,
it does not apply, and is held to fail for that reason alone. It can't send a token, so it runs against a server
without authentication; extensions of the protocol that this server does not declare are left out.

| scenario | applies |
|---|---|
"""


def line(row: Row) -> str:
    """A row for the terminal."""
    mark = {"as expected": "ok  ", "client's own fault": "ok *", "not as expected": "FAIL", "not installed": "none"}[
        row.verdict
    ]
    told = f": {row.told}" if row.told else ""
    return f"{mark} {row.client} {row.version} [{row.transport}] {row.does}{told}"


def status(rows: Iterable[Row]) -> int:
    """0 only where there are rows, and every one is as expected or shows a fault that is known to be the client's."""
    verdicts = [row.verdict for row in rows]
    return 0 if verdicts and all(verdict in ("as expected", "client's own fault") for verdict in verdicts) else 1


def document(rows: Sequence[Row]) -> str:
    """``docs/clients.md``; rows that differ in the transport alone are one."""
    transports: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        outcome = "; ".join(filter(None, (row.verdict, row.told)))
        transports.setdefault((row.client, row.version, row.does, outcome), []).append(row.transport)
    table = "".join(
        _line(client, version, ", ".join(dict.fromkeys(over)), does, outcome)
        for (client, version, does, outcome), over in transports.items()
    )
    applies = (_line(f"`{name}`", "; ".join(filter(None, ("yes", note)))) for name, note in conformance.APPLIES.items())
    needs = (
        _line(f"`{name}*`" if name.endswith("-") else f"`{name}`", f"no: {why}")
        for name, why in conformance.NEEDS.items()
    )
    return _HEAD + table + _CONFORMANCE + "".join((*applies, *needs))


def _line(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
