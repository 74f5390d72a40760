"""Validates a call against the schema: everything that Proxmox would refuse, at once, and what is sent.

Proxmox itself reports one problem per parameter, and only the first step that fails. The rules are those of
``PVE::RESTHandler`` and ``PVE::JSONSchema`` (pve-common) for a form or a query, because calls are sent as such; JSON
values are encoded first (``encode.py``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats import BEFORE_9, BEFORE_9_2, Format
from proxmox_mcp.apidoc.model import CallProblem, Check
from proxmox_mcp.apidoc.routes import DeadEnd
from proxmox_mcp.apidoc.validation import encode, hints
from proxmox_mcp.apidoc.validation.compiler import Compiler
from proxmox_mcp.apidoc.validation.faults import Fault, quoted_value, unsendable
from proxmox_mcp.apidoc.validation.property_strings import dialect_of
from proxmox_mcp.apidoc.validation.rules import Plan, Rules
from proxmox_mcp.apidoc.validation.structures import indexed, is_before, is_known_to, structures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.apidoc.model import Endpoint, Schema, Wire
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.apidoc.routes import Index, Route

LONGEST_KEPT, MOST_KEPT = 64, 4096
"""Valid path values up to this length, and this many of them, are cached."""

_CACHE_BUSTER = "_dc"
"""A parameter that the web interface adds to every call; the API server drops it (PVE::APIServer::AnyEvent)."""


class Checker:
    """Validates calls against one index. The rules of an endpoint are compiled on first use and cached."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._compiler = Compiler(structures(index.version), formats_of(index), dialect_of(index.version))
        self._is_known = is_known_to(index.version)
        self._plans: dict[tuple[str, str], Plan] = {}

    def check(self, method: str, path: ApiPath, params: Mapping[str, object]) -> Check:
        """Validate a call. Never raises for values that JSON can contain."""
        if path.query:
            params = {**path.query, **params}
        found = self._index.router.find(path)
        if isinstance(found, DeadEnd):
            return self._nowhere(method, path, params, found)
        endpoint = found.methods.get(method)  # type: ignore[call-overload]
        if endpoint is None:
            return self._no_method(method, path, found, params)
        plan = self._plans.get((found.template, method)) or self._plan(found.template, endpoint)
        rules = plan.plain if plan.type_property is None else plan.for_type(params.get(plan.type_property))
        problems: list[CallProblem] = []
        data: Wire = {}
        self._check_path(rules, found.params, problems)
        if params:
            self._check_params(rules, found.params, params, data, problems)
        if rules.required and not data.keys() >= rules.required:
            self._check_missing(rules, data, problems)
        if rules.requires and not data.keys().isdisjoint(rules.requires):
            self._check_requires(rules, found.params, data, problems)
        return Check(not problems, endpoint, found.params, data, path.encoded, problems)

    def _plan(self, template: str, endpoint: Endpoint) -> Plan:
        plan = self._plans[template, endpoint.method] = Plan(endpoint, self._compiler)
        return plan

    def _check_path(self, rules: Rules, path_params: Mapping[str, str], problems: list[CallProblem]) -> None:
        accepted = rules.accepted
        for name, text in path_params.items():
            known = accepted[name]
            if text in known:
                continue
            encode_value = rules.encoders[name]
            if encode_value and isinstance(encoded := encode_value(text), Fault):
                problems.append(self._problem(rules, name, encoded, text))
            elif len(text) <= LONGEST_KEPT and len(known) < MOST_KEPT:
                known.add(text)

    def _check_params(
        self,
        rules: Rules,
        path_params: Mapping[str, str],
        params: Mapping[str, object],
        data: Wire,
        problems: list[CallProblem],
    ) -> None:
        """Add what is sent to ``data``, and problems to ``problems``."""
        encoders = rules.encoders
        for name, value in params.items():
            if value is None:
                continue
            if (encode_value := encoders[name]) is None:
                self._check_unknown(rules, name, value, data, problems)
                continue
            encoded = encode_value(value)
            if name in path_params:
                if encoded is not None and encoded != path_params[name]:
                    problems.append(_conflict(name, path_params[name]))
            elif isinstance(encoded, Fault):
                problems.append(self._problem(rules, name, encoded, value))
                _keep(data, name, encoded, value, in_query=rules.endpoint.method in encode.IN_QUERY)
            elif encoded is not None:
                data[name] = encoded

    def _check_missing(self, rules: Rules, data: Wire, problems: list[CallProblem]) -> None:
        faulty = {problem.parameter for problem in problems}
        for name in sorted(rules.required - data.keys() - faulty):
            kind, message = "missing", "is required"
            if name in rules.filled_in:
                kind, message = "unpublished", f"{message}; newer nodes derive it from the other parameters"
            problems.append(CallProblem(name, kind, message, self._describing(rules, name)))

    def _check_requires(
        self, rules: Rules, path_params: Mapping[str, str], data: Wire, problems: list[CallProblem]
    ) -> None:
        there = {*data, *path_params, *(problem.parameter for problem in problems)}
        problems += [
            CallProblem(needed, "requires", f"is required with {name}", self._describing(rules, needed))
            for name, needed in rules.requires.items()
            if name in data and needed not in there
        ]

    def _check_unknown(
        self, rules: Rules, name: object, value: object, data: Wire, problems: list[CallProblem]
    ) -> None:
        """A parameter that the schema doesn't name."""
        text = name if isinstance(name, str) else str(name)
        if text == _CACHE_BUSTER:
            return
        sent = unsendable(text) or encode.by_type(value, in_query=rules.endpoint.method in encode.IN_QUERY)
        if isinstance(sent, Fault):
            problems.append(CallProblem(text, sent.kind, sent.message))
        elif sent is not None:
            data[text] = sent
            if not rules.endpoint.open:
                problems.append(self._unknown(rules, text))

    def _unknown(self, rules: Rules, name: str) -> CallProblem:
        found = indexed(name)
        if found and found[0] in rules.parameters:
            kind = "index" if self._is_known else "unpublished"
            return CallProblem(name, kind, f"index {found[1]} is too high", hints.of_index(found[0]))
        advice = partial(hints.of_unknown, rules.endpoint, name, rules.parameters, self._index.version)
        return CallProblem(name, "unknown", "unknown parameter", advice)

    def _problem(self, rules: Rules, name: str, fault: Fault, value: object) -> CallProblem:
        kind = fault.kind
        if kind == "format" and not self._is_known and not _is_published(rules, name):
            kind = "unpublished"
        return CallProblem(name, kind, fault.message, partial(self._hint, rules, name, fault, value))

    def _hint(self, rules: Rules, name: str, fault: Fault, value: object) -> str:
        schema = _schema(rules, name)
        hint = hints.of_value(name, schema, self._compiler, fault, value) if schema else ""
        if value == [] and "delete" in rules.parameters:
            return f"To unset it, send delete={name}. {hint}"
        return hint

    def _describing(self, rules: Rules, name: str) -> Callable[[], str]:
        schema = rules.parameters.get(name)
        return partial(hints.of_schema, name, schema, self._compiler) if schema else str

    def _nowhere(self, method: str, path: ApiPath, params: Mapping[str, object], found: DeadEnd) -> Check:
        advice = partial(hints.of_path, self._index, method, path, found)
        problem = CallProblem("path", "endpoint", f"The API has no path {quoted_value(path.text)}", advice)
        return _as_it_is(method, params, path.encoded, found.params, [problem])

    def _no_method(self, method: str, path: ApiPath, found: Route, params: Mapping[str, object]) -> Check:
        advice = partial(hints.of_method, found, method, self._index.version)
        problem = CallProblem("path", "method", f"{found.template} does not support {quoted_value(method)}", advice)
        return _as_it_is(method, params, path.encoded, found.params, [problem])


