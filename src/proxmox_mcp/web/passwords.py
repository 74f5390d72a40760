"""Passwords of the console (``MCP_CONSOLE_PASSWORD``): scrypt, compared in constant time, slower after each failure.

An entry is ``NAME:ROLE:scrypt$N$R$P$SALT$HASH`` (``proxmox-mcp console password`` prints one), several of them on
lines of their own or separated by commas. Anything else is the password of the user ``admin``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import time
from collections import Counter, OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from msgspec import Struct

from proxmox_mcp.errors import RateLimitError, SettingsError
from proxmox_mcp.web.roles import Person, Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_N, _R, _P = 2**15, 8, 1
"""Cost of a new hash: 32 MiB and some 0.1 s (OWASP's lowest recommendation for scrypt with p = 3 costs the same)."""
_MOST_MEMORY = 256 * 1024 * 1024
_SHORTEST, LONGEST = 10, 1000
_ENTRY = re.compile(r"([A-Za-z0-9][\w.@-]{0,63}):(viewer|operator|admin):(scrypt\$[0-9$A-Za-z+/=]+)", re.ASCII)
_HASH = re.compile(
    r"scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/=]{8,100})\$([A-Za-z0-9+/=]{20,200})", re.ASCII
)
_PLAIN_NAME = "admin"


class _Hash(Struct, frozen=True):
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> _Hash:
        salt = os.urandom(16)
        return cls(_N, _R, _P, salt, _scrypt(password, _N, _R, _P, salt, 32))

    @classmethod
    def parsed(cls, text: str) -> _Hash:
        found = _HASH.fullmatch(text)
        if found is None:
            raise SettingsError(
                "MCP_CONSOLE_PASSWORD has an entry whose hash is not complete.",
                "Use the line that `proxmox-mcp console password NAME` prints.",
            )
        n, r, p = (int(found[place]) for place in (1, 2, 3))
        if n < 2**14 or n & (n - 1) or not r or not p or 128 * n * r * p > _MOST_MEMORY:
            raise SettingsError(
                "MCP_CONSOLE_PASSWORD has a hash whose cost is too low or too high.",
                "Use the line that `proxmox-mcp console password NAME` prints.",
            )
        return cls(n, r, p, base64.b64decode(found[4]), base64.b64decode(found[5]))

    def fits(self, password: str) -> bool:
        made = _scrypt(password, self.n, self.r, self.p, self.salt, len(self.digest))
        return hmac.compare_digest(made, self.digest)

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(each).decode() for each in (self.salt, self.digest))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${digest}"


def entry(person: Person, password: str) -> str:
    """The line for ``MCP_CONSOLE_PASSWORD``. Raises SettingsError for a short password."""
    _require_length(password)
    return f"{person.name}:{person.role}:{_Hash.of(password)}"


