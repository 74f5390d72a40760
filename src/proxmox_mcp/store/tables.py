"""The tables of the store. Times are seconds since 1970; a ``number`` is never given twice.

An owner of a feature adds its tables and columns here, and once a version is released also a step in ``migrations``.
Secrets are in ``secrets.value`` alone; tokens, links and sessions are kept as hashes.
"""

# Tested through tests/store/test_store.py.

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, false
from sqlalchemy.types import TypeDecorator

METADATA = MetaData()
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class AnyText(TypeDecorator[str]):
    """Text from anywhere: PostgreSQL holds no NUL, and UTF-8 no lone surrogate. They are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        # str(): the driver of PostgreSQL takes members of a StrEnum for enumerations of the database.
        return None if value is None else _UNSTORABLE.sub("\ufffd", str(value))


def _number() -> Column[int]:
    # SQLite numbers only INTEGER PRIMARY KEY automatically; AUTOINCREMENT (below) keeps it from giving one twice.
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, AnyText, primary_key=True) if key else Column(name, AnyText, nullable=False, default="")


def _json(name: str) -> Column[Any]:
    """A list or an object; None where it is unknown."""
    return Column(name, JSON(none_as_null=True))


def _time(name: str, *, index: bool = False) -> Column[float]:
    return Column(name, Double, nullable=False, index=index)


def _time_or_not(name: str) -> Column[float | None]:
    """A time; NULL as long as it has not come."""
    return Column(name, Double)


def _reference(name: str) -> Column[int | None]:
    """The number of a row elsewhere, which may be gone by its age; NULL for none."""
    return Column(name, BigInteger)


def _numbered(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, METADATA, _number(), *columns, sqlite_autoincrement=True)


class Tables(Struct, frozen=True):
    """All tables, as ``Transaction.tables`` gives them."""

    approvals: Table
    """Calls and plans that wait for a person, and how each was decided."""
    grants: Table
    """What a person has allowed a caller for a while."""
    callers: Table
    """Callers made in the console; those of the callers file are in that file alone."""
    secrets: Table
    """Secrets that calls returned, each until it is shown once."""
    freezes: Table
    """When all writes were refused; the last without ``ended`` is in force."""
    changes: Table
    """Writes that were sent, with the state before and after."""
    plans: Table
    plan_steps: Table
    console_sessions: Table
    console_links: Table
    activity: Table
    """The last lines of the audit log, bounded, for the console."""
    notifications: Table
    """Up to where people were told what happened: one row for all processes."""


TABLES = Tables(
    approvals=_numbered(
        "approvals",
        _time("created", index=True),
        _time_or_not("decided"),
        _text("state"),
        _text("caller"),
        _text("client"),
        _text("cluster"),
        _text("method"),
        _text("path"),
        _text("statement"),
        _text("binding"),
        _text("fingerprint"),
        _text("decided_by"),
        _text("reason"),
        _text("asked_reason"),
        _json("effects"),
        _json("details"),
        _reference("plan"),
    ),
    grants=_numbered(
        "grants",
        _time("created"),
        _time("until", index=True),
        _text("caller"),
        _text("cluster"),
        _text("granted_by"),
        _reference("approval"),
        _json("effects"),
        _json("guests"),
        _json("pools"),
        _json("tags"),
        Column("calls", Integer, nullable=False, default=0),
        Column("used", Integer, nullable=False, default=0),
        _time_or_not("revoked"),
        _text("revoked_by"),
    ),
    callers=Table(
        "callers",
        METADATA,
        _text("name", key=True),
        _time("created"),
        _text("created_by"),
        _text("owner"),
        _text("token_hash"),
        _text("mode"),
        _json("clusters"),
        _time_or_not("expires"),
        _time_or_not("revoked"),
        _text("revoked_by"),
    ),
    secrets=_numbered(
        "secrets",
        _time("created", index=True),
        _text("caller"),
        _text("call"),
        _text("name"),
        _text("value"),
    ),
    freezes=_numbered(
        "freezes",
        _time("since"),
        _time_or_not("until"),
        _text("reason"),
        _text("by"),
        _time_or_not("ended"),
        _text("ended_by"),
    ),
    changes=_numbered(
        "changes",
        _time("created", index=True),
        _time_or_not("finished"),
        _text("call_id"),
        _text("caller"),
        _text("client"),
        _text("cluster"),
        _text("method"),
        _text("path"),
        _text("template"),
        _json("effects"),
        _json("data"),
        _json("targets"),
        _json("before"),
        _json("after"),
        _json("made"),
        _json("deleted"),
        _text("statement"),
        _text("confirmation"),
        _json("upids"),
        _text("outcome"),
        _text("message"),
        _text("undo_kind"),
        _json("undo"),
        _text("undo_reason"),
        _reference("undoes"),
        _reference("undone_by"),
        _reference("plan"),
        Column("step", Integer),
    ),
    plans=_numbered(
        "plans",
        _time("created", index=True),
        _time_or_not("started"),
        _time_or_not("finished"),
        _text("state"),
        _text("caller"),
        _text("client"),
        _text("cluster"),
        _text("summary"),
        _text("statement"),
        _text("binding"),
        _text("fingerprint"),
        _text("confirmation"),
        _text("on_error"),
        _text("undo_of"),
        _json("given"),
        _json("identifiers"),
        Column("stop_requested", Boolean, nullable=False, default=False, server_default=false()),
        _text("stopped_by"),
        _text("owner"),
        _time_or_not("seen"),
    ),
    plan_steps=Table(
        "plan_steps",
        METADATA,
        Column("plan", BigInteger, primary_key=True, autoincrement=False),
        Column("step", Integer, primary_key=True, autoincrement=False),
        _text("method"),
        _text("path"),
        _text("template"),
        _json("data"),
        _text("state"),
        _reference("change"),
        _json("upids"),
        _text("message"),
    ),
    console_sessions=Table(
        "console_sessions",
        METADATA,
        _text("key", key=True),
        _text("person"),
        _text("role"),
        _time("created"),
        _time("seen"),
        _time("expires"),
        _text("address"),
        _text("agent"),
    ),
    console_links=Table(
        "console_links",
        METADATA,
        _text("key", key=True),
        _text("person"),
        _text("role"),
        _time("created"),
        _time("expires"),
        _time_or_not("used"),
    ),
    activity=_numbered(
        "activity",
        _time("time", index=True),
        _text("event"),
        _text("call_id"),
        _text("caller"),
        _text("client"),
        _text("cluster"),
        _text("tool"),
        _text("method"),
        _text("template"),
        _text("path"),
        _text("guest"),
        _json("effects"),
        _text("decision"),
        _text("rule"),
        _text("confirmation"),
        _text("result"),
        Column("seconds", Double),
        _text("message"),
        _text("upid"),
        _json("data"),
        Index("activity_by_caller", "caller", "number"),
        Index("activity_by_guest", "guest", "number"),
        # For the intent that an outcome takes the place of.
        Index("activity_by_call", "call_id"),
    ),
    notifications=Table("notifications", METADATA, _text("key", key=True), _json("marks")),
)