def _schema(rules: Rules, name: str) -> Schema | None:
    found = indexed(name)
    return rules.parameters.get(name) or (rules.parameters.get(found[0]) if found else None)


def _is_published(rules: Rules, name: str) -> bool:
    """Whether the schema itself defines the values, instead of naming a format."""
    schema = _schema(rules, name)
    return schema is None or not isinstance((schema.items or schema).format, str)


def formats_of(index: Index) -> Mapping[str, Format]:
    """The formats that depend on the index: rules of older releases, and privileges, which
    ``GET /access/roles/{roleid}`` lists."""
    formats = dict(BEFORE_9) if is_before(index.version, 9) else {}
    if is_before(index.version, 9, 2):
        formats |= BEFORE_9_2
    role = index.get("GET", "/access/roles/{roleid}")
    if privileges := frozenset(role.returns.properties or ()) if role else frozenset():
        wanted = "a privilege, such as VM.Audit, VM.PowerMgmt or Datastore.AllocateSpace"
        formats["pve-priv"] = Format(privileges.__contains__, wanted)
    return formats


def _as_it_is(
    method: str, params: Mapping[str, object], path: str, path_params: Mapping[str, str], problems: list[CallProblem]
) -> Check:
    """A call without a schema: the parameters are encoded by their types alone."""
    data: Wire = {}
    for name, value in params.items():
        if name == _CACHE_BUSTER:
            continue
        sent = unsendable(str(name)) or encode.by_type(value, in_query=method in encode.IN_QUERY)
        if isinstance(sent, Fault):
            problems.append(CallProblem(str(name), sent.kind, sent.message))
        elif sent is not None:
            data[str(name)] = sent
    return Check(False, None, path_params, data, path, problems)


def _conflict(name: str, text: str) -> CallProblem:
    return CallProblem(name, "conflict", f"is {quoted_value(text)} in the path and different in the parameters")


def _keep(data: Wire, name: str, fault: Fault, value: object, *, in_query: bool) -> None:
    """Keep an invalid value unchanged, in case the call is sent anyway (``MCP_VALIDATION=warn``, or a doubt)."""
    if fault.kind == "unsendable":
        return
    wire = fault.wire if fault.wire is not None else encode.by_type(value, in_query=in_query)
    if wire is not None and not isinstance(wire, Fault):
        data[name] = wire
