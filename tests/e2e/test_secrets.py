"""What a call exists to give goes to the operator: the model gets a number, and neither log nor audit the secret."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from clients import Person, connect
from in_process import serving_here
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from serving import run
from stores import without_a_place_for_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from clients import Session
    from in_process import Here
    from serving import Served

pytestmark = pytest.mark.anyio


VALUE = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
TOKEN_PATH = "/access/users/lena@pve/token/ci"


@asynccontextmanager
async def giving(directory: Path, certificate: tuple[Path, Path], **more: str) -> AsyncIterator[tuple[Here, Session]]:
    """A server before an upstream that gives a new token's secret, as Proxmox does."""
    given = {"full-tokenid": "lena@pve!ci", "info": {"privsep": "1", "expire": 0}, "value": VALUE}
    with raw_serving(reply(given), certificate) as upstream:
        settings = {
            "PROXMOX_HOST": f"127.0.0.1:{upstream.port}",
            "PROXMOX_USER": "root@pam",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
            "PROXMOX_APIDOC": "bundled",
            "MCP_MODE": "full",
            "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
            **more,
        }
        async with serving_here(directory, **settings) as here, connect(here, token="") as session:
            yield here, session


async def test_the_secret_of_a_new_token_reaches_the_operator_once_and_nobody_else(
    tmp_path: Path, certificate: tuple[Path, Path], golden: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "proxmox_mcp")
    async with giving(tmp_path, certificate) as (_, session):
        made = await session.make("POST", TOKEN_PATH)
    golden("secrets/new-token", made.text)
    for text in (made.text, caplog.text, (tmp_path / "audit.jsonl").read_text()):
        assert VALUE not in text
    shown = run(tmp_path, "secret", "1")
    assert shown.stdout == f"{VALUE}\n"
    assert f"value of POST {TOKEN_PATH}, called by local at " in shown.stderr
    again = run(tmp_path, "secret", "1")
    assert again.returncode == 1
    assert "It was shown before" in again.stderr


async def test_a_write_that_cannot_be_put_on_record_is_not_sent(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async with giving(tmp_path, certificate) as (_, session):
        (tmp_path / "state" / "state" / "state.sqlite").mkdir(parents=True)
        made = await session.make("POST", TOKEN_PATH)
    assert made.is_error
    assert "The change could not be recorded: " in made.text
    assert "Nothing was sent." in made.text
    assert VALUE not in made.text


async def test_a_secret_that_cannot_be_kept_is_not_shown_and_the_call_is_said_to_be_done(
    tmp_path: Path, certificate: tuple[Path, Path], golden: Callable[[str, str], None]
) -> None:
    async with giving(tmp_path, certificate) as (_, session):
        run(tmp_path, "approvals")
        without_a_place_for_secrets(tmp_path / "state" / "state")
        made = await session.make("POST", TOKEN_PATH)
    assert made.is_error
    assert VALUE not in made.text
    golden("secrets/not-kept", made.text)


async def test_passwords_that_are_set_are_not_shown_by_anything(server: Served) -> None:
    config, secret = "/nodes/pve2/qemu/130/config", "correct-horse-battery"
    async with connect(server) as session:
        rehearsed = await session.make("PUT", config, {"cipassword": secret}, dry_run=True)
        refused = await session.make("PUT", config, {"cipassword": secret, "cores": "many"})
        done = await session.make("PUT", config, {"cipassword": secret})
        read = await session.get(config)
    assert "cipassword = [secret]" in rehearsed.text
    for text in (rehearsed.text, refused.text, done.text, read.text, server.log):
        assert secret not in text
    assert secret not in (server.directory / "audit.jsonl").read_text()


async def test_what_is_shown_of_a_secret_in_a_question_is_that_there_is_one(server: Served) -> None:
    person = Person("decline")
    async with connect(server, person=person) as session:
        await session.make("PUT", "/access/password", {"userid": "lena@pve", "password": "correct-horse-battery"})
    assert 'password = "[secret]"' in person.questions[0]
    assert "correct-horse" not in person.questions[0]


async def test_our_own_credentials_are_not_to_be_had(server: Served) -> None:
    async with connect(server) as session:
        echoed = await session.call("search_api", query=server.settings["PROXMOX_PASSWORD"])
        missing = await session.get(f"/nodes/{server.settings['PROXMOX_PASSWORD']}/status")
    for answer in (echoed, missing):
        assert server.settings["PROXMOX_PASSWORD"] not in answer.text
