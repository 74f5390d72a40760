"""Whoever can write a text can't hold the server up with it: work grows with the text, never faster.

A megabyte of many shapes goes to every function that reads what a caller, a guest or a node wrote. A new one that takes
such a text must be entered in ``READERS``, or among those that read only what is ours, with the reason.
"""

from __future__ import annotations

import contextlib
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
from growth import SHORT, USUAL, WHOLE_MEGABYTE, steepest
from proxmox_mcp import untrusted as foreign
from proxmox_mcp.apidoc import nearest
from proxmox_mcp.apidoc.formats import FORMATS
from proxmox_mcp.apidoc.validation import perl
from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.gateway import places
from proxmox_mcp.gateway import resolve as targets
from proxmox_mcp.policy import risk
from proxmox_mcp.policy import targets as action
from proxmox_mcp.policy.callers import Callers
from proxmox_mcp.proxmox import advice, errors, progress, upid
from proxmox_mcp.proxmox.answers import read
from proxmox_mcp.proxmox.inventory import Resources, near
from proxmox_mcp.proxmox.transport import Reply
from proxmox_mcp.record import secret_names, secrets_in_text
from proxmox_mcp.record.redaction import Redactor, secrets_in
from proxmox_mcp.render import View, cells, estimate_tokens, fields, filters, lines, render, tokens
from proxmox_mcp.render import units as quantities
from proxmox_mcp.search import browse
from proxmox_mcp.server import arguments, references
from proxmox_mcp.server.definitions import TOOLS
from resources import resources

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


def reply(status: int, content: Any) -> Reply:
    return Reply(status, "said", {"content-type": "application/json"}, json.dumps(content).encode())


READERS: dict[str, Callable[[str], object]] = {
    "foreign.clean": foreign.clean,
    "foreign.flat": foreign.flat,
    "foreign.one_line": foreign.one_line,
    "foreign.exactly": lambda text: foreign.exactly(text, 2000),
    "foreign.escaped": foreign.escaped,
    "foreign.quoted": foreign.quoted,
    "foreign.shown": foreign.shown,
    "foreign.is_token": foreign.is_token,
    "foreign.holds_untrusted": foreign.holds_untrusted,
    "foreign.with_notice": foreign.with_notice,
    "foreign.block": foreign.block,
    "foreign.mark": lambda text: foreign.mark(text, "x"),
    "gateway.places.split_cursor": places.split_cursor,
    "gateway.places.plain_path": places.plain_path,
    "gateway.places.node_of": places.node_of,
    "guard.secrets_in_text.hide": secrets_in_text.hide,
    "guard.secrets_in_text.assigned": lambda text: list(secrets_in_text.assigned(text)),
    "guard.secret_names.is_secret_name": secret_names.is_secret_name,
    "guard.redact.Redactor.text": REDACTOR.text,
    "guard.redact.Redactor.data": lambda text: REDACTOR.data([{"a": text, "env": text, "tfa": text, text: 1}]),
    "guard.redact.secrets_in": lambda text: secrets_in({"password": text, "description": text, text: "x"}),
    "guard.risk.call_key": lambda text: risk.call_key("GET", text),
    "guard.risk.by_rule": lambda text: risk.by_rule("GET", text),
    "guard.risk.judge": lambda text: risk.reviewed_risks().judge("PUT", "/cluster/options", {"notify": text, text: 1}),
    "guard.action.targets_of": lambda text: action.targets_of(
        action.Action(
            method="PUT",
            template="",
            path=text,
            data=dict.fromkeys(("vmid", "vms", "storage", "tags", "upid", "id", "scsi0", "pool", "sid", "node"), text),
            judgement=risk.by_rule("PUT", "/"),
        )
    ),
    "guard.callers.authenticate": CALLERS.authenticate,
    "pve.upid.parse_upid": upid.parse_upid,
    "pve.upid.find_upids": lambda text: upid.find_upids([text, text]),
    "pve.advice.advise": lambda text: advice.advise(text, advice.Call("PUT", "/nodes/pve1/qemu/100/config")),
    "pve.errors.is_of_the_network": errors.is_of_the_network,
    "pve.progress.fraction": lambda text: progress.fraction([text]),
    "pve.progress.warnings": lambda text: progress.warnings([text]),
    "pve.progress.last_words": lambda text: progress.last_words([text]),
    "pve.targets.needs_lookup": targets.needs_lookup,
    "pve.targets.resolve": lambda text: targets.resolve(f"/nodes/*/qemu/{text}", "GET", RESOURCES),
    "pve.inventory.near": lambda text: near(text, [guest.name for guest in RESOURCES.guests]),
    "pve.inventory.Resources.guest": RESOURCES.guest,
    "pve.answers.read, success": lambda text: read(reply(200, {"data": {"a": text}})),
    "pve.answers.read, refusal": lambda text: read(reply(400, {"data": None, "message": text, "errors": {text: text}})),
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
    "apidoc.nearest": lambda text: nearest.nearest(text, ["cores", "memory", "sockets"]),
    "apidoc.perl.number": perl.number,
    "apidoc.perl.split_list": perl.split_list,
    "apidoc.perl.view": perl.view,
    "search.Searcher.find": lambda text: schema().searcher.find(text),
    "search.browse.path_query": browse.path_query,
    "search.browse.exact": lambda text: browse.exact(schema().index.endpoints, text),
    "search.text.chunks": lambda text: importlib.import_module("proxmox_mcp.search.text").chunks(text),
    "search.text.fold": lambda text: importlib.import_module("proxmox_mcp.search.text").fold(text),
    "server.references.read": lambda text: references.read(references.PREFIX + text, schema()),
    "server.references.complete": lambda text: references.complete(text, schema()),
    "shape.filters.share_of": lambda text: filters.share_of({"a": 1, "maxa": 2, text: 1}, text),
    "search.text.words": lambda text: importlib.import_module("proxmox_mcp.search.text").words(text),
    "shape.cells.text_cell": cells.text_cell,
    "shape.cells.line_text": cells.line_text,
    "shape.cells.cut": lambda text: cells.cut(text, 100),
    "shape.lines.fold": lambda text: lines.fold(text, 80),
    "shape.tokens.estimate_tokens": estimate_tokens,
    "shape.tokens.weigh": tokens.weigh,
    "shape.filters.parse_filter": filters.parse_filter,
    "shape.filters.select": lambda text: filters.select([{"a": text}], filters.parse_filter("a~b and a!=c and a=d")),
    "shape.fields.lookup": lambda text: fields.lookup({"a": {"a": 1}}, text),
    "shape.fields.lookup, lists": lambda text: fields.lookup([[[1]]], text),
    "shape.fields.require_field": lambda text: fields.require_field(text, [{"a": 1}], argument="fields"),
    "shape.quantities.parse_size": quantities.parse_size,
    "shape.quantities.parse_duration": quantities.parse_duration,
    "shape.quantities.parse_moment": lambda text: quantities.parse_moment(text, 0.0),
    "shape.View.of, fields": lambda text: View.of(fields=text),
    "shape.View.of, cursor": lambda text: View.of(cursor=text),
    "shape.render, text": render,
    "shape.render, record": lambda text: render({"a": text, text: 1, "b": [text]}),
    "shape.render, table": lambda text: render([{"a": text, text: 1}, {"a": 1}]),
    "shape.render, fields": lambda text: render([{"a": 1}, {"a": 2}], View.of(fields=text)),
    "server.arguments.read": lambda text: arguments.read(
        tool("proxmox_api_call"), {text: 1, "path": text, "method": text, "data": text, "wait": text, "confirm": text}
    ),
}
READERS |= {f"apidoc.formats, {name}": each.passes for name, each in FORMATS.items()}

