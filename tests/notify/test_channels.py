"""The addresses of MCP_NOTIFY: how each is told of without its secrets, and what becomes of a message sent to it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.installation import install_command
from proxmox_mcp.notify import Channels
from proxmox_mcp.notify.channels import Channel, Message

if TYPE_CHECKING:
    from webhook import Webhook

# apprise asks for a module that Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = Message("title", "body")


def channels(*addresses: str) -> tuple[Channel, ...]:
    return Channels.of(SecretStr("\n ".join(addresses))).each


def test_a_channel_is_told_of_by_its_place_and_kind_alone() -> None:
    secret = "token-of-mine"
    given = channels(f"ntfy://{secret}@example.org/topic", secret, f"{'x' * 30}://{secret}")
    assert [each.name for each in given] == [
        "channel 1 (ntfy)",
        "channel 2 (no address)",
        f"channel 3 ({'x' * 20})",
    ]
    assert channels("") == ()


def test_markup_in_a_name_arrives_as_it_is(webhook: Webhook) -> None:
    (channel,) = Channels.of(SecretStr(webhook.address)).each
    assert channel.send(Message("a <b>title</b>", "line <script>\\n & more"))
    assert webhook.messages == [("a <b>title</b>", "line <script>\\n & more")]


def test_a_message_that_is_not_taken_is_no_error(webhook: Webhook) -> None:
    webhook.status = 500
    (channel,) = channels(webhook.address)
    assert channel.send(MESSAGE) is False
    assert webhook.attempts == 1


def test_a_plug_in_that_raises_did_not_take_the_message(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise RuntimeError("a fault of the plug-in")

    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.notify", broken)
    with caplog.at_level(logging.DEBUG, "proxmox_mcp.notify"):
        assert channels(webhook.address)[0].send(MESSAGE) is False
    assert "channel 1 (json) raised" in caplog.text


@pytest.mark.parametrize("address", ["nothing://token-of-mine", "token-of-mine"])
def test_an_address_of_no_known_kind_is_a_wrong_setting_and_not_repeated(address: str) -> None:
    (channel,) = channels(address)
    with pytest.raises(SettingsError, match="not an address that can be sent to") as caught:
        channel.send(MESSAGE)
    assert channel.name in caught.value.message
    assert "token-of-mine" not in f"{caught.value} {caught.value!r}"


def test_without_apprise_the_error_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError, match="notifications are not installed") as caught:
        channels("ntfy://example.org/topic")[0].send(MESSAGE)
    assert install_command("notify") in caught.value.advice
