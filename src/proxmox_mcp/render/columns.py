"""Columns of numbers: one unit for the whole column where its numbers allow it, so that cells stay short."""

# Tested through tests/render/test_legend.py, tests/render/test_nested.py and tests/render/test_series.py.

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from proxmox_mcp.render.legend import without_date
from proxmox_mcp.render.quantities import BYTES_IN, RATES, Quantity, number_of
from proxmox_mcp.render.units import SIZES, significant

if TYPE_CHECKING:
    from proxmox_mcp.render.legend import Legend

MOST_LOOKED_AT = 1_000
"""Records by which a column's unit is chosen; a value beyond them that doesn't fit is written with its own unit."""
_WIDEST = 100_000
"""The largest number of a unit in a column (``2048`` GiB is fine, ``4194304`` MiB is not)."""
_FINEST = (0.1, 0.01)
"""The smallest number of a unit in a column: one that needs few decimals, if possible."""

Cell: TypeAlias = Callable[[Any], "str | None"]
"""The text of a value, None if it is shown as it is."""


def quantity_of(legend: Legend, name: str, values: Iterable[Any]) -> tuple[Quantity | None, list[float]]:
    """What the numbers of a column mean, told by the first that is not 0, and the numbers."""
    numbers = [number for value in values if (number := number_of(value)) is not None]
    quantity: Quantity | None = None
    only_zeros = True
    for number in dict.fromkeys(numbers):  # A column of zeros is asked about once.
        quantity = legend.quantity(name, number) or quantity
        only_zeros = only_zeros and not number
        if quantity and not only_zeros:
            break
    return quantity, numbers


def column_in(
    legend: Legend, name: str, quantity: Quantity, numbers: Sequence[float], *, ages: bool = False
) -> tuple[str, Cell]:
    """What follows the name in the header (``/GiB``), and the text of a value, for numbers that mean ``quantity``.

    ``ages``: several columns are times, so each shows its age only.
    """
    if quantity is Quantity.TIME:
        return "(age)", _age(legend, name) if ages else _own(legend, name, quantity)
    if quantity is Quantity.FRACTION:
        return "%", _scaled(0.01)
    if quantity is Quantity.PERCENT:
        return "%", _scaled(1)
    if quantity in BYTES_IN and (unit := _unit_for_all([n * BYTES_IN[quantity] for n in numbers])):
        return f"/{unit[0]}{'/s' if quantity in RATES else ''}", _scaled(unit[1] / BYTES_IN[quantity])
    return "", _own(legend, name, quantity)


def _own(legend: Legend, name: str, quantity: Quantity) -> Cell:
    """Each value with its own unit."""

    def text(value: Any) -> str | None:
        number = number_of(value)
        return None if number is None or number < 0 else legend.cell_in(name, quantity, number)

    return text


def _scaled(unit: float) -> Cell:
    def text(value: Any) -> str | None:
        number = number_of(value)
        return None if number is None or number < 0 else significant(number / unit)

    return text


def _age(legend: Legend, name: str) -> Cell:
    def text(value: Any) -> str | None:
        number = number_of(value)
        if number is None or not legend.clock.knows(number):
            return None
        return legend.clock.short_age(number) if number else without_date(name)

    return text


def _unit_for_all(sizes: Sequence[float]) -> tuple[str, int] | None:
    """The largest unit in which all sizes (bytes) have few digits; None if no unit fits."""
    some = [size for size in sizes if size > 0]
    if not some:
        return None
    largest, smallest = max(some), min(some)
    for finest in _FINEST:
        for unit, scale in reversed(SIZES):
            if largest >= scale and smallest >= finest * scale and largest < _WIDEST * scale:
                return unit, scale
    return None
