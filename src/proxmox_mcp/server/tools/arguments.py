"""The arguments of a tool call: checked and converted, or refused by name with a similar name.

Models sometimes write numbers and objects as text; what can mean only one thing is accepted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proxmox_mcp.bounds import Bounds
from proxmox_mcp.errors import UnknownArgumentError
from proxmox_mcp.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.server.tools.tool import Tool, ToolParameter

OF_CLIENTS = frozenset({"wait_for_previous"})
"""Arguments that clients add on their own (Gemini CLI: ``wait_for_previous``); they are ignored."""
MOST_ARGUMENTS = 32
OBJECT = Bounds(depth=32, members=10_000, characters=512 * 1024)
"""What ``data`` may hold. Proxmox accepts a body of 512 KiB (``PVE::APIServer::AnyEvent``), and no parameter is nested
deeper than a list of objects."""
_LARGEST_INTEGER = 10**12
_MOST_FAULTS = 12
_LONGEST_NAME = 80


def read(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, without those that are null. Raises UnknownArgumentError with every fault."""
    if len(given) > MOST_ARGUMENTS:
        said = f"{tool.name}: {len(given)} arguments are too many. Allowed: {', '.join(tool.parameters) or 'none'}."
        raise UnknownArgumentError(said, "Nothing was sent.")
    faults: list[str] = []
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name in OF_CLIENTS or value is None:
            continue
        parameter = tool.parameters.get(name)
        if parameter is None:
            faults.append(_unknown(tool, name))
            continue
        try:
            read[name] = _typed(parameter, value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    faults += [
        f"{name}: missing ({each.description})."
        for name, each in tool.parameters.items()
        if each.required and given.get(name) is None
    ]
    if faults:
        raise UnknownArgumentError(f"{tool.name}: " + "\n".join(faults[:_MOST_FAULTS]), "Nothing was sent.")
    return read


def _unknown(tool: Tool, name: str) -> str:
    name = name[:_LONGEST_NAME]
    known = f"Allowed: {', '.join(tool.parameters) or 'none'}."
    inside = " Parameters of the API call go into `data`." if "data" in tool.parameters else ""
    return f"{name}: unknown argument. {did_you_mean(name, tool.parameters, 1, quote='`') or known}{inside}"


def _typed(parameter: ToolParameter, value: Any) -> Any:
    match parameter.kind:
        case "object":
            return _object(value)
        case "integer":
            return _integer(value)
        case "boolean":
            return _boolean(value)
        case "strings":
            return _strings(value)
        case "objects":
            return _objects(value, parameter)
        case _:
            text = _text(value, parameter.max_length)
            if parameter.enum and text not in parameter.enum and text.upper() not in parameter.enum:
                raise ValueError(f"`{text[:40]}` is not one of: {', '.join(parameter.enum)}.")
            return text


def _text(value: Any, longest: int) -> str:
    """A text, or the members of a list joined by commas."""
    members = value if isinstance(value, list) else [value]
    if len(members) > longest or not all(isinstance(member, str | int | float) for member in members):
        raise ValueError("must be a text.")
    if sum(len(member) for member in members if isinstance(member, str)) > longest:
        raise ValueError(f"is longer than {longest:,} characters.")
    if any(isinstance(member, int) and abs(member) >= _LARGEST_INTEGER for member in members):
        raise ValueError("is too large a number.")
    return ",".join(map(str, members))


def _strings(value: Any) -> list[str]:
    """A list of texts; a text that is a JSON list of them, or else one text, is taken too."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value) if value.lstrip().startswith("[") and len(value) < OBJECT.characters else value
        except (ValueError, RecursionError):
            parsed = value
        value = parsed if isinstance(parsed, list) else [value]
    if not isinstance(value, list) or len(value) > OBJECT.members or not all(isinstance(each, str) for each in value):
        raise ValueError('must be a list of texts, such as ["df", "-h"].')
    if sum(map(len, value)) > OBJECT.characters:
        raise ValueError(f"is longer than {OBJECT.characters:,} characters.")
    return value


def _objects(value: Any, parameter: ToolParameter) -> list[dict[str, Any]]:
    """A list of objects; a text that is JSON of one, and a single object, are taken too. Their members are checked by
    the tool, except that objects within may be JSON texts as well."""
    if isinstance(value, str):
        if len(value) > OBJECT.characters:
            raise ValueError(f"is longer than {OBJECT.characters:,} characters.")
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("must be a list of objects.") from None
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("must be a list of objects.")
    if fault := OBJECT.fault(value):
        raise ValueError(f"{fault}.")
    inner = [name for name, each in parameter.members.items() if each.kind == "object"]
    return [{**each, **{name: _object(each[name]) for name in inner if each.get(name)}} for each in value]


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        if len(value) > OBJECT.characters:
            raise ValueError(f"is longer than {OBJECT.characters:,} characters.")
        try:
            value = json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            raise ValueError('must be an object, such as {"cores": 4}.') from None
    if not isinstance(value, dict):
        raise ValueError('must be an object, such as {"cores": 4}.')  # noqa: TRY004
    if fault := OBJECT.fault(value):
        raise ValueError(f"{fault}.")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a whole number.")  # noqa: TRY004
    if isinstance(value, str) and len(value) > _LONGEST_NAME:
        raise ValueError("must be a whole number.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("must be a whole number.") from None
    if not number.is_integer():
        raise ValueError("must be a whole number.")
    if abs(number) >= _LARGEST_INTEGER:
        raise ValueError("is too large a number.")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise ValueError("must be true or false.")
