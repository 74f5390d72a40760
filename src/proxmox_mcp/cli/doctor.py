"""``proxmox-mcp doctor``."""

from __future__ import annotations

import os
import sys

import click


@click.command()
@click.option("--url", default="", help="Reach the server as a client would: https://name/sse or /mcp.")
@click.option("--patient", is_flag=True, help="With --url: keep the stream for a minute, to find short timeouts.")
@click.option("--clients", is_flag=True, help="Also print what to paste into each client.")
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON.")
def doctor(url: str, patient: bool, clients: bool, as_json: bool) -> None:
    """Look at the set-up step by step, from the environment it will run with, and say what to do next.

    On a machine that only has a client, --url alone looks at the server from there.
    """
    from proxmox_mcp.doctor import run

    sys.exit(run(os.environ, url=url, as_json=as_json, patient=patient, clients=clients, out=sys.stdout))