READ_ONLY_OURS = {
    "gateway.finding": "search.Searcher.find and search.browse.exact, which are entered",
    "apidoc.faults": "one line each, of what was checked",
    "apidoc.formats.calendar": "entered by its format, pve-calendar-event",
    "apidoc.formats.net_ip": "entered by its formats; takes no more than 256 characters",
    "apidoc.formats.network": "entered by its formats",
    "apidoc.perl": "entered where it is not one comparison",
    "apidoc.automaton": "patterns of the schema",
    "apidoc.data_files": "files that ship with the code",
    "apidoc.history": "files that ship with the code",
    "apidoc.load": "the schema: apidoc.js, of which a test of its own holds the time",
    "apidoc.parse": "the schema",
    "apidoc.patterns": "patterns of the schema; tests/apidoc/test_patterns.py attacks each",
    "apidoc.snapshot": "snapshots that we write",
    "guard.toml_lines": "the operator's files",
    "guard.policy_file": "the operator's files",
    "guard.callers": "the operator's files; authenticate is entered",
    "pve.connection": "the operator's settings",
    "search.intents": "files that ship with the code",
    "search.vocabulary": "files that ship with the code",
    "search.perl_patterns": "patterns of the schema",
    "search.folding": "names of the schema",
    "search.reference": "the schema",
    "search.spelling": "the schema",
}
FOREIGN_PARAMETERS = frozenset(
    {"text", "query", "message", "header", "cursor", "field", "uri", "begun", "line", "value"}
)


def hostile(shape: str, size: int) -> str:
    unit = SHAPES[shape]
    return unit * (size // len(unit))


_numbers = itertools.count()


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


@pytest.mark.parametrize("name", sorted(READERS))
def test_hostile_text_costs_a_reader_no_more_than_its_length(name: str) -> None:
    assert not steep_shapes(name, SHORT if name.startswith("apidoc.formats") else USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_megabyte_of_hostile_text_costs_a_reader_no_more_than_its_length(name: str) -> None:
    assert not steep_shapes(name, WHOLE_MEGABYTE)


@pytest.mark.parametrize("name", sorted(READERS))
def test_no_reader_remembers_what_others_wrote(name: str) -> None:
    fed(READERS[name], "letters", 100)()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for shape in ("letters", "words", "digits", "slashes"):
            fed(READERS[name], shape, 200_000)()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 150_000


def readers_by_name() -> Iterator[str]:
    """Every public function of the packages that see foreign text, where a parameter is named as one."""
    for package in ("foreign", "guard", "pve", "search", "shape", "apidoc", "gateway", "server"):
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
    assert "Only the first 100,000 of 100,001 entries were looked at." in told


def test_columns_beyond_what_is_tried_are_counted() -> None:
    assert "1500 more columns left out" in render(columns(2_000))


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("levels", [65, 500, 5_000])
def test_an_answer_nested_too_deep_is_told_and_not_worked_on(levels: int, status: int, writes: bool) -> None:
    body = b'{"data":' + b"[" * levels + rb'"\ud800"' + b"]" * levels + b"}"
    answer = Reply(status, "said", {"content-type": "application/json"}, body)
    with contextlib.suppress(ProxmoxMcpError):
        assert not hasattr(read(answer, writes=writes), "data")


def test_what_a_node_says_of_many_parameters_at_length_is_cut() -> None:
    errors = {f"p{number}": "x" * 10_000 for number in range(500)}
    refusal: Any = read(reply(400, {"data": None, "message": "m" * 100_000, "errors": errors}))
    assert len(refusal.errors) == 50
    assert sum(map(len, refusal.errors.values())) <= 50_000
    assert len(refusal.message) <= 4_000
