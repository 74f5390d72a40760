"""Hints for problems: what is allowed, and what was probably meant. Built only when they are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc import history
from proxmox_mcp.apidoc.model import METHODS
from proxmox_mcp.apidoc.validation.examples import EXAMPLES
from proxmox_mcp.apidoc.validation.structures import LAST_INDEX, indexed
from proxmox_mcp.suggest import did_you_mean, similar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint, Schema
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.apidoc.routes import DeadEnd, Index, Route
    from proxmox_mcp.apidoc.validation.compiler import Compiler
    from proxmox_mcp.apidoc.validation.faults import Fault

MOST_NAMES = 12
_MOST_DEEPER = 2
_UNLOCKING = {
    "qemu": "No call is for this alone. Run on the node: `qm unlock {vmid}`. Or, signed in as root@pam by password, "
    "call PUT /nodes/{{node}}/qemu/{vmid}/config with delete=lock and skiplock=1.",
    "lxc": "The API can't unlock a container. Run on the node: `pct unlock {vmid}`.",
}
"""PVE::API2::Qemu takes ``skiplock`` from root@pam without a token; PVE::API2::LXC::Config always minds the lock."""
_TYPES = {"boolean": "1 or 0", "integer": "an integer", "number": "a number", "array": "a list", "string": "text"}
_PRIVILEGES = ("pve-priv", "pve-priv-list")
_GONE_PRIVILEGES = {
    "VM.Monitor": "VM.Monitor was removed in 9.0. Use VM.GuestAgent.Audit, VM.GuestAgent.FileRead, "
    "VM.GuestAgent.FileWrite, VM.GuestAgent.FileSystemMgmt and VM.GuestAgent.Unrestricted for the guest agent, "
    "Sys.Audit for the monitor."
}
"""Privileges that old documents and scripts name, and their replacements (``PVE::AccessControl``)."""
_IN_MIB = frozenset({"memory", "swap", "balloon"})
_NEW_IDS, _FREE = frozenset({"vmid", "newid"}), frozenset({"next", "nextid", "auto", "free", "new"})
_SIZE = re.compile(r"(\+?\d{1,20}(?:\.\d{1,20})?) ?([kmgtKMGT])(?:i?[bB])?")
_FLAGS = {"yes": "1", "true": "1", "on": "1", "no": "0", "false": "0", "off": "0"}


def of_value(name: str, schema: Schema, compiler: Compiler, fault: Fault, value: object) -> str:
    """What a parameter accepts, for a value that it does not accept."""
    item = schema.items or schema
    if mib := _mib_meant(name, value):
        return f"Did you mean {mib}? The unit is MiB."
    if isinstance(value, str) and name in _NEW_IDS and value.strip().lower() in _FREE:
        return f"GET /cluster/nextid gives a free one. {of_schema(name, schema, compiler)}"
    if compiler.keys(item) is not None:
        return _of_keys(name, item, compiler, fault)
    for gone, instead in _GONE_PRIVILEGES.items():
        if schema.format in _PRIVILEGES and gone in fault.message:
            return instead
    text = value if isinstance(value, str) else ""
    if fault.kind == "enum" and (question := did_you_mean(text, schema.enum, 1)):
        return f"{question} {of_schema(name, schema, compiler)}"
    if schema.type == "boolean" and (flag := _FLAGS.get(text.lower())):
        return f"Did you mean {flag}? {of_schema(name, schema, compiler)}"
    if size := _size_meant(text, name, schema, compiler):
        return f"Did you mean {size}? {of_schema(name, schema, compiler)}"
    return of_schema(name, schema, compiler)


def _mib_meant(name: str, value: object) -> str:
    """``2 GiB`` for a parameter that counts MiB: 2048. Empty for other texts, and for fractions of a MiB."""
    size = _SIZE.fullmatch(value) if name in _IN_MIB and isinstance(value, str) else None
    if size is None or size[1].startswith("+"):
        return ""
    mib = float(size[1]) * 1024.0 ** ("kmgt".index(size[2].lower()) - 1)
    return str(int(mib)) if mib >= 1 and mib.is_integer() else ""


def _size_meant(text: str, name: str, schema: Schema, compiler: Compiler) -> str:
    """``10GB`` and ``+10 GiB`` as Proxmox VE writes a size, where that is accepted; else empty."""
    size = _SIZE.fullmatch(text)
    if size is None:
        return ""
    validate, meant = compiler.validator(name, schema), f"{size[1]}{size[2].upper()}"
    return meant if meant != text and validate is not None and validate(meant) is None else ""


def of_schema(name: str, schema: Schema, compiler: Compiler) -> str:
    """What the parameter ``name`` accepts, as a sentence."""
    if schema.type == "array" and schema.items:
        return f"A list; each member: {of_schema(name, schema.items, compiler)}"
    keys = compiler.keys(schema)
    if keys is not None:
        return f"{_example(name, schema, compiler)} {_list_keys(keys)}"
    return f"Allowed: {'; '.join(_says(schema, compiler))}."


def _says(schema: Schema, compiler: Compiler) -> Iterable[str]:
    if schema.enum:
        yield _enumerate(schema.enum)
        return
    described = compiler.format(schema.format) if isinstance(schema.format, str) else None
    yield described.wanted if described else _TYPES.get(schema.type, schema.type)
    bounded = schema.minimum is not None or schema.maximum is not None
    if bounded and (bounds := _range(schema.minimum, schema.maximum)) not in (described.wanted if described else ""):
        yield bounds
    if schema.min_length is not None or schema.max_length is not None:
        yield f"{_range(schema.min_length, schema.max_length)} characters"
    if schema.pattern and not described:
        yield f"matching {schema.pattern.replace('(?^:', '(?:')}"


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"


def _enumerate(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _example(name: str, schema: Schema, compiler: Compiler) -> str:
    """A valid example of a property string, or its shape."""
    validate = compiler.validator(name, schema)
    for text in EXAMPLES.get(name.rstrip("0123456789").removesuffix("[n]"), ()):
        if validate is None or validate(text) is None:
            return f"For example {text}."
    return f"The shape is {shape(compiler.keys(schema) or {})}."


def shape(keys: Mapping[str, Schema]) -> str:
    """The shape of a property string, such as ``[model=]<model>,bridge=<bridge>[,tag=<tag>]``."""
    given = [(key, each) for key, each in keys.items() if not each.alias]
    parts = [f"[{key}=]{_placeholder(key, each)}" for key, each in given if each.default_key]
    parts += [f"{key}={_placeholder(key, each)}" for key, each in given if not (each.default_key or each.optional)]
    optional = [f"{key}={_placeholder(key, each)}" for key, each in given if each.optional and not each.default_key]
    if not parts:
        parts, optional = optional[:1], optional[1:]
    return ",".join(parts) + "".join(f"[,{each}]" for each in optional[: max(0, 3 - len(parts))])


def _placeholder(key: str, schema: Schema) -> str:
    if schema.type == "boolean":
        return "<1|0>"
    return f"<{'|'.join(schema.enum)}>" if 0 < len(schema.enum) <= 4 else f"<{key}>"


def _list_keys(keys: Mapping[str, Schema]) -> str:
    return f"Keys: {', '.join(key for key, each in keys.items() if not each.alias)}."


def _of_keys(name: str, schema: Schema, compiler: Compiler, fault: Fault) -> str:
    """What a property string accepts; only the wrong key if one is known."""
    keys = compiler.keys(schema) or {}
    example = _example(name, schema, compiler)
    key = keys.get(fault.key)
    if key is not None:
        return f"Allowed for {fault.key}: {'; '.join(_says(key, compiler))}. {example}"
    if fault.key and (question := did_you_mean(fault.key, keys, 1)):
        return f"{question} {example}"
    return f"{example} {_list_keys(keys)}"


def of_index(name: str) -> str:
    """The range of an indexed parameter; ``name`` is ``net[n]``."""
    base = name.removesuffix("[n]")
    return f"Allowed: {base}0 to {base}{LAST_INDEX[base]}." if base in LAST_INDEX else ""


def of_unknown(endpoint: Endpoint, name: str, parameters: Mapping[str, Schema], version: str) -> str:
    """Similar parameters, the versions that have this one, or all parameters."""
    sentences = []
    if (other := endpoint.parameters.get(name)) and other.type_property:
        return f"Only for {other.type_property} {' and '.join(_types(other))}."
    found = indexed(name)
    if question := did_you_mean(name.rstrip("0123456789") if found else name, map(_spoken, parameters)):
        sentences.append(question)
    key = found[0] if found else name
    if since := _when(history.parameter_versions(endpoint.method, endpoint.path, key), version):
        sentences.append(f"{name} {since}.")
    if not sentences:
        names = sorted(set(parameters) - set(endpoint.path_parameters))
        sentences.append(f"Parameters: {_enumerate(names)}." if names else "This endpoint has no parameters.")
    return " ".join(sentences)


def _types(schema: Schema) -> tuple[str, ...]:
    return schema.instance_types or tuple(name for each in schema.one_of for name in each.instance_types)


def _spoken(name: str) -> str:
    return name.removesuffix("[n]")


def _when(versions: Sequence[str], version: str) -> str:
    """The first or last version that has something, for an index of ``version`` that lacks it."""
    if not versions:
        return ""
    here = f"; this is {version}" if version else ""
    if version and _parts(versions[-1]) < _parts(version):
        return f"was removed after {versions[-1]}{here}"
    return f"was added in {versions[0]}{here}"


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def of_path(index: Index, method: str, path: ApiPath, found: DeadEnd) -> str:
    """Similar paths for an unknown path, and the versions that have it."""
    if path.segments and path.segments[0].strip() in METHODS:
        return f"The method is not a part of the path: /{'/'.join(path.segments[1:])}."
    if instead := _elsewhere(index, path):
        return instead
    if deeper := _deeper_paths(index, method, found):
        return f"Did you mean {' or '.join(deeper)}?"
    sentences = []
    if past := history.find_past(path):
        versions = past.methods.get(method) or next(iter(past.methods.values()), ())
        if since := _when(versions, index.version):
            sentences.append(f"{past.template} {since}.")
    if path.segments[:1] == ("api2",):
        sentences.append("Leave out /api2/json: paths start with /nodes, /cluster, /access, /storage or /pools.")
    elif near := _near_paths(index, found):
        sentences.append(f"Did you mean {' or '.join(near)}?")
    elif found.parameter and found.segment.split() != [found.segment]:
        sentences.append(f"{{{found.parameter}}} can't contain blanks.")
    elif found.choices or found.parameter:
        offered = [*sorted(found.choices), *([f"{{{found.parameter}}}"] if found.parameter else [])]
        sentences.append(f"Below {found.reached}: {_enumerate(offered)}.")
    else:
        sentences.append(f"Nothing is below {found.reached}.")
    return " ".join(sentences)


def _elsewhere(index: Index, path: ApiPath) -> str:
    """Where the API has what a path probably means, if the name is not similar; empty if unknown."""
    parts = path.segments
    if len(parts) == 5 and parts[0] == "nodes" and parts[2] in _UNLOCKING and parts[4] == "unlock":
        return _UNLOCKING[parts[2]].format(vmid=parts[3])
    if len(parts) > 2 and parts[0] == "pools" and _takes(index, "/pools", "poolid"):
        pool = "/".join(parts[1:])
        return f"Nested pools are addressed by a parameter: GET, PUT or DELETE /pools with poolid={pool}."
    return _on_another_level(index, parts)


def _takes(index: Index, path: str, parameter: str) -> bool:
    methods = getattr(index.route(path), "methods", {})
    return "GET" in methods and parameter in methods["GET"].parameters


def _on_another_level(index: Index, parts: Sequence[str]) -> str:
    """The same path below a node instead of the cluster, or the other way round."""
    if parts[:1] == ("nodes",):
        tail, others = parts[2:], ["/cluster/", "/"]
    else:
        tail, others = parts[1:] if parts[:1] == ("cluster",) else parts, ["/nodes/{node}/", "/cluster/"]
    if len(tail) < 2:
        return ""
    found = [f"{other}{'/'.join(tail)}" for other in others]
    near = [path for path in found if path != f"/{'/'.join(parts)}" and _exists(index, path)]
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _exists(index: Index, path: str) -> bool:
    return bool(getattr(index.route(path), "methods", None))


def _base(found: DeadEnd) -> str:
    """The known part of a path with the values of its parameters."""
    base = found.reached.rstrip("/")
    for name, text in found.params.items():
        base = base.replace(f"{{{name}}}", text, 1)
    return base


def _deeper_paths(index: Index, method: str, found: DeadEnd) -> list[str]:
    """Paths that have the unknown segment one level further down: ``status/start`` for ``start``.

    Those that have the method, if any do; none where there are too many to choose from.
    """
    reached, end = found.reached.rstrip("/"), "/".join(("", found.segment, *found.rest))
    if not found.segment:
        return []
    below: dict[str, bool] = {}
    for endpoint in index.endpoints:
        between = endpoint.path.removeprefix(f"{reached}/").removesuffix(end)
        if f"{reached}/{between}{end}" == endpoint.path and between and "/" not in between.replace("/{", "{"):
            below[between] = below.get(between, False) or endpoint.method == method
    named = [between for between, has_it in below.items() if has_it] or list(below)
    return [f"{_base(found)}/{each}{end}" for each in named] if len(named) <= _MOST_DEEPER else []


def _near_paths(index: Index, found: DeadEnd) -> list[str]:
    """Paths with a similar segment in place of the unknown one."""
    base = _base(found)
    rest = "".join(f"/{part}" for part in found.rest)
    if not found.segment:
        return []
    near = [f"{base}/{each}" for each in similar(found.segment, found.choices)]
    whole = [f"{each}{rest}" for each in near if getattr(index.route(f"{each}{rest}"), "methods", None)]
    return whole or near


def of_method(found: Route, method: str, version: str) -> str:
    """The methods of a path, and the versions that have the requested one."""
    offered = ", ".join(
        f"{name} ({endpoint.name.replace('_', ' ')})" if endpoint.name else name
        for name, endpoint in found.methods.items()
    )
    since = _when(history.endpoint_versions(method, found.template), version)
    return f"{f'{method} {since}. ' if since else ''}Supported: {offered}."
