"""``proxmox-mcp doctor``: checks a set-up."""

from __future__ import annotations

import os
import sys

import click

from proxmox_mcp.doctor import run


@click.command()
@click.option("--url", default="", help="Also check the server as clients reach it: https://name/sse or /mcp.")
@click.option("--patient", is_flag=True, help="With --url: keep a stream open for 75 s, to find proxies that close it.")
@click.option("--clients", is_flag=True, help="Also print the configuration for each client.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def doctor(url: str, patient: bool, clients: bool, as_json: bool) -> None:
    """Check the set-up step by step, and say what to do next.

    Run it with the environment of the server. On a machine that only has a client, --url alone checks the server from
    there.
    """
    sys.exit(run(os.environ, url=url, as_json=as_json, patient=patient, clients=clients, out=sys.stdout))
