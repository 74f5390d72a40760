"""A call held against the schema: what Proxmox would refuse of it, all at once, and how it is sent.

The semantics are those of ``PVE::RESTHandler`` and ``PVE::JSONSchema`` (pve-common) for a form or a query, which is
how calls are sent; JSON's own types are encoded first (``encode.py``).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, quote

from proxmox_mcp.apidoc import encode, hints
from proxmox_mcp.apidoc.compile import Compiler
from proxmox_mcp.apidoc.faults import Fault, shown, unsendable
from proxmox_mcp.apidoc.formats import Format
from proxmox_mcp.apidoc.model import Check, Problem
from proxmox_mcp.apidoc.routes import DeadEnd
from proxmox_mcp.apidoc.rules import Plan, Rules
from proxmox_mcp.apidoc.structures import indexed, structures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.apidoc.model import Endpoint, Method, Wire
    from proxmox_mcp.apidoc.routes import Route

_is_canonical = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+").fullmatch
_SAFE = ":@!,"
_DOTS = {".": "%2E", "..": "%2E%2E"}


class Checker:
    """Checks calls against one index. What an endpoint asks is compiled when it is first used, and kept."""

    def __init__(self, index: EndpointIndex) -> None:
        self._index = index
        self._plans: dict[tuple[str, str], Plan] = {}
        self._compiler: Compiler | None = None

    def check(self, method: str, path: str, params: Mapping[str, object]) -> Check:
        """What is wrong with a call, and how it is sent. Never raises on what JSON can hold."""
        canonical = path
        if not _is_canonical(path):
            path, params = _without_query(path, params)
            canonical = ""
        found = self._index.router.find(path)
        if isinstance(found, DeadEnd):
            return self._nowhere(method, path, params, found)
        endpoint = found.methods.get(cast("Method", method))
        if endpoint is None:
            return self._no_method(method, found, params)
        plan = self._plans.get((found.template, method)) or self._plan(found.template, endpoint)
        rules = plan.plain if plan.type_property is None else plan.for_type(params.get(plan.type_property))
        problems: list[Problem] = []
        self._check_path(plan, rules, found.params, problems)
        data = self._check_params(plan, rules, found.params, params, problems)
        canonical = canonical or _path_of(found)
        return Check(not problems, endpoint, found.params, data, canonical, problems)

    def _plan(self, template: str, endpoint: Endpoint) -> Plan:
        if self._compiler is None:
            self._compiler = Compiler(structures(self._index.version), _formats_of(self._index))
        plan = self._plans[template, endpoint.method] = Plan(endpoint, self._compiler)
        return plan

    def _check_path(self, plan: Plan, rules: Rules, path_params: Mapping[str, str], problems: list[Problem]) -> None:
        for name, text in path_params.items():
            if name not in rules.parameters:
                continue
            fault = rules.takes[name](text)
            if isinstance(fault, Fault):
                problems.append(self._problem(plan, rules, name, fault, text))

    def _check_params(
        self,
        plan: Plan,
        rules: Rules,
        path_params: Mapping[str, str],
        params: Mapping[str, object],
        problems: list[Problem],
    ) -> Wire:
        """What is sent; faults are added to ``problems``."""
        data: Wire = {}
        faulty: set[str] = set()
        takes = rules.takes
        for name, value in params.items():
            if value is None:
                continue
            try:
                take = takes[name]
            except KeyError:
                self._unknown(plan, rules, name, value, data, problems)
                continue
            taken = take(value)
            if name in path_params:
                if taken is not None and taken != path_params[name]:
                    problems.append(_conflict(name, path_params[name]))
            elif taken.__class__ is str or taken.__class__ is list:
                data[name] = taken  # type: ignore[assignment]
            elif isinstance(taken, Fault):
                problems.append(self._problem(plan, rules, name, taken, value))
                faulty.add(name)
                _keep(data, name, taken, value)
        for name in rules.required:
            if name not in data and name not in path_params and name not in faulty:
                problems.append(self._missing(rules, name))
        for name, needed in rules.requires:
            if name in data and needed not in data and needed not in path_params and needed not in faulty:
                problems.append(self._required(rules, name, needed))
        return data

    def _problem(self, plan: Plan, rules: Rules, name: str, fault: Fault, value: object) -> Problem:
        return Problem(name, fault.kind, fault.message, partial(self._hint_of_value, plan, rules, name, fault, value))

    def _hint_of_value(self, plan: Plan, rules: Rules, name: str, fault: Fault, value: object) -> str:
        found = indexed(name)
        schema = rules.parameters.get(name) or rules.parameters.get(found[0] if found else "")
        if schema is None or self._compiler is None:
            return ""
        return hints.of_value(schema, self._compiler, fault, value)

    def _missing(self, rules: Rules, name: str) -> Problem:
        advice = partial(self._describe, rules, name)
        return Problem(name, "missing", "is required and not given", advice)

    def _required(self, rules: Rules, name: str, needed: str) -> Problem:
        advice = partial(self._describe, rules, needed)
        return Problem(needed, "requires", f"is required where {name} is given", advice)

    def _describe(self, rules: Rules, name: str) -> str:
        schema = rules.parameters.get(name)
        return hints.of_schema(schema, self._compiler) if schema and self._compiler else ""

    def _unknown(
        self, plan: Plan, rules: Rules, name: object, value: object, data: Wire, problems: list[Problem]
    ) -> None:
        """A parameter that the schema doesn't name."""
        text = name if isinstance(name, str) else str(name)
        sent = unsendable(text) or encode.by_type(value)
        if sent is None:
            return
        if isinstance(sent, Fault):
            problems.append(Problem(text, sent.kind, sent.message))
            return
        data[text] = sent
        if rules.open:
            return
        if (beyond := _beyond(text, rules)) is not None:
            problems.append(beyond)
            return
        advice = partial(hints.of_unknown, plan.endpoint, text, rules.parameters, self._index.version)
        problems.append(Problem(text, "unknown", "is no parameter of this endpoint", advice))

    def _nowhere(self, method: str, path: str, params: Mapping[str, object], found: DeadEnd) -> Check:
        advice = partial(hints.of_path, self._index, method, path, found)
        problem = Problem("path", "endpoint", f"There is no {shown(path)} in this API", advice)
        parts = [part for part in path.split("/") if part]
        canonical = "".join(f"/{_quoted(part)}" for part in parts)
        return _as_it_is(params, canonical or "/", found.params, [problem])

    def _no_method(self, method: str, found: Route, params: Mapping[str, object]) -> Check:
        allowed = ", ".join(found.methods)
        advice = partial(hints.of_method, found, method, self._index.version)
        problem = Problem("path", "method", f"{shown(method)} is not possible at {found.template}: {allowed}", advice)
        return _as_it_is(params, _path_of(found), found.params, [problem])


