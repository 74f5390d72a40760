"""Whoever can write a text can't hold the server up with it: work grows with the text, never faster.

A megabyte of many shapes goes to every function that reads what a caller, a guest or a node wrote. A new one that takes
such a text must be entered in ``READERS``, or among those that read only what is ours, with the reason.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import itertools
import json
import pkgutil
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from mcp.shared.exceptions import MCPError

import proxmox_mcp
from fuzz.scripted import schema
from growth import SHORT, WHOLE_MEGABYTE, steepest
from proxmox_mcp import suggest, untrusted
from proxmox_mcp.apidoc import reviews
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.formats import FORMATS
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.validation import perl
from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.gateway import places, resolve
from proxmox_mcp.net.client import HttpResponse
from proxmox_mcp.policy import effects, targets, values
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.callers import Callers
from proxmox_mcp.policy.predicates import LiveFacts
from proxmox_mcp.proxmox import advice, errors, progress, task_log, upid
from proxmox_mcp.proxmox.answers import read
from proxmox_mcp.proxmox.inventory import Resources, near
from proxmox_mcp.record import secret_patterns
from proxmox_mcp.record.redaction import Redactor, secrets_in
from proxmox_mcp.render import (
    View,
    cells,
    estimate_tokens,
    fields,
    filters,
    lines,
    quantities,
    render,
    selection,
    tokens,
    units,
)
from proxmox_mcp.search import api_names, browse
from proxmox_mcp.server import reference_resource
from proxmox_mcp.server.tools import TOOLS, arguments
from resources import resources
from searchers import searcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REDACTOR = Redactor(["our-own-credential"])
RESOURCES = Resources.of(resources(12))
CALLERS = Callers.single("a-token-that-only-these-tests-use")

SHAPES = {
    "letters": "a",
    "blanks": " ",
    "lines": "\n",
    "words": "node is ",
    "digits": "9",
    "commas": ",",
    "assignments": "key=value,",
    "passwords": 'password="',
    "urls": "otpauth://a:b",
    "schemes": "://",
    "options": "--password ",
    "braces": "{",
    "lists": "[1,",
    "escapes": "\x1b[0",
    "hidden": "\u200b",
    "slashes": "/a",
    "stars": "*/",
    "dots": "a.",
    "dashes": "-----BEGIN ",
    "ranges": "1..",
    "conditions": "a=b and ",
    "quotes": "\"'",
    "wide": "\U0001f600",
    "hex": "UPID:a:",
    "percent": "%2e",
    "tags": "a;b,c d",
    "authorization": "authorization: basic ",
    "dollars": "$6$",
    "apostrophes": "it's",
}


def checked(path: str, data: dict[str, Any]) -> Any:
    return schema().index.check("PUT", path, data)


def tool(name: str) -> Any:
    return next(each for each in TOOLS if each.name == name)


def reply(status: int, content: Any) -> HttpResponse:
    return HttpResponse(status, "said", {"content-type": "application/json"}, json.dumps(content).encode())


def part(text: str) -> str:
    """Of a text for many parameters at once, so much that all of it is read twice or thrice, not ten times."""
    return text[-(len(text) // 4) :]


READERS: dict[str, Callable[[str], object]] = {
    "untrusted.clean": untrusted.clean,
    "untrusted.flat": untrusted.flat,
    "untrusted.one_line": untrusted.one_line,
    "untrusted.exactly": lambda text: untrusted.exactly(text, 2000),
    "untrusted.escaped": untrusted.escaped,
    "untrusted.quoted": untrusted.quoted,
    "untrusted.shown": untrusted.shown,
    "untrusted.is_token": untrusted.is_token,
    "untrusted.holds_untrusted": untrusted.holds_untrusted,
    "untrusted.with_notice": untrusted.with_notice,
    "untrusted.block": untrusted.block,
    "untrusted.mark": lambda text: untrusted.mark(text, "x"),
    "gateway.places.split_cursor": places.split_cursor,
    "apidoc.path.ApiPath.given": ApiPath.given,
    "apidoc.path.ApiPath.parse": lambda text: ApiPath.parse("/nodes/pve1/" + text),
    "record.secret_patterns.hide": secret_patterns.hide,
    "record.secret_patterns.may_hold": secret_patterns.may_hold,
    "proxmox.task_log.tells_of_an_error": task_log.tells_of_an_error,
    "search.api_names.named_in": lambda text: api_names.named_in(text, ["net[n]", "cores", text[:100]]),
    "record.secret_patterns.assigned": lambda text: list(secret_patterns.assigned(text)),
    "record.secret_patterns.is_secret_name": secret_patterns.is_secret_name,
    "record.redaction.Redactor.text": REDACTOR.text,
    "record.redaction.Redactor.data": lambda text: REDACTOR.data([{"a": text, "env": text, "tfa": text, text: 1}]),
    "record.redaction.secrets_in": lambda text: secrets_in({"password": text, "description": text, text: "x"}),
    "apidoc.reviews.call_key": lambda text: reviews.call_key("GET", text),
    "policy.effects.judgement_of": lambda text: effects.judgement_of(
        Call(
            method="PUT",
            path=ApiPath.parse("/nodes/pve1/qemu/100/config"),
            template="/nodes/{node}/qemu/{vmid}/config",
            path_params={"vmid": text},
            data=dict.fromkeys(("scsi0", "net0", "delete", "agent", "usb0", "ide2", "hookscript", text), part(text)),
        ),
        bundled_effects(),
        LiveFacts(config=dict.fromkeys(("scsi0", "net0", "ide2"), part(text))),
    ),
    "policy.values.members": values.members,
    "policy.values.number": values.number,
    "policy.targets.targets_of": lambda text: targets.targets_of(
        Call(
            method="PUT",
            path=ApiPath.parse(text),
            data=dict.fromkeys(
                ("vmid", "vms", "storage", "tags", "upid", "id", "scsi0", "pool", "sid", "node"), part(text)
            ),
        )
    ),
    "policy.callers.authenticate": CALLERS.authenticate,
    "proxmox.upid.parse_upid": upid.parse_upid,
    "proxmox.upid.find_upids": lambda text: upid.find_upids([text, text]),
    "proxmox.advice.advise": lambda text: advice.advise(text, advice.FailedCall("PUT", "/nodes/pve1/qemu/100/config")),
    "proxmox.errors.is_of_the_network": errors.is_of_the_network,
    "proxmox.progress.fraction": lambda text: progress.fraction([text]),
    "proxmox.progress.warnings": lambda text: progress.warnings([text]),
    "proxmox.progress.last_words": lambda text: progress.last_words([text]),
    "gateway.resolve.resolve": lambda text: resolve.resolve(ApiPath.parse(f"/nodes/*/qemu/{text}"), "GET", RESOURCES),
    "proxmox.inventory.near": lambda text: near(text, [guest.name for guest in RESOURCES.guests]),
    "proxmox.inventory.Resources.guest": RESOURCES.guest,
    "proxmox.answers.read, success": lambda text: read(reply(200, {"data": {"a": text}})),
    "proxmox.answers.read, refusal": lambda text: read(
        reply(400, {"data": None, "message": text, "errors": {text: text}})
    ),
    "apidoc.check, path": lambda text: checked(text, {}),
    "apidoc.check, below a node": lambda text: checked("/nodes/" + text, {}),
    "apidoc.check, query": lambda text: checked("/version?" + text, {}),
    "apidoc.check, name": lambda text: checked("/nodes/pve1/qemu/100/config", {text: 1}),
    "apidoc.check, value": lambda text: checked(
        "/nodes/pve1/qemu/100/config",
        dict.fromkeys(("net0", "scsi0", "tags", "boot", "cpu", "affinity", "startup", "agent", "hotplug"), text),
    ),
    "apidoc.check, hints": lambda text: [
        problem.hint
        for problem in checked("/nodes/pve1/qemu/100/config", {text: 1, "net0": text, "cores": text}).problems
    ],
    "suggest.similar": lambda text: suggest.similar(text, ["cores", "memory", "sockets", text[::-1]]),
    "apidoc.validation.perl.number": perl.number,
    "apidoc.validation.perl.split_list": perl.split_list,
    "apidoc.validation.perl.perl_equivalent": perl.perl_equivalent,
    "search.Searcher.find": lambda text: searcher("9.2").find(text),
    "search.browse.path_query": browse.path_query,
    "search.browse.mentioned": lambda text: browse.mentioned(schema().index.endpoints, text),
    "search.browse.exact": lambda text: browse.exact(schema().index.endpoints, text),
    "search.text.chunks": lambda text: importlib.import_module("proxmox_mcp.search.text").chunks(text),
    "search.text.fold": lambda text: importlib.import_module("proxmox_mcp.search.text").fold(text),
    "server.reference_resource.read, uri": lambda text: reference_resource.api_path(
        reference_resource.PREFIX + text, schema().index
    ),
    "server.reference_resource.api_path": lambda text: reference_resource.api_path(
        reference_resource.PREFIX + text, schema().index
    ),
    "server.reference_resource.paths_like": lambda text: reference_resource.paths_like(text, schema().index),
    "render.selection.share_of": lambda text: selection.share_of({"a": 1, "maxa": 2, text: 1}, text),
    "search.text.words": lambda text: importlib.import_module("proxmox_mcp.search.text").words(text),
    "render.cells.text_cell": cells.text_cell,
    "render.cells.line_text": cells.line_text,
    "render.cells.cut": lambda text: cells.cut(text, 100),
    "render.lines.fold": lambda text: lines.fold(text, 80),
    "render.tokens.estimate_tokens": estimate_tokens,
    "render.tokens.token_cost": tokens.token_cost,
    "render.filters.parse_filter": filters.parse_filter,
    "render.selection.select": lambda text: selection.select(
        [{"a": text}], filters.parse_filter("a~b and a!=c and a=d")
    ),
    "render.fields.lookup": lambda text: fields.lookup({"a": {"a": 1}}, text),
    "render.fields.lookup, lists": lambda text: fields.lookup([[[1]]], text),
    "render.fields.require_field": lambda text: fields.require_field(text, [{"a": 1}], argument="fields"),
    "render.quantities.quantity_by_name": lambda text: quantities.quantity_by_name(text, 2.0**30),
    "render.quantities.is_named_for_time": quantities.is_named_for_time,
    "render.quantities.in_series": lambda text: quantities.in_series(text, None),
    "render.units.parse_size": units.parse_size,
    "render.units.parse_duration": units.parse_duration,
    "render.units.parse_moment": lambda text: units.parse_moment(text, 0.0),
    "render.View.of, fields": lambda text: View.of(fields=text),
    "render.View.of, cursor": lambda text: View.of(cursor=text),
    "render.render, text": render,
    "render.render, record": lambda text: render({"a": text, text: 1, "b": [text]}),
    "render.render, table": lambda text: render([{"a": text, text: 1}, {"a": 1}]),
    "render.render, fields": lambda text: render([{"a": 1}, {"a": 2}], View.of(fields=text)),
    "server.tools.arguments.read": lambda text: arguments.read(
        tool("proxmox_api_call"), {text: 1, "path": text, "method": text, "data": text, "wait": text, "confirm": text}
    ),
}
READERS |= {f"apidoc.formats, {name}": each.passes for name, each in FORMATS.items()}

READ_ONLY_OURS = {
    "apidoc.validation.faults": "one line each, of what was checked",
    "apidoc.formats.calendar": "entered by its format, pve-calendar-event",
    "apidoc.formats.net_ip": "entered by its formats; takes no more than 256 characters",
    "apidoc.formats.network": "entered by its formats",
    "apidoc.validation.perl": "entered where it is not one comparison",
    "apidoc.validation.automaton": "patterns of the schema",
    "apidoc.data_files": "files that ship with the code",
    "apidoc.history": "files that ship with the code",
    "apidoc.load": "the schema: apidoc.js, of which a test of its own holds the time",
    "apidoc.parse": "the schema",
    "apidoc.validation.patterns": "patterns of the schema; tests/apidoc/test_patterns.py attacks each",
    "apidoc.snapshot": "snapshots that we write",
    "policy.toml_lines": "the operator's files",
    "policy.policy_file": "the operator's files",
    "policy.callers": "the operator's files; authenticate is entered",
    "proxmox.connection": "the operator's settings",
    "search.intents": "files that ship with the code",
    "search.vocabulary": "files that ship with the code",
    "apidoc.reference.perl_patterns": "patterns of the schema",
    "apidoc.reference.folding": "names of the schema",
    "search.presentation": "search.Searcher.find and search.browse.exact, which are entered",
    "apidoc.reference.endpoint": "the schema",
    "apidoc.reference.parameters": "the schema",
}
FOREIGN_PARAMETERS = frozenset(
    {"text", "query", "message", "header", "cursor", "field", "uri", "begun", "line", "value"}
)


def hostile(shape: str, size: int) -> str:
    unit = SHAPES[shape]
    return unit * (size // len(unit))


_numbers = itertools.count()
_READ = 30_000
"""Characters; one text that is remembered takes no less."""


@pytest.fixture(scope="module")
def _only_what_is_new_is_collected() -> Iterator[None]:
    """A whole collection looks through all that the tests have loaded, a third of a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def fed(reader: Callable[[str], object], shape: str, size: int) -> Callable[[], None]:
    """A call with a text that nobody has seen before, so that no cache answers for the function."""
    text = f"{hostile(shape, size)}{next(_numbers)}"

    def call() -> None:
        with contextlib.suppress(ProxmoxMcpError, MCPError, ValueError):
            reader(text)

    return call


