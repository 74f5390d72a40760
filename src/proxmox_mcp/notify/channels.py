"""Where messages are sent: the addresses of MCP_NOTIFY, each of a kind that ``apprise`` knows.

An address often holds a secret, so nothing of it is told but its kind and its place in the setting.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from pydantic import SecretStr

_LOG = logging.getLogger("proxmox_mcp.notify")


class Message(Struct, frozen=True):
    """One message, in plain text."""

    title: str
    body: str


class Channel(Struct, frozen=True):
    """One address. ``name`` is how it is told of."""

    name: str
    address: str

    def send(self, message: Message) -> bool:
        """Whether the message was taken; blocks for some seconds at most. Raises SettingsError if nobody knows this
        kind of address, or ``apprise`` is not installed."""
        try:
            target = _instance(self)
            return bool(target.notify(body=message.body, title=message.title, body_format="text"))
        except SettingsError:
            raise
        except Exception:  # noqa: BLE001 - any of some hundred plug-ins; a fault of one must not end the others
            _LOG.debug("%s raised", self.name, exc_info=True)
            return False


class Channels(Struct, frozen=True):
    """All addresses, in the order of the setting."""

    each: tuple[Channel, ...] = ()

    @classmethod
    def of(cls, setting: SecretStr) -> Channels:
        """The channels of ``MCP_NOTIFY``; nothing is imported or opened yet."""
        named = ((_kind(address), address) for address in setting.get_secret_value().split())
        return cls(tuple(Channel(f"channel {n} ({kind})", address) for n, (kind, address) in enumerate(named, 1)))


def _kind(address: str) -> str:
    """Such as ``ntfy``. What has no scheme may be a secret as a whole."""
    scheme, separator, _ = address.partition("://")
    return scheme[:20] if separator else "no address"


def _instance(channel: Channel) -> Any:
    # It brings some hundred plug-ins, which are slow to import: only who sends pays for it.
    try:
        import apprise
    except ImportError:
        raise SettingsError(
            "MCP_NOTIFY is set, but notifications are not installed.",
            f"Install them with:\n  {install_command('notify')}",
        ) from None
    # Its log lines hold addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    made = apprise.Apprise.instantiate(channel.address)
    if made is None:
        raise SettingsError(
            f"MCP_NOTIFY: {channel.name} is not an address that can be sent to.",
            "Write it as the pages of apprise say, such as ntfy://example.org/topic.",
        )
    return made
