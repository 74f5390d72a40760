"""How the fields of a result read: which hold Proxmox's own terms, and what their numbers mean.

A number that is shown in a unit can't be sent back; the fields in ``exact`` (those that a call to the same path takes)
keep their numbers, and so do all with ``raw``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.render.clock import Clock
from proxmox_mcp.render.quantities import (
    BYTES_IN,
    RATES,
    SECONDS_IN,
    TIMES,
    Quantity,
    is_named_for_time,
    number_of,
    quantity_by_name,
)
from proxmox_mcp.render.units import short_duration, significant, size_text, spaced_duration

Terms: TypeAlias = Callable[[str], bool]
"""``terms(field)``: whether the field holds Proxmox's own terms (a fixed vocabulary, property strings)."""
Quantities: TypeAlias = Callable[[str], Quantity | None]
"""``quantities(field)``: the meaning of the field's numbers by the schema, None if the schema doesn't tell."""

NEVER, NONE = "never", "none"
_NEVER = ("expire", "last", "until")
_MOST_LOOKED_AT = 2_000
"""Values among which a time is looked for, to decide whether an answer has to name the zone."""


def no_terms(_field: str) -> bool:
    """For results without a schema: no field holds Proxmox's own terms."""
    return False


def no_quantities(_field: str) -> Quantity | None:
    """For results without a schema: only the name of a field may tell what its numbers mean."""
    return None


class Legend(Struct, frozen=True):
    """``terms`` and ``quantities`` are what the schema tells of a field, which may be dotted (``memory.used``).

    ``exact`` are the fields whose values a call to the same path takes back. ``raw`` shows numbers as they were sent.
    """

    terms: Terms = no_terms
    quantities: Quantities = no_quantities
    exact: Collection[str] = ()
    clock: Clock = field(default_factory=Clock)
    raw: bool = False

    def at(self, clock: Clock, *, raw: bool = False) -> Legend:
        """The same legend, read at another time, and ``raw`` if asked for."""
        return replace(self, clock=clock, raw=raw)

    def quantity(self, name: str, value: Any) -> Quantity | None:
        """What a value of a field means; None if it is not a number, or is shown as it is."""
        if self.raw or (number := number_of(value)) is None:
            return None
        found = self.quantities(name) or quantity_by_name(name, number)
        if found is None and number == 0 and is_named_for_time(name):
            found = Quantity.TIME
        if found in TIMES:
            return found if self.clock.knows(number) else None
        return None if name in self.exact or number < 0 else found

    def line(self, name: str, value: Any) -> str | None:
        """A number as a person reads it in a line of its own (``81.2 GiB``); None if it is shown as it is."""
        quantity = self.quantity(name, value)
        number = number_of(value)
        if quantity is None or number is None:
            return None
        if quantity is Quantity.TIME and number:
            text = f"{self.clock.moment(number)} ({self.clock.age(number)})"
            return f"{text} = {value}" if name in self.exact else text
        if quantity is Quantity.TIME and name in self.exact:
            return f"0 ({without_date(name)})"
        return _text(name, quantity, number, " ")

    def cell(self, name: str, value: Any) -> str | None:
        """A number as a cell without blanks (``81.2GiB``); None if it is shown as it is."""
        quantity = self.quantity(name, value)
        number = number_of(value)
        return None if quantity is None or number is None else self.cell_in(name, quantity, number)

    def cell_in(self, name: str, quantity: Quantity, number: float) -> str:
        """As ``cell``, for a number that means ``quantity``."""
        if quantity is Quantity.TIME and number and self.clock.knows(number):
            return f"{self.clock.moment(number).replace(' ', 'T')}({self.clock.short_age(number)})"
        return _text(name, quantity, number, "")

    def readable(self, name: str, value: Any) -> Any:
        """A nested value whose numbers are replaced by what a person reads."""
        if isinstance(value, dict):
            return {key: self.readable(f"{name}.{key}", each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.readable(name, each) for each in value]
        text = self.cell(name, value)
        return value if text is None else text

    def tells_time(self, data: Any, fields: Sequence[str] = ()) -> bool:
        """Whether a result holds a time. Looks at its first values only."""
        if self.raw:
            return False
        may_be_time: dict[str, bool] = {}
        for name, value in islice(_leaves("", data, fields), _MOST_LOOKED_AT):
            if name not in may_be_time:
                by_schema = self.quantities(name)
                may_be_time[name] = by_schema in TIMES if by_schema else is_named_for_time(name)
            if may_be_time[name] and number_of(value) and self.quantity(name, value) in TIMES:
                return True
        return False


def _leaves(name: str, value: Any, fields: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """The values other than objects and lists, with their dotted names; of the named ``fields`` only."""
    if isinstance(value, dict):
        prefix = f"{name}." if name else ""
        chosen = {each.partition(".")[0] for each in fields} or value
        for key, each in value.items():
            if key in chosen:
                yield from _leaves(prefix + key, each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(name, each, fields)
    else:
        yield name, value


def _text(name: str, quantity: Quantity, number: float, between: str) -> str:
    if quantity in BYTES_IN:
        return size_text(number * BYTES_IN[quantity], between) + ("/s" if quantity in RATES else "")
    if quantity in SECONDS_IN:
        return duration_text(number * SECONDS_IN[quantity], between)
    if quantity is Quantity.TIME:
        return without_date(name)
    if quantity is Quantity.WALL_TIME:
        return Clock().moment(number).replace(" ", between or "T")
    return f"{significant(number * (100 if quantity is Quantity.FRACTION else 1))}%"


def duration_text(seconds: float, between: str = " ") -> str:
    """A duration; below a minute with three significant digits (``3.21 s``)."""
    if seconds >= 60:
        return spaced_duration(seconds) if between else short_duration(seconds)
    return f"{significant(seconds)}{between}s"


def without_date(name: str) -> str:
    """What 0 means in a field for times: an account that expires at 0 never does."""
    return NEVER if any(word in name.rpartition(".")[2].lower() for word in _NEVER) else NONE
