"""Values on one line and in one cell: ``{state=ok,size=81.2GiB}`` for an object, ``a,b`` for a list of tokens.

Text that is not a token is a JSON string, wherever it is; a list that would read as a sentence is JSON.
"""

# Tested through tests/render/test_nested.py and tests/render/test_render.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.cells import compact_json
from proxmox_mcp.render.fields import is_empty
from proxmox_mcp.untrusted import is_token

if TYPE_CHECKING:
    from proxmox_mcp.render.legend import Legend

_SEPARATORS = frozenset(",={}[]")


def inline(name: str, value: Any, legend: Legend, *, inside: bool = False) -> str:
    """A value on one line and in one cell. ``inside`` another value a list has brackets."""
    if (text := legend.cell(name, value)) is not None:
        return text
    if isinstance(value, dict) and value:
        parts = (
            f"{_part(str(key))}={inline(f'{name}.{key}', each, legend, inside=True)}"
            for key, each in value.items()
            if not is_empty(each)
        )
        return f"{{{','.join(parts)}}}"
    if isinstance(value, (list, tuple)) and value:
        if all(isinstance(each, (dict, list)) for each in value):
            return f"[{','.join(inline(name, each, legend, inside=True) for each in value)}]"
        texts = [legend.cell(name, each) or (each if isinstance(each, str) else compact_json(each)) for each in value]
        joined = ",".join(texts)
        if is_token(joined, term=legend.terms(name)) and not any(map(_divides, texts)):
            return f"[{joined}]" if inside else joined
        return compact_json(legend.readable(name, value))
    return _part(value) if isinstance(value, str) else compact_json(value)


def _part(text: str) -> str:
    return text if is_token(text) and not _divides(text) else compact_json(text)


def _divides(text: str) -> bool:
    return not text or not _SEPARATORS.isdisjoint(text)
