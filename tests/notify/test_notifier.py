"""Messages as they arrive at a webhook: few, without names unless wanted, and again after a failure."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from patience import until
from proxmox_mcp.notify import Channels, Notifier
from proxmox_mcp.notify.news import News
from serving import run
from webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from clock import Clock

# apprise asks for a module that Python 3.13 no longer has.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")]

SAID = "Request 7 waits for an approval: destroy."
ASKED = News(kind="asked", said=SAID, page="approvals/7", detail="for ops: web-01")
CONSOLE = "https://pve.example.org/console/"


class Script:
    """News as they come, in place of a store."""

    def __init__(self) -> None:
        self.next: list[News] = []

    def take(self) -> list[News]:
        taken, self.next = self.next, []
        return taken


@asynccontextmanager
async def keeping(notifier: Notifier) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(notifier.keep)
        yield
        group.cancel_scope.cancel()


def notifier_of(script: Any, *addresses: str, **more: Any) -> Notifier:
    return Notifier(Channels.of(SecretStr(" ".join(addresses))), script, console=CONSOLE, **more)


async def test_a_request_is_told_with_its_number_effects_and_link_and_names_nobody(webhook: Webhook) -> None:
    script = Script()
    async with keeping(notifier_of(script, webhook.address)):
        script.next = [ASKED]
        await anyio.to_thread.run_sync(webhook.wait_for, 1)
    assert webhook.messages == [(f"proxmox-mcp: {SAID}", f"{SAID} {CONSOLE}approvals/7")]


def test_names_and_statements_are_told_where_that_is_wanted(webhook: Webhook) -> None:
    assert "web-01" in notifier_of(Script(), webhook.address, detail=True).compose([ASKED]).body


def test_many_events_are_one_message_of_bounded_length(webhook: Webhook) -> None:
    message = notifier_of(Script(), webhook.address).compose([ASKED] * 400, 100)
    assert message.title == "proxmox-mcp: 500 events, the last: Request 7 waits for an approval: destroy."
    assert len(message.body.splitlines()) == 13
    assert message.body.endswith(f"And 488 more: {CONSOLE}")


async def much_later(webhook: Webhook, messages: int, clock: Clock) -> None:
    """Wait for so many messages, hour by hour: a channel reckons from when it has sent the last one."""

    def hour_by_hour() -> bool:
        clock.now += 3600
        return len(webhook.messages) >= messages

    await anyio.to_thread.run_sync(until, hour_by_hour)


async def test_a_flood_becomes_few_messages(webhook: Webhook, clock: Clock) -> None:
    script = Script()
    async with keeping(notifier_of(script, webhook.address, clock=clock)):
        script.next = [ASKED]
        await anyio.to_thread.run_sync(webhook.wait_for, 1)
        script.next = [ASKED] * 40
        await anyio.to_thread.run_sync(until, lambda: not script.next)
        assert len(webhook.messages) == 1, "the next waits for its time"
        await much_later(webhook, 2, clock)
    assert webhook.messages[1][0].startswith("proxmox-mcp: 40 events")


async def test_a_channel_that_fails_is_shown_and_tried_again_and_holds_up_no_other(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxmox_mcp.notify.notifier.RETRIES", (0.05,))
    other, script = Webhook(), Script()
    other.server.server_close()
    webhook.status = 500
    notifier = notifier_of(script, webhook.address, f"{other.address}/secret-topic")
    async with keeping(notifier):
        script.next = [ASKED]
        await anyio.to_thread.run_sync(until, lambda: len(notifier.faults) == 2 and webhook.attempts > 1)
        assert list(notifier.faults) == ["channel 1 (json)", "channel 2 (json)"]
        webhook.status = 200
        await anyio.to_thread.run_sync(webhook.wait_for, 1)
        await anyio.to_thread.run_sync(until, lambda: len(notifier.faults) == 1)
    assert "secret-topic" not in caplog.text
    assert caplog.text.count("channel 2 (json) fails") == 1, "told once, not with each attempt"


async def test_what_fails_and_what_is_well_again_is_told(webhook: Webhook, clock: Clock) -> None:
    troubles: dict[str, str] = {}
    async with keeping(
        notifier_of(Script(), webhook.address, troubles=lambda: dict(troubles), clock=clock, detail=True)
    ):
        troubles["audit log"] = "No space left on device"
        await anyio.to_thread.run_sync(webhook.wait_for, 1)
        troubles.clear()
        await much_later(webhook, 2, clock)
    assert webhook.messages[0][1].endswith("audit log: No space left on device")
    assert webhook.messages[1][0] == "proxmox-mcp: A part of the server is well again."


# On the command line.


def test_the_test_of_the_channels_says_which_took_the_message(webhook: Webhook, tmp_path: Path) -> None:
    told = run(tmp_path, "notify", "test", MCP_NOTIFY=webhook.address)
    assert (told.returncode, told.stdout) == (0, "channel 1 (json): sent\n")
    assert webhook.messages[0][0] == "proxmox-mcp: test"
    webhook.status = 500
    (tmp_path / "notify").write_text(f"{webhook.address}\n")
    failed = run(tmp_path, "notify", "test", MCP_NOTIFY_FILE=str(tmp_path / "notify"))
    assert (failed.returncode, failed.stderr) == (1, "channel 1 (json): FAILED\n")


@pytest.mark.parametrize("address", ["nothing://token-of-mine", "token-of-mine"])
def test_an_address_that_nobody_knows_is_an_error_that_does_not_repeat_it(address: str, tmp_path: Path) -> None:
    told = run(tmp_path, "notify", "test", MCP_NOTIFY=address)
    assert told.returncode == 2
    assert "is not an address that can be sent to" in told.stderr
    assert "token-of-mine" not in told.stderr
