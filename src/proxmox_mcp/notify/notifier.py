"""Sends the news to the channels: at once when it is quiet, put together when much happens, again where one failed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from msgspec import Struct, field

from proxmox_mcp.errors import SettingsError, StoreError
from proxmox_mcp.notify.channels import Message
from proxmox_mcp.notify.news import News

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.notify.channels import Channel, Channels
    from proxmox_mcp.notify.news import NewsOfStore

LOOK_SECONDS = 1.0
_SHORTEST_GAP, _LONGEST_GAP = 5.0, 300.0
"""Seconds between two messages of a channel: the gap doubles as long as there is more to tell after each, so a loop of
calls makes a dozen messages an hour, and is halved with each message that comes later."""
RETRIES = (10.0, 60.0, 300.0)
"""Seconds before the next attempts; the last one holds for all further ones."""
_MOST_KEPT, _MOST_LINES = 500, 12
_LOG = logging.getLogger("proxmox_mcp.notify")


class _Outbox(Struct):
    """What one channel has still to tell."""

    channel: Channel
    waiting: list[News] = field(default_factory=list)
    left_out: int = 0
    due: float = 0.0
    gap: float = _SHORTEST_GAP
    failures: int = 0
    fault: str = ""

    def add(self, news: Sequence[News]) -> None:
        self.waiting += news
        if (too_many := len(self.waiting) - _MOST_KEPT) > 0:
            del self.waiting[:too_many]
            self.left_out += too_many

    async def send(self, compose: Callable[[Sequence[News], int], Message], clock: Callable[[], float]) -> None:
        """Send all that waits as one message; what a channel does not take goes on waiting."""
        news, left_out = tuple(self.waiting), self.left_out
        try:
            message = compose(news, left_out)
            taken = await anyio.to_thread.run_sync(self.channel.send, message, abandon_on_cancel=True)
            fault = "" if taken else "the message was not taken"
        except SettingsError as error:
            taken, fault = False, str(error)
        if not taken:
            if not self.fault:
                _LOG.error("notifications: %s fails: %s; it is tried again", self.channel.name, fault)
            self.fault = fault
            self.due = clock() + RETRIES[min(self.failures, len(RETRIES) - 1)]
            self.failures += 1
            return
        if self.fault:
            _LOG.info("notifications: %s works again", self.channel.name)
        quiet = clock() - self.due > self.gap
        self.gap = max(self.gap / 2, _SHORTEST_GAP) if quiet else min(self.gap * 2, _LONGEST_GAP)
        self.fault, self.failures, self.due = "", 0, clock() + self.gap
        del self.waiting[: len(news)]
        self.left_out -= left_out


class Notifier:
    """The messages of one server. ``troubles`` tells what fails now, by a name, with the reason."""

    def __init__(
        self,
        channels: Channels,
        news: NewsOfStore,
        *,
        console: str = "",
        detail: bool = False,
        troubles: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outboxes = [_Outbox(channel) for channel in channels.each]
        self._news, self._console, self._detail = news, console, detail
        self._troubles, self._clock = troubles, clock
        self._known: dict[str, str] = {}

    @property
    def faults(self) -> Mapping[str, str]:
        """The channels that fail, with the reason."""
        return {each.channel.name: each.fault for each in self._outboxes if each.fault}

    async def keep(self) -> None:
        """Look for news and send it, for as long as the server lives; calls never wait for it."""
        if not self._outboxes:
            return
        async with anyio.create_task_group() as group:
            for outbox in self._outboxes:
                group.start_soon(self._keep_sending, outbox)
            while True:
                news = await self._look()
                for outbox in self._outboxes:
                    outbox.add(news)
                await anyio.sleep(LOOK_SECONDS)

    async def _look(self) -> list[News]:
        found: list[News] = []
        troubles: Mapping[str, str] = self._known
        try:
            found += await anyio.to_thread.run_sync(self._news.take)
            troubles = await anyio.to_thread.run_sync(self._troubles)
        except StoreError as error:
            _LOG.debug("notifications: %s", error)
        except Exception:  # noqa: BLE001 - it must end neither the messages nor the server that they are about
            _LOG.exception("notifications: a look for news failed")
        for name, reason in troubles.items():
            if name not in self._known:
                found.append(News(kind="trouble", said="A part of the server fails.", detail=f"{name}: {reason}"))
        for name in self._known.keys() - troubles.keys():
            found.append(News(kind="trouble", said="A part of the server is well again.", detail=name))
        self._known = dict(troubles)
        return found

    async def _keep_sending(self, outbox: _Outbox) -> None:
        while True:
            if outbox.waiting and self._clock() >= outbox.due:
                await outbox.send(self.compose, self._clock)
            await anyio.sleep(LOOK_SECONDS / 2)

    def compose(self, news: Sequence[News], left_out: int = 0) -> Message:
        """One message of some news: each a line with its link, of many the newest."""
        lines = [self._line(each) for each in news[-_MOST_LINES:]]
        if (more := len(news) - len(lines) + left_out) > 0:
            lines.append(f"And {more} more{f': {self._console}' if self._console else ''}")
        head = news[-1].said if len(news) == 1 else f"{len(news) + left_out} events, the last: {news[-1].said}"
        return Message(f"proxmox-mcp: {head}", "\n".join(lines))

    def _line(self, news: News) -> str:
        link = f" {self._console}{news.page}" if self._console else ""
        detail = f"\n{news.detail}" if self._detail and news.detail else ""
        return f"{news.said}{link}{detail}"