def _formats_of(index: EndpointIndex) -> Mapping[str, Format]:
    """The formats whose values the index itself holds: which privileges there are ``GET /access/roles/{roleid}`` says."""
    role = index.get("GET", "/access/roles/{roleid}")
    privileges = frozenset(role.returns.properties or ()) if role else frozenset()
    if not privileges:
        return {}
    wanted = "a privilege, such as VM.Audit, VM.PowerMgmt or Datastore.AllocateSpace"
    return {"pve-priv": Format(privileges.__contains__, wanted)}


def _without_query(path: str, params: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    """The path, and the parameters with those of its query string; a key that comes twice is a list."""
    path, question, query = path.partition("?")
    if not question:
        return path, params
    merged: dict[str, object] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        before = merged.get(name)
        if before is None:
            merged[name] = text
        else:
            merged[name] = [*before, text] if isinstance(before, list) else [before, text]
    return path, merged | dict(params)


def _path_of(found: Route) -> str:
    """The canonical path of a route."""
    path = found.template
    for name, text in found.params.items():
        path = path.replace(f"{{{name}}}", _quoted(text), 1)
    return path


def _quoted(text: str) -> str:
    """What stands for a parameter in a path, percent-encoded; dots too where HTTP would take them for steps."""
    parts = (_DOTS.get(part) or quote(part, safe=_SAFE, errors="replace") for part in text.split("/"))
    return "/".join(parts)


def _as_it_is(
    params: Mapping[str, object], path: str, path_params: Mapping[str, str], problems: list[Problem]
) -> Check:
    """A call of which no schema is known, encoded by the types of its values alone."""
    data: Wire = {}
    for name, value in params.items():
        sent = unsendable(str(name)) or encode.by_type(value)
        if isinstance(sent, Fault):
            problems.append(Problem(str(name), sent.kind, sent.message))
        elif sent is not None:
            data[str(name)] = sent
    return Check(False, None, path_params, data, path, problems)


def _conflict(name: str, text: str) -> Problem:
    return Problem(name, "conflict", f"is {shown(text)} in the path and something else among the parameters")


def _beyond(name: str, rules: Rules) -> Problem | None:
    """The fault of an index beyond its bound."""
    found = indexed(name)
    if found is None or found[0] not in rules.parameters:
        return None
    return Problem(name, "index", f"{found[1]} is beyond the last index", hints.of_index(found[0]))


def _keep(data: Wire, name: str, fault: Fault, value: object) -> None:
    """Send a faulty value as it is, should the call be sent nevertheless."""
    if fault.kind == "unsendable":
        return
    wire = fault.wire if fault.wire is not None else encode.by_type(value)
    if wire is not None and not isinstance(wire, Fault):
        data[name] = wire
