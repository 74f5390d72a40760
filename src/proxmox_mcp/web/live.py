"""Tells open pages what has changed, so that they fetch themselves again: a stream of names, never of content.

The store is looked at once a second while anybody listens, since other processes and replicas change it too. All
streams share one look.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.errors import RateLimitError, StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from proxmox_mcp.store import Store

    Marks = Mapping[str, str]

PAUSE = 1.0
"""Seconds between two looks at the store, and so the least time between two updates of a page."""
SLOWER: Mapping[str, float] = {"activity": 5.0, "tasks": 3.0, "cluster": 30.0}
"""Seconds between two updates of what changes all the time: to make a page costs some milliseconds."""
UNMARKED = ("tasks", "cluster")
"""What no mark tells of, since it is not in the store: pages that show it are made again each time."""
_PING_SECONDS = 20.0
_LIFE_SECONDS = 3600.0
"""After an hour a stream ends and the browser asks for another, which it gets only with a session."""
_MOST, _MOST_OF_SESSION = 100, 8


class Live:
    """The streams of all open pages. ``marks`` reads (in a thread) what tells two states of a subject apart."""

    def __init__(self, store: Store, marks: Callable[[], Marks], clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._read, self._clock = store, marks, clock
        self._open: list[str] = []
        self._marks: Marks = {}
        self._looked = float("-inf")
        self._turn = anyio.Lock()

    def admit(self, session: str) -> None:
        """Raises RateLimitError if this session, or everybody together, has too many pages open."""
        if len(self._open) >= _MOST or self._open.count(session) >= _MOST_OF_SESSION:
            raise RateLimitError("Too many pages of the console are open.", "Close some, then reload this one.")

    async def events(self, session: str, seen: Marks) -> AsyncGenerator[bytes, None]:
        """What one page is told, until it has been open for an hour.

        ``seen``: the marks from before the page was made, so that nothing is missed between the page and its stream.
        """
        self._open.append(session)
        try:
            now = began = pinged = self._clock()
            known = dict(seen)
            told = {subject: _turn(subject, now) for subject in UNMARKED}
            yield b"retry: 3000\n\n"
            while now - began < _LIFE_SECONDS:
                # All streams at the same moment: the pages that then fetch themselves share what is made for them.
                await anyio.sleep(PAUSE - now % PAUSE)
                marks = await self._current()
                now = self._clock()
                changed = [subject for subject, mark in marks.items() if mark != known.get(subject)]
                changed = [each for each in (*changed, *UNMARKED) if _turn(each, now) > told.get(each, float("-inf"))]
                if changed:
                    known.update({subject: marks[subject] for subject in changed if subject in marks})
                    told.update({subject: _turn(subject, now) for subject in changed})
                    yield f"event: changed\ndata: {' '.join(changed)}\n\n".encode()
                elif now - pinged >= _PING_SECONDS:
                    yield b": still here\n\n"
                else:
                    continue
                pinged = now
        finally:
            self._open.remove(session)

    async def _current(self) -> Marks:
        """The marks, at most ``PAUSE`` old: read once for all streams. A store that fails has the last known ones."""
        async with self._turn:
            if self._clock() - self._looked >= PAUSE * 0.9:
                # Each page says so when it is loaded; the stream goes on for when the store is back.
                with suppress(StoreError):
                    self._marks = await self._store.in_thread(self._read)
                self._looked = self._clock()
            return self._marks


def _turn(subject: str, now: float) -> float:
    """The number of the interval in which a subject is told once at most, the same for all streams."""
    return now // SLOWER.get(subject, PAUSE)
