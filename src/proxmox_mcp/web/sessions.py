"""Sign-in links and sessions of the console, in the store: all processes and replicas of one store know them.

The store holds only hashes of tokens: who reads it can't sign in with what it holds. A session belongs to the origin
(scheme, name and port) where it was opened, since browsers send cookies to every port of a host.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.confirm import operators
from proxmox_mcp.web.roles import Person, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.store import Store

LINK_SECONDS = 600
SESSION_SECONDS = 12 * 3600
IDLE_SECONDS = operators.IDLE_SECONDS
"""Without a request for so long, a session ends. An open page with live updates counts as use."""
_SEEN_EVERY = 60.0
"""Seconds between two writes of the last use: not one for each request."""
_MOST_SESSIONS = 20
"""Of one person; the oldest ends when another begins."""
_LONGEST_TOKEN = 200


class ConsoleSession(Struct, frozen=True, kw_only=True):
    """A person who is signed in. ``form_token`` must come with every form that this session sends."""

    key: str
    person: Person
    created: float
    seen: float
    expires: float
    origin: str
    agent: str
    form_token: str = ""


class Sessions:
    """Makes and redeems links, opens and ends sessions. Every method raises StoreError if the store is unavailable."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def make_link(self, person: Person) -> str:
        """The token of a link that signs a person in, once, within ten minutes."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._store.transaction() as db:
            t = db.tables.console_links
            db.execute(t.delete().where(t.c.expires < now))
            row = {"key": _hash(token), "person": person.name, "role": str(person.role)}
            db.execute(t.insert().values(**row, created=now, expires=now + LINK_SECONDS))
        return token

    def redeem_link(self, token: str) -> Person | None:
        """The person of a link, which is used up; None if it is unknown, used or expired."""
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        key, now = _hash(token), self._clock()
        with self._store.transaction() as db:
            t = db.tables.console_links
            row = db.row(t.select().where(t.c.key == key))
            if row is None:
                return None
            db.execute(t.delete().where(t.c.key == key))
        return _person(row) if now < row["expires"] else None

    def open(self, person: Person, *, origin: str, agent: str = "") -> str:
        """Open a session at an origin: the token for its cookie."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._store.transaction() as db:
            t = db.tables.console_sessions
            db.execute(t.delete().where((t.c.expires < now) | (t.c.seen < now - IDLE_SECONDS)))
            others = db.rows(t.select().where(t.c.person == person.name).order_by(t.c.created.desc()))
            for row in others[_MOST_SESSIONS - 1 :]:
                db.execute(t.delete().where(t.c.key == row["key"]))
            values = {"key": _hash(token), "person": person.name, "role": str(person.role), "address": origin}
            times = {"created": now, "seen": now, "expires": now + SESSION_SECONDS}
            db.execute(t.insert().values(**values, **times, agent=agent))
        return token

    def find(self, token: str) -> ConsoleSession | None:
        """The session of a cookie, with the time of this use; None if it is unknown or has ended."""
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        key, now = _hash(token), self._clock()
        with self._store.reading() as db:
            t = db.tables.console_sessions
            row = db.row(t.select().where(t.c.key == key))
        if row is None or now >= row["expires"] or now >= row["seen"] + IDLE_SECONDS:
            return None
        if now - row["seen"] > _SEEN_EVERY:
            with self._store.transaction() as db:
                t = db.tables.console_sessions
                db.execute(t.update().where(t.c.key == key).values(seen=now))
        return _session(row, form_token(token))

    def of(self, name: str) -> list[ConsoleSession]:
        """The sessions of a person, newest first."""
        now = self._clock()
        with self._store.reading() as db:
            t = db.tables.console_sessions
            alive = (t.c.expires > now) & (t.c.seen > now - IDLE_SECONDS)
            rows = db.rows(t.select().where((t.c.person == name) & alive).order_by(t.c.created.desc()))
        return [_session(row) for row in rows]

    def end(self, key: str) -> None:
        """End one session."""
        with self._store.transaction() as db:
            t = db.tables.console_sessions
            db.execute(t.delete().where(t.c.key == key))

    def end_all(self, name: str = "") -> int:
        """End all sessions of a person, and void the links that wait for them; without a name those of everybody."""
        with self._store.transaction() as db:
            links, t = db.tables.console_links, db.tables.console_sessions
            if not name:
                db.execute(links.delete())
                return int(db.execute(t.delete()).rowcount)
            db.execute(links.delete().where(links.c.person == name))
            return int(db.execute(t.delete().where(t.c.person == name)).rowcount)


def form_token(cookie: str) -> str:
    """The token for the forms of a session: only who knows its cookie can make it, and it doesn't tell the cookie."""
    return hmac.new(cookie.encode(), b"proxmox-mcp console form", hashlib.sha256).hexdigest()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _session(row: Mapping[str, Any], form: str = "") -> ConsoleSession:
    fields = {name: row[name] for name in ("key", "created", "seen", "expires", "agent")}
    return ConsoleSession(**fields, person=_person(row), origin=row["address"], form_token=form)


def _person(row: Mapping[str, Any]) -> Person:
    return Person(row["person"], Role(row["role"]))