def steep_shapes(name: str, sizes: Sequence[int]) -> dict[str, str]:
    """The shapes of text under which a reader takes more than linear time."""

    def told(shape: str) -> str:
        return steepest(lambda size: fed(READERS[name], shape, size), sizes)

    return {shape: steep for shape in SHAPES if (steep := told(shape))}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if n % 2 else []) for n, name in enumerate(sorted(READERS))]
)
def test_hostile_text_costs_a_reader_no_more_than_its_length(name: str) -> None:
    assert not steep_shapes(name, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_megabyte_of_hostile_text_costs_a_reader_no_more_than_its_length(name: str) -> None:
    assert not steep_shapes(name, WHOLE_MEGABYTE)


@pytest.mark.slow
@pytest.mark.usefixtures("_only_what_is_new_is_collected")
@pytest.mark.parametrize("name", sorted(READERS))
def test_no_reader_remembers_what_others_wrote(name: str) -> None:
    shapes = ("letters", "words", "digits", "slashes")

    def kept() -> int:
        """Bytes that are more after a text of each shape. Other threads of the tests may keep some meanwhile."""
        before, _ = tracemalloc.get_traced_memory()
        for shape in shapes:
            fed(READERS[name], shape, _READ)()
        gc.collect()  # CPython keeps some freed tuples for the next ones, and gives them up in a whole collection.
        return tracemalloc.get_traced_memory()[0] - before

    for shape in shapes:  # What is built once, at the first use, is not remembered of a text.
        fed(READERS[name], shape, _READ)()
    tracemalloc.start()
    try:
        assert any(kept() < _READ * 3 / 4 for _ in range(3))
    finally:
        tracemalloc.stop()


def readers_by_name() -> Iterator[str]:
    """Every public function of the packages that see foreign text, where a parameter is named as one."""
    for package in (
        *("untrusted", "policy", "confirm", "record", "proxmox", "render"),
        *("search", "apidoc", "gateway", "server"),
    ):
        module = importlib.import_module(f"proxmox_mcp.{package}")
        names = [module.__name__]
        names += [each.name for each in pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}.")]
        for each in map(importlib.import_module, names):
            for name, function in vars(each).items():
                if name.startswith("_") or not inspect.isfunction(function) or function.__module__ != each.__name__:
                    continue
                given = [p for p in inspect.signature(function).parameters.values() if p.annotation == "str"]
                if any(p.name in FOREIGN_PARAMETERS for p in given):
                    yield f"{each.__name__.removeprefix('proxmox_mcp.')}.{name}"


def test_every_function_that_takes_a_text_is_fed_or_reads_only_what_is_ours() -> None:
    entered = {name.partition(",")[0] for name in READERS}
    missing = {
        name for name in readers_by_name() if name not in entered and name.rpartition(".")[0] not in READ_ONLY_OURS
    }
    assert not missing
    assert proxmox_mcp


def rows(size: int) -> Any:
    return [{"a": number, "b": "x"} for number in range(size)]


def columns(size: int) -> Any:
    return [{f"c{number}": number + row for number in range(size)} for row in range(2)]


def scattered(size: int) -> Any:
    return [{f"c{number}": 1} for number in range(size)]


def members(size: int) -> Any:
    return {f"c{number}": "x" for number in range(size)}


def nested(size: int) -> Any:
    return {"a": {f"c{number}": {"x": [number]} for number in range(size)}, "b": [[number] for number in range(size)]}


def points(size: int) -> Any:
    return [{"time": number, "a": number % 7, "b": 1} for number in range(size)]


@pytest.mark.parametrize("make", [rows, columns, scattered, members, nested, points])
def test_rows_columns_and_members_cost_no_more_than_their_number(make: Callable[[int], Any]) -> None:
    def rendered(size: int) -> Callable[[], object]:
        data = make(size)
        return lambda: render(data)

    def redacted(size: int) -> Callable[[], object]:
        data = make(size)
        return lambda: REDACTOR.data(data)

    assert not steepest(rendered, (500, 4_000))
    assert not steepest(redacted, (500, 4_000))


def test_a_list_beyond_what_is_looked_at_says_so() -> None:
    told = render([str(number) for number in range(100_001)])
    assert "Only the first 100,000 of 100,001 entries were read." in told


def test_columns_beyond_what_is_tried_are_counted() -> None:
    assert "1500 more columns left out" in render(columns(2_000))


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("levels", [65, 500, 5_000])
def test_an_answer_nested_too_deep_is_told_and_not_worked_on(levels: int, status: int, writes: bool) -> None:
    body = b'{"data":' + b"[" * levels + rb'"\ud800"' + b"]" * levels + b"}"
    answer = HttpResponse(status, "said", {"content-type": "application/json"}, body)
    with contextlib.suppress(ProxmoxMcpError):
        assert not hasattr(read(answer, writes=writes), "data")


def test_what_a_node_says_of_many_parameters_at_length_is_cut() -> None:
    errors = {f"p{number}": "x" * 10_000 for number in range(500)}
    refusal: Any = read(reply(400, {"data": None, "message": "m" * 100_000, "errors": errors}))
    assert len(refusal.errors) == 50
    assert sum(map(len, refusal.errors.values())) <= 50_000
    assert len(refusal.message) <= 4_000
