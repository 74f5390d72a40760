"""Callers that an admin made in the console: in the store, beside those of the callers file, which is only read.

The store holds hashes of their tokens. Each process keeps the list for a moment, so that a call costs no read of the
store; what this process changes counts at once, what another does within ``KEPT_SECONDS``.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.errors import CallError, StoreError
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.policy.callers import NAME_IS, is_name, new_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from proxmox_mcp.store import Store, Transaction

KEPT_SECONDS = 2.0
_STALE_SECONDS = 60.0
"""While the store can't be read the last list counts for so long: a short outage must not end every session."""
_TAKEN = frozenset({"default", "local"})
"""Names of the callers of MCP_AUTH_TOKEN, and of stdio and the command line."""
_MOST = 500


class StoredCaller(Struct, frozen=True, kw_only=True):
    """One caller. Times are seconds since 1970; ``clusters`` empty means all; ``owner``: whose client it is."""

    name: str
    created: float
    created_by: str
    owner: str
    mode: Mode
    clusters: tuple[str, ...]
    expires: float | None
    revoked: float | None
    revoked_by: str

    def is_active(self, now: float) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


class StoredCallers:
    """Makes, rotates, revokes and recognises them."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._known: Mapping[str, Caller] = {}
        self._read = float("-inf")
        self._asked = float("-inf")

    def listed(self) -> list[StoredCaller]:
        """All, by name; revoked ones too. Raises StoreError."""
        with self._store.reading() as db:
            t = db.tables.callers
            return [_stored(row) for row in db.rows(t.select().order_by(t.c.name))]

    def make(
        self,
        name: str,
        *,
        by: str,
        owner: str = "",
        mode: Mode = Mode.GUARDED,
        clusters: Collection[str] = (),
        expires: float | None = None,
        taken: Collection[str] = (),
    ) -> str:
        """A new caller; its token, which nobody can read again. ``taken``: names of the callers file.

        Raises CallError for a name that can't be used, StoreError.
        """
        for given, what in ((name, "a caller"), (owner or name, "a person")):
            if not is_name(given):
                raise CallError(f"{given!r} can't be the name of {what}.", f"It must be {NAME_IS}.")
        if name in _TAKEN or name in taken:
            raise CallError(
                f"There is a caller {name} already.", "Choose another name: the audit log tells them apart."
            )
        token, digest = new_token()
        with self._store.transaction() as db:
            t = db.tables.callers
            row = db.row(t.select().where(t.c.name == name))
            if row is not None and _stored(row).revoked is None:
                raise CallError(f"There is a caller {name} already.", "Rotate its token, or choose another name.")
            if row is None and len(db.rows(t.select().with_only_columns(t.c.name))) >= _MOST:
                raise CallError(f"There are {_MOST} callers already.", "Remove some that are revoked.")
            db.execute(t.delete().where(t.c.name == name))
            values = {"name": name, "token_hash": digest, "mode": str(mode), "clusters": sorted(clusters)}
            made = {"created": self._clock(), "created_by": by, "owner": owner, "expires": expires}
            db.execute(t.insert().values(**values, **made))
            self._keep(db)
        return token

    def rotate(self, name: str) -> str:
        """A new token for a caller, which ends the old one. Raises CallError for an unknown or revoked one."""
        token, digest = new_token()
        with self._store.transaction() as db:
            self._active(db, name)
            t = db.tables.callers
            db.execute(t.update().where(t.c.name == name).values(token_hash=digest))
            self._keep(db)
        return token

    def revoke(self, name: str, *, by: str) -> None:
        """End a caller: its token no longer counts. Raises CallError for an unknown or revoked one."""
        with self._store.transaction() as db:
            self._active(db, name)
            t = db.tables.callers
            db.execute(t.update().where(t.c.name == name).values(revoked=self._clock(), revoked_by=by, token_hash=""))
            self._keep(db)

    def remove(self, name: str) -> None:
        """Forget a caller that was revoked. Raises CallError while it isn't."""
        with self._store.transaction() as db:
            t = db.tables.callers
            row = db.row(t.select().where(t.c.name == name))
            if row is None or row["revoked"] is None:
                raise CallError(f"{name} is not a revoked caller.", "Revoke it first.")
            db.execute(t.delete().where(t.c.name == name))

    async def authenticate(self, header: str | None) -> Caller | None:
        """The caller behind an ``Authorization`` header; None if the token is unknown."""
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        await self._refresh()
        # A look-up by hash: how long it takes tells about the hash of what was sent, not about a token.
        found = self._known.get(hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest())
        expired = found is not None and found.expires is not None and self._clock() >= found.expires.timestamp()
        return None if expired else found

    async def _refresh(self) -> None:
        now = self._clock()
        if now - self._asked < KEPT_SECONDS:
            return
        self._asked = now
        try:
            await self._store.in_thread(self._load)
        except StoreError:
            if now - self._read > _STALE_SECONDS:
                self._known = {}

    def _load(self) -> None:
        with self._store.reading() as db:
            self._keep(db)

    def _keep(self, db: Transaction) -> None:
        t = db.tables.callers
        rows = db.rows(t.select().where(t.c.revoked.is_(None)))
        self._known = {str(row["token_hash"]): _caller(_stored(row)) for row in rows if row["token_hash"]}
        self._read = self._asked = self._clock()

    def _active(self, db: Transaction, name: str) -> StoredCaller:
        t = db.tables.callers
        row = db.row(t.select().where(t.c.name == name))
        if row is None or row["revoked"] is not None:
            raise CallError(f"There is no active caller {name!r}.", "The page of callers lists them.")
        return _stored(row)


def _stored(row: Mapping[str, Any]) -> StoredCaller:
    fields = {name: row[name] for name in StoredCaller.__struct_fields__}
    return StoredCaller(**{**fields, "mode": Mode(row["mode"]), "clusters": tuple(row["clusters"] or ())})


def _caller(stored: StoredCaller) -> Caller:
    expires = datetime.fromtimestamp(stored.expires, UTC) if stored.expires is not None else None
    clusters = frozenset(stored.clusters)
    return Caller(name=stored.name, owner=stored.owner, mode=stored.mode, clusters=clusters, expires=expires)
