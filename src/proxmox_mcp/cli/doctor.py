"""``proxmox-mcp doctor``."""

from __future__ import annotations

import os
import sys

import click


@click.command()
@click.option("--url", default="", help="Also reach the server as a client would: https://name/sse or /mcp.")
@click.option("--patient", is_flag=True, help="With --url: keep the stream for a minute, to find short timeouts.")
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON.")
def doctor(url: str, patient: bool, as_json: bool) -> None:
    """Look at the set-up step by step, from the environment it will run with, and say what to mend."""
    from proxmox_mcp.doctor import run

    sys.exit(run(os.environ, url=url, as_json=as_json, patient=patient, out=sys.stdout))