class Passwords:
    """The people who may sign in with a password."""

    def __init__(self, setting: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """``setting``: the value of MCP_CONSOLE_PASSWORD. Raises SettingsError."""
        self._known: dict[str, tuple[Person, _Hash]] = {}
        for person, kept in _entries(setting):
            if person.name in self._known:
                raise SettingsError(f"MCP_CONSOLE_PASSWORD has two entries for {person.name}.", "Leave one.")
            self._known[person.name] = (person, kept)
        self._delays = Delays(clock)
        self._nobody: _Hash | None = None
        self._one_at_a_time = anyio.CapacityLimiter(1)

    def __bool__(self) -> bool:
        return bool(self._known)

    async def person(self, name: str, password: str, address: str) -> Person | None:
        """The person with this name and password; None if either is wrong. Waits as ``Delays`` says.

        Raises RateLimitError if too many attempts are under way already.
        """
        async with self._delays.attempt(name, address) as attempt:
            # One at a time: each takes 32 MiB and a core for some 0.1 s, and anybody may try.
            found = await anyio.to_thread.run_sync(self._check, name, password, limiter=self._one_at_a_time)
            attempt.succeeded = found is not None
        return found

    def _check(self, name: str, password: str) -> Person | None:
        if len(password) > LONGEST:
            return None
        person, kept = self._known.get(name, (None, None))
        if kept is None:
            # The same work for an unknown name: the time must not tell which names exist.
            self._nobody = self._nobody or _Hash.of("nobody")
            self._nobody.fits(password)
            return None
        return person if kept.fits(password) else None


class Delays:
    """How long an attempt to sign in waits: longer after each failure of this name from this address, up to a limit.

    A name is never locked, since then anybody could lock a person out. In memory: a restart forgets the failures.
    """

    FIRST, LONGEST = 1.0, 30.0
    _MOST_OF_NAME, _MOST_OF_ADDRESS = 3, 6
    """Attempts under way at a time."""
    _MOST_KEPT = 10_000
    _FORGOTTEN = 3600.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, name: str, address: str) -> AsyncIterator[Attempt]:
        """Around an attempt: waits for its turn first. Raises RateLimitError if too many are under way."""
        kept = self._kept(name, address)
        if kept.under_way >= self._MOST_OF_NAME or self._under_way[address] >= self._MOST_OF_ADDRESS:
            raise RateLimitError(
                "Too many attempts to sign in.",
                f"Wait {self.LONGEST:.0f} seconds, or use a link: `proxmox-mcp console link` on the server prints one.",
            )
        attempt = Attempt()
        kept.under_way += 1
        self._under_way[address] += 1
        try:
            start = max(self._clock(), kept.next)
            # Those that come at the same time wait as if this one had failed.
            kept.next = start + self.seconds(kept.count + 1)
            await anyio.sleep(max(0.0, start - self._clock()))
            yield attempt
        finally:
            kept.under_way -= 1
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]
            kept.last = self._clock()
            if attempt.succeeded:
                kept.count, kept.next = 0, 0.0
            else:
                kept.count += 1
                kept.next = max(kept.next, kept.last + self.seconds(kept.count))

    def seconds(self, failures: int) -> float:
        """The wait after so many failures."""
        return min(self.FIRST * 2 ** min(failures - 1, 10), self.LONGEST) if failures else 0.0

    def _kept(self, name: str, address: str) -> _Failures:
        key, now = (name[:100], address), self._clock()
        kept = self._of.get(key)
        if kept is None or (not kept.under_way and now - kept.last > self._FORGOTTEN):
            kept = self._of[key] = _Failures(last=now)
        self._of.move_to_end(key)
        while len(self._of) > self._MOST_KEPT:
            self._of.popitem(last=False)
        return kept


class Attempt(Struct):
    """One attempt to sign in; who checks it says whether it ``succeeded``."""

    succeeded: bool = False


class _Failures(Struct):
    last: float
    count: int = 0
    next: float = 0.0
    under_way: int = 0


def _entries(setting: str) -> list[tuple[Person, _Hash]]:
    setting = setting.strip()
    if not setting:
        return []
    parts = [part.strip() for part in re.split(r"[\n,]", setting) if part.strip()]
    found = [_ENTRY.fullmatch(part) for part in parts]
    if not any(found):
        _require_length(setting)
        return [(Person(_PLAIN_NAME, Role.ADMIN), _Hash.of(setting))]
    if not all(found):
        raise SettingsError(
            "MCP_CONSOLE_PASSWORD has an entry that is not NAME:ROLE:HASH.",
            "Use the lines that `proxmox-mcp console password NAME` prints, separated by commas.",
        )
    return [(Person(each[1], Role(each[2])), _Hash.parsed(each[3])) for each in found if each]


def _require_length(password: str) -> None:
    if not _SHORTEST <= len(password) <= LONGEST:
        raise SettingsError(
            f"The password of the console is shorter than {_SHORTEST} characters or longer than {LONGEST}.",
            "Choose another. `proxmox-mcp token new` prints random ones.",
        )


def _scrypt(password: str, n: int, r: int, p: int, salt: bytes, length: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=length)
