"""What a call may do, from the reviewed table ``apidoc/risks.toml``; what is not in it is judged upwards.

The rule for an endpoint that nobody has reviewed, which may come with a later version of Proxmox or stand behind a
path that our schema doesn't know: a GET may read inside a guest, a write may destroy, and below ``/access`` it may
change rights. Such a judgement says ``reviewed=False``: a policy rule that denies or confirms takes it for any risk,
one that allows takes it for none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.reviews import alternatives, call_key, indexed_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Values = Mapping[str, Any]
"""Parameters of a call, encoded for the wire or as JSON brought them."""


class Risk(StrEnum):
    """What a call may do, in rising order; compared by rank, not by name. ``apidoc/risks.toml`` explains each."""

    READ = "read"
    INSIDE = "inside"
    OUTREACH = "outreach"
    CHANGE = "change"
    DISRUPT = "disrupt"
    DESTROY = "destroy"
    EXECUTE = "execute"
    ACCESS = "access"

    def __lt__(self, other: str) -> bool:
        return _RANK[self] < _RANK[other]

    def __le__(self, other: str) -> bool:
        return _RANK[self] <= _RANK[other]

    def __gt__(self, other: str) -> bool:
        return _RANK[self] > _RANK[other]

    def __ge__(self, other: str) -> bool:
        return _RANK[self] >= _RANK[other]


_RANK: dict[str, int] = {risk: rank for rank, risk in enumerate(Risk)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """``risk`` of one call, ``why`` in a few words; ``reviewed`` is false where the rule had to judge."""

    risk: Risk
    why: str
    reviewed: bool = True


@dataclass(frozen=True, slots=True)
class Raise:
    """A parameter that raises the risk of a call; see the end of ``apidoc/risks.toml`` for the members."""

    to: Judgement
    calls: frozenset[str] | None = None
    values: frozenset[str] | None = None
    unless: frozenset[str] = frozenset({"0", ""})
    names: re.Pattern[str] | None = None

    def applies_to(self, key: str) -> bool:
        if self.calls is None:
            return not key.startswith("GET ")
        return key in self.calls

    def matches(self, value: object) -> bool:
        texts = list(as_texts(value))
        if self.names is not None:
            pattern = self.names
            return any(pattern.fullmatch(member) for text in texts for member in re.split(r"[\s,;\0]+", text))
        if self.values is not None:
            return any(text in self.values for text in texts)
        return any(text not in self.unless for text in texts)


@dataclass(frozen=True, slots=True)
class _Compiled:
    base: Judgement
    raises: Mapping[str, tuple[Raise, ...]]


class RiskTable:
    """The reviewed table. ``judge`` costs a lookup for a call whose parameters raise nothing."""

    def __init__(self, reviewed: Mapping[str, Judgement], raises: Mapping[str, tuple[Raise, ...]]) -> None:
        self._reviewed = reviewed
        self._raises = raises
        self._compiled: dict[tuple[str, str], _Compiled] = {}

    @classmethod
    def load(cls, path: Path) -> RiskTable:
        """Read ``risks.toml``. Raises ``ValueError`` or ``KeyError`` where it is wrong: it ships with the code."""
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        reviewed: dict[str, Judgement] = {}
        for entry in document["entry"]:
            judgement = Judgement(Risk(entry["risk"]), entry["why"])
            for call in chain.from_iterable(map(expand, entry["calls"])):
                if call in reviewed:
                    raise ValueError(f"{path.name}: {call} is listed twice")
                reviewed[call] = judgement
        raises: dict[str, tuple[Raise, ...]] = {}
        for table in document["raise"]:
            rule = _read_raise(table)
            for name in table["parameters"]:
                raises[name] = (*raises.get(name, ()), rule)
        return cls(reviewed, raises)

    @property
    def calls(self) -> frozenset[str]:
        """All reviewed calls, as ``call_key`` writes them."""
        return frozenset(self._reviewed)

    @property
    def templates(self) -> frozenset[str]:
        """The paths of all reviewed calls, ``{}`` for each parameter: those of every bundled version."""
        return frozenset(call.partition(" ")[2] for call in self._reviewed)

    def base(self, method: str, template: str) -> Judgement:
        """The risk of an endpoint, whatever its parameters."""
        return self._reviewed.get(call_key(method, template)) or by_rule(method, template)

    def raises(self, method: str, template: str) -> Mapping[str, tuple[Raise, ...]]:
        """The parameters that may raise the risk of an endpoint above its base."""
        key, base = call_key(method, template), self.base(method, template).risk
        picked = (
            (name, tuple(rule for rule in rules if rule.to.risk > base and rule.applies_to(key)))
            for name, rules in self._raises.items()
        )
        return {name: rules for name, rules in picked if rules}

    def judge(self, method: str, template: str, data: Values) -> Judgement:
        """The risk of a call. Where no endpoint is known for it, ``template`` is the canonical path."""
        compiled = self._compiled.get((method, template))
        if compiled is None:
            compiled = _Compiled(self.base(method, template), self.raises(method, template))
            if compiled.base.reviewed:
                self._compiled[method, template] = compiled
        judgement = compiled.base
        if data and compiled.raises:
            for name, value in data.items():
                for rule in compiled.raises.get(name) or compiled.raises.get(indexed_name(name), ()):
                    if rule.to.risk > judgement.risk and rule.matches(value):
                        judgement = Judgement(rule.to.risk, f"{name}: {rule.to.why}", compiled.base.reviewed)
        return judgement


@cache
def reviewed_risks() -> RiskTable:
    """The table that comes with this project."""
    return RiskTable.load(data_directory() / "risks.toml")


def by_rule(method: str, path: str) -> Judgement:
    """The judgement of a call that nobody has reviewed."""
    if method == "GET":
        return Judgement(Risk.INSIDE, "not reviewed: may read inside a guest", reviewed=False)
    if path.startswith("/access"):
        return Judgement(Risk.ACCESS, "not reviewed: may change rights", reviewed=False)
    return Judgement(Risk.DESTROY, "not reviewed: may destroy", reviewed=False)


def expand(written: str) -> Iterator[str]:
    """The calls behind ``GET|PUT /cluster/(a|b/{id})``, as ``call_key`` writes them."""
    methods, template = written.split(" ", 1)
    for method in methods.split("|"):
        for alternative in dict.fromkeys(alternatives(template)):
            yield call_key(method, alternative)


def as_texts(value: object) -> Iterator[str]:
    """A value as Proxmox gets it: booleans as 1 and 0, nothing for null, each member of a list."""
    if isinstance(value, bool):
        yield "1" if value else "0"
    elif isinstance(value, list | tuple):
        for member in value:
            yield from as_texts(member)
    elif value is not None:
        yield str(value)


def _read_raise(table: Mapping[str, Any]) -> Raise:
    unknown = set(table) - {"parameters", "to", "why", "calls", "values", "unless", "names"}
    if unknown:
        raise ValueError(f"unknown keys in [[raise]]: {sorted(unknown)}")
    return Raise(
        to=Judgement(Risk(table["to"]), table["why"]),
        calls=_call_keys(table["calls"]) if "calls" in table else None,
        values=frozenset(table["values"]) if "values" in table else None,
        unless=frozenset({"0", "", *table.get("unless", ())}),
        names=re.compile(table["names"]) if "names" in table else None,
    )


def _call_keys(written: Iterable[str]) -> frozenset[str]:
    return frozenset(chain.from_iterable(map(expand, written)))
