"""Exports the index as an OpenAPI 3.1 document.

What OpenAPI can't express is in ``x-pve-...``: privileges (``x-pve-permissions``), the keys of property strings
(``x-pve-properties``), Perl patterns without an equivalent in ECMA 262 (``x-pve-pattern``). Proxmox's booleans are 0
and 1. Parameters are a query (GET, DELETE) or a form (POST, PUT; JSON is accepted too); every response is an object
with ``data``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.validation.structures import LAST_INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.apidoc.model import Endpoint, Schema

    Json = dict[str, Any]

_IN_QUERY = frozenset({"GET", "DELETE"})
_ERRORS = {
    "400": "A parameter is wrong; errors has a message for each",
    "401": "Not logged in",
    "403": "A privilege is missing",
    "500": "The call failed",
    "501": "There is no such path or method",
}
_WORD = re.compile(r"[A-Za-z0-9]+")


def openapi(index: EndpointIndex) -> Json:
    """The document as plain JSON values."""
    paths: dict[str, Json] = {}
    for endpoint in index.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Proxmox VE API", "version": index.version or "unknown"},
        "servers": [{"url": "https://{host}:8006/api2/json", "variables": {"host": {"default": "localhost"}}}],
        "security": [{"token": []}, {"ticket": [], "csrf": []}],
        "paths": paths,
        "components": {"securitySchemes": _SECURITY, "responses": _responses()},
    }


_SECURITY = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "PVEAPIToken=user@realm!name=secret",
    },
    "ticket": {"type": "apiKey", "in": "cookie", "name": "PVEAuthCookie"},
    "csrf": {"type": "apiKey", "in": "header", "name": "CSRFPreventionToken"},
}


def _responses() -> Json:
    body = {
        "type": "object",
        "properties": {
            "data": {},
            "message": {"type": "string"},
            "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    return {
        status: {"description": text, "content": {"application/json": {"schema": body}}}
        for status, text in _ERRORS.items()
    }


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.name.replace("_", " "),
        "tags": [endpoint.path.split("/")[1]],
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    if endpoint.method not in _IN_QUERY and (body := _body(endpoint)):
        operation["requestBody"] = body
    if endpoint.permissions.user == "world":
        operation["security"] = []
    elif not endpoint.allow_token:
        operation["security"] = [{"ticket": [], "csrf": []}]
    return operation | {"responses": _answers(endpoint)} | _extensions(endpoint)


def _operation_id(endpoint: Endpoint) -> str:
    """A unique id made from method and path."""
    parts = (part.strip("{}") if part.startswith("{") else part for part in endpoint.path.split("/"))
    return "_".join((endpoint.method.lower(), *_WORD.findall(" ".join(parts))))


def _extensions(endpoint: Endpoint) -> Json:
    found: Json = {}
    permissions = endpoint.permissions
    if permissions.user or permissions.check:
        found["x-pve-permissions"] = {"user": permissions.user} if permissions.user else {}
        if permissions.check:
            found["x-pve-permissions"]["check"] = _as_lists(permissions.check)
    if endpoint.proxy_to:
        found["x-pve-proxyto"] = endpoint.proxy_to
    if endpoint.protected:
        found["x-pve-protected"] = True
    return found


def _as_lists(value: object) -> object:
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value


def _parameters(endpoint: Endpoint) -> list[Json]:
    """The path parameters, and for GET and DELETE the query parameters."""
    known = endpoint.parameters
    found: list[Json] = []
    for name in endpoint.path_parameters:
        schema = json_schema(known[name]) if name in known else {"type": "string"}
        found.append(_parameter(name, "path", schema, required=True))
    if endpoint.method in _IN_QUERY:
        for name, each in known.items():
            if name not in endpoint.path_parameters:
                found.append(_parameter(name, "query", json_schema(each), required=not each.optional))
    return found


def _parameter(name: str, place: str, schema: Json, *, required: bool) -> Json:
    parameter: Json = {"name": name, "in": place, "required": required}
    if description := schema.pop("description", ""):
        parameter["description"] = description
    return parameter | {"schema": schema}


def _body(endpoint: Endpoint) -> Json | None:
    own = {name: each for name, each in endpoint.parameters.items() if name not in endpoint.path_parameters}
    if not own and not endpoint.open:
        return None
    schema = _object(own, closed=not endpoint.open)
    media = ("multipart/form-data",) if endpoint.upload else ("application/x-www-form-urlencoded", "application/json")
    return {"required": bool(schema.get("required")), "content": {each: {"schema": schema} for each in media}}


def _object(members: Mapping[str, Schema], *, closed: bool) -> Json:
    """An object with these members; indexed ones (``net[n]``) as a pattern of names."""
    schema: Json = {"type": "object"}
    for name, each in members.items():
        if name.endswith("[n]"):
            base = name.removesuffix("[n]")
            schema.setdefault("patternProperties", {})[f"^{base}{_numbers(LAST_INDEX.get(base))}$"] = json_schema(each)
        else:
            schema.setdefault("properties", {})[name] = json_schema(each)
    if required := [name for name, each in members.items() if not each.optional and not name.endswith("[n]")]:
        schema["required"] = required
    if needs := {name: [each.requires] for name, each in members.items() if each.requires in members}:
        schema["dependentRequired"] = needs
    if closed:
        schema["additionalProperties"] = False
    return schema


def _numbers(last: int | None) -> str:
    """A pattern for 0 to ``last`` without leading zeros; for any number if ``last`` is unknown."""
    return r"(0|[1-9][0-9]*)" if last is None else f"({'|'.join(map(str, range(last + 1)))})"


def _answers(endpoint: Endpoint) -> Json:
    data = json_schema(endpoint.returns)
    body = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    done: Json = {"description": "Done", "content": {"application/json": {"schema": body}}}
    return {"200": done} | {status: {"$ref": f"#/components/responses/{status}"} for status in _ERRORS}


_TYPES = frozenset({"string", "integer", "number", "array", "object", "null"})


def json_schema(schema: Schema) -> Json:
    """A Proxmox schema as JSON Schema 2020-12."""
    found: Json = {}
    if schema.type == "boolean":
        found |= {"type": "integer", "enum": [0, 1], "x-pve-type": "boolean"}
    elif schema.type in _TYPES:
        found["type"] = schema.type
    if schema.enum and schema.type == "string":
        found["enum"] = list(schema.enum)
    facts = {
        "description": schema.description or None,
        "minimum": schema.minimum,
        "maximum": schema.maximum,
        "minLength": schema.min_length,
        "maxLength": schema.max_length,
        "x-pve-requires": schema.requires,
        "x-pve-alias": schema.alias,
        "x-pve-default-key": schema.default_key or None,
    }
    found |= {key: value for key, value in facts.items() if value is not None}
    return found | _default(schema) | _pattern(schema.pattern) | _format(schema) | _inner(schema)


def _default(schema: Schema) -> Json:
    """The default if the schema accepts it; Proxmox also puts words there (``all``, ``autodetect``)."""
    default = schema.default
    if default is None:
        return {}
    if schema.type == "boolean" and default in (0, 1):
        return {"default": int(default)}
    numeric = schema.type in {"integer", "number"} and not schema.enum
    if numeric and isinstance(default, int | float) and not isinstance(default, bool):
        least = schema.minimum is None or default >= schema.minimum
        if least and (schema.maximum is None or default <= schema.maximum):
            return {"default": default}
    if schema.type == "string" and isinstance(default, str) and not schema.pattern:
        short = schema.max_length is None or len(default) <= schema.max_length
        if (not schema.enum or default in schema.enum) and short and len(default) >= (schema.min_length or 0):
            return {"default": default}
    return {"x-pve-default": default}


def _format(schema: Schema) -> Json:
    if isinstance(schema.format, str):
        return {"format": schema.format}
    if schema.format is None:
        return {}
    return {"x-pve-properties": {key: json_schema(each) for key, each in schema.format.items()}}


def _inner(schema: Schema) -> Json:
    """The schemas inside a list, an object, or alternatives."""
    found: Json = {}
    if schema.items:
        found["items"] = json_schema(schema.items)
    if schema.properties:
        found |= _object(schema.properties, closed=False)
    if schema.one_of:
        found["anyOf"] = [json_schema(each) for each in schema.one_of]
    if schema.all_of:
        found["allOf"] = [json_schema(each) for each in schema.all_of]
    return found


_PERL_GROUP = re.compile(r"\(\?\^([a-z]*):")
_NO_LEAST = re.compile(r"\{,(\d+)\}")
_NOT_ECMA = re.compile(r"\(\?(?![:=!])")


def _pattern(pattern: str | None) -> Json:
    """A Perl pattern in ECMA 262 syntax, anchored as Proxmox does."""
    if not pattern:
        return {}
    plain = _NO_LEAST.sub(r"{0,\1}", _PERL_GROUP.sub("(?:", pattern))
    if _NOT_ECMA.search(plain) or any("i" in flags for flags in _PERL_GROUP.findall(pattern)):
        return {"x-pve-pattern": pattern}
    return {"pattern": f"^{plain}$"}
