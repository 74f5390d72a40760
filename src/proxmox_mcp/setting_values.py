"""Converts environment variables to typed settings, and describes the allowed values in error messages."""

# Tested through tests/test_settings.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from proxmox_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from proxmox_mcp.errors import SettingsFaults

T = TypeVar("T", bound=BaseModel)

_FORMS = {
    "proxmox_host": "node names or addresses, `host[:port]`, separated by commas",
    "proxmox_fingerprint": "SHA-256 fingerprints, 64 hex digits each, separated by commas",
}


def build(
    kind: type[T], values: Mapping[str, Any], faults: SettingsFaults, where: str = ""
) -> tuple[T, frozenset[str]]:
    """Typed settings, with the default for each wrong value, and the names of those. Errors are added to ``faults``."""
    fields = {name.lower(): value for name, value in values.items() if name.lower() in kind.model_fields}
    try:
        return kind(**fields), frozenset()
    except ValidationError as error:
        wrong = {str(fault["loc"][0]): fault for fault in error.errors(include_url=False, include_input=False)}
    for name, fault in wrong.items():
        faults.found.append(_explained(kind, name, fault, where))
    sound = {name: value for name, value in fields.items() if name not in wrong}
    return kind(**sound), frozenset(name.upper() for name in wrong)


def _explained(kind: type[BaseModel], name: str, fault: Any, where: str) -> SettingsError:
    """An error that pydantic found, in plain words. Without the value: it may be a secret in the wrong variable."""
    named = f"{where}{name.upper()}"
    if fault["type"] == "value_error":
        return SettingsError(f"{named} {fault['msg'].removeprefix('Value error, ')}.")
    return SettingsError(f"{named} has an invalid value.", f"Use {allowed(name, kind.model_fields[name])}.")


def allowed(name: str, declared: FieldInfo) -> str:
    """The allowed values of the field ``name``, such as ``a whole number from 1 to 65535``."""
    kind = declared.annotation
    if get_origin(kind) is Literal:
        choices = [choice for choice in get_args(kind) if choice]
        head, last = choices[:-1], choices[-1]
        return f"{', '.join(head)} or {last}" if head else f"{last}, or leave it unset"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return f"a{' whole' if kind is int else ''} number{_bounds(declared.metadata)}"
    return _FORMS.get(name, "text")


def _bounds(metadata: list[Any]) -> str:
    """The range of a number, from pydantic's declarations."""
    known = {key: getattr(each, key) for each in metadata for key in ("ge", "gt", "le") if hasattr(each, key)}
    least, above, most = known.get("ge"), known.get("gt"), known.get("le")
    if least is not None and most is not None:
        return f" from {least:g} to {most:d}" if isinstance(most, int) else f" from {least:g} to {most:g}"
    if above is not None:
        return f" above {above:g}" + (f", at most {most:g}" if most is not None else "")
    return f", {least:g} or more" if least is not None else ""
