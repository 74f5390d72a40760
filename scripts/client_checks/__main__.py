"""Installs real MCP clients, runs each against a server on a demo cluster, and holds what they see to what they should.

Needs npm for those that are npm packages. Everything runs on loopback; only the installation uses the network.
Status 0 only where every check came out as expected, or showed what is known to be the client's own fault. A client
that can't be installed is told as such, and fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.client_checks import claude_code, conformance, fastmcp, gemini_cli, inspector, mcp_remote, report, sdk
from scripts.client_checks.check import ClientFaultError, NotInstalledError, Row, UnexpectedError
from scripts.client_checks.install import Cache
from scripts.client_checks.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scripts.client_checks.check import Check, Client, Verdict
    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

CLIENTS = (
    sdk.SDK,
    sdk.FIRST_SDK,
    fastmcp.CLIENT,
    inspector.CLIENT,
    claude_code.CLIENT,
    gemini_cli.CLIENT,
    mcp_remote.CLIENT,
    *conformance.CLIENTS,
)
_PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def main(words: Sequence[str] | None = None) -> int:
    options = _options(words)
    cache = Cache(options.dir.expanduser(), latest=options.latest)
    chosen = [client for client in CLIENTS if options.only.lower() in client.name.lower()]
    rows = []
    with tempfile.TemporaryDirectory(prefix="proxmox-mcp-clients-") as directory, running(Path(directory)) as servers:
        for client in chosen:
            for row in rows_of(client, cache, servers):
                print(report.line(row), flush=True)
                rows.append(row)
    status = report.status(rows)
    if options.write and not status:
        _PAGE.write_text(report.document(rows), encoding="utf-8")
    return status


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/clients", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, default=Path("~/.cache/proxmox-mcp-clients"), help="where clients are installed"
    )
    parser.add_argument("--only", default="", help="only clients with this in their name")
    parser.add_argument("--latest", action="store_true", help="the newest release of each, not the one that is named")
    parser.add_argument("--write", action="store_true", help="write docs/clients.md where all is as expected")
    options = parser.parse_args(words)
    if options.write and options.only:
        parser.error("--write needs all clients")
    return options


def rows_of(client: Client, cache: Cache, servers: Servers) -> Iterator[Row]:
    """What comes of every check of a client."""
    try:
        program = client.install(cache)
    except NotInstalledError as error:
        transports = ", ".join(dict.fromkeys(check.transport for check in client.checks))
        yield Row(client.name, "", transports, "could not be installed", "not installed", str(error))
        return
    for check in client.checks:
        yield _row(client, program, check, servers)


def _row(client: Client, program: Program, check: Check, servers: Servers) -> Row:
    verdict: Verdict = "as expected"
    try:
        told = check.run(program, servers)
    except ClientFaultError as error:
        verdict, told = "client's own fault", str(error)
    except UnexpectedError as error:
        verdict, told = "not as expected", str(error)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, the check has not passed, and the others go on
        verdict, told = "not as expected", f"{type(error).__name__}: {error}"
    return Row(client.name, program.version, check.transport, check.does, verdict, told)


if __name__ == "__main__":
    sys.exit(main())
