"""Any JSON as the arguments of any tool, and as the answer of a node: always told to the model, never our failure."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import mcp_types as types
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import example, given
from hypothesis import strategies as st
from mcp import Client
from mcp.shared.exceptions import MCPError

from fuzz.examples import examples
from fuzz.scripted import ScriptedPve, gateway_over
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.server.tools import TOOLS
from resources import resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.gateway import Gateway

OURS = "Internal error"


class Fuzzed:
    """A client of a server in this process, and the Proxmox behind it."""

    def __init__(self, pve: ScriptedPve, gateway: Gateway, portal: Any, client: Client) -> None:
        self.pve, self._portal, self._client = pve, portal, client
        self._cluster = gateway.clusters["default"]

    def forget(self) -> None:
        """What was read of the cluster before."""
        self._cluster.inventory.forget()

    def call(self, tool: str, arguments: Any) -> str:
        """What the model reads."""

        async def made() -> types.CallToolResult:
            return await self._client.call_tool(tool, arguments)

        result = self._portal.call(made)
        assert len(result.content) == 1
        text: str = result.content[0].text
        return text

    def ask(self, method: str, *arguments: Any) -> Any:
        """Any other request; an error of the protocol as its code."""

        async def made() -> Any:
            try:
                return await getattr(self._client, method)(*arguments)
            except MCPError as error:
                return error.code

        return self._portal.call(made)


@pytest.fixture(scope="module", params=["legacy", "auto"])
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    pve = ScriptedPve()
    pve.answers["/cluster/resources"] = resources(12)
    gateway = gateway_over(pve, tmp_path_factory.mktemp("arguments"))
    with ExitStack() as stack:
        stack.callback(gateway.guard.close)
        portal = stack.enter_context(start_blocking_portal())
        client = stack.enter_context(
            portal.wrap_async_context_manager(Client(make_server(gateway), mode=request.param))
        )
        yield Fuzzed(pve, gateway, portal, client)


_WRITTEN = """
/ // * /nodes /nodes/*/qemu /nodes/pve1/qemu/100/config nodes/*/qemu/web-01/config /cluster/resources GET POST get
/nodes/{node}/qemu /nodes/*/*/*/config status=running mem>80% = name,vmid , 1-abcd places-3 places-9/1-a true {} [1]
1e400 nan -1 \x00 ½ ٣ %zz %00 %2e%2e/ /nodes/pve1/tasks/UPID:x/status
UPID:pve1:00000001:00000001:00000001:qmstart:100:root@pam:
"""
_TEXTS = st.sampled_from(["", " ", "start a vm", "a=b and c", '{"a": 1}', "x" * 9000, *_WRITTEN.split()]) | st.text(
    max_size=30
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_OWN = {
    "string": _TEXTS,
    "integer": st.integers() | st.floats() | st.sampled_from(["1", "1.0", "x", ""]),
    "boolean": st.booleans() | st.sampled_from([0, 1, 2, "true", "no"]),
    "object": st.dictionaries(
        _TEXTS | st.sampled_from(["cores", "description", "delete", "type", "net0", "command", "vmid", "node"]),
        _JSON,
        max_size=4,
    ),
    "objects": st.lists(
        st.dictionaries(st.sampled_from(["path", "method", "data"]) | _TEXTS, _TEXTS | _JSON, max_size=4), max_size=3
    ),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    """A tool, with arguments that are mostly of their kind and sometimes of none."""
    tool = draw(st.sampled_from(TOOLS))
    arguments: dict[str, Any] = {}
    for name, parameter in tool.parameters.items():
        how = draw(st.integers(0, 9))
        if parameter.enum and how < 6:
            arguments[name] = draw(st.sampled_from(parameter.enum))
        elif how < (8 if parameter.required else 4):
            arguments[name] = draw(_OWN[parameter.kind])
        elif how == 9:
            arguments[name] = draw(_JSON)
    if draw(st.integers(0, 9)) == 0:
        arguments[draw(st.text(max_size=8))] = draw(_JSON)
    return tool.name, arguments


def bad(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    found = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    caplog.clear()
    return found


@given(call=calls())
@example(call=("search_api", {"query": None}))
@example(call=("proxmox_api_call", {"path": None, "method": None}))
@example(call=("get_cluster_resources", {"type": "lxc", "limit": 10**30}))
@examples(400)
def test_any_arguments_are_answered(
    fuzzed: Fuzzed, caplog: pytest.LogCaptureFixture, call: tuple[str, dict[str, Any]]
) -> None:
    text = fuzzed.call(*call)
    assert OURS not in text
    assert text
    assert len(text) < 40_000
    assert bad(caplog) == []


@given(path=_TEXTS.filter(str.isprintable), odd=_JSON)
@examples(100)
def test_any_other_request_is_answered_or_refused_as_wrong(
    fuzzed: Fuzzed, caplog: pytest.LogCaptureFixture, path: str, odd: Any
) -> None:
    texts = {"storage": path, "what": str(odd)}
    answers = [
        fuzzed.ask("read_resource", f"proxmox://api/{path}"),
        fuzzed.ask("get_prompt", path, None),
        fuzzed.ask("get_prompt", "make_room", texts),
        fuzzed.ask(
            "complete",
            types.ResourceTemplateReference(type="ref/resource", uri="proxmox://api/{+path}"),
            {"name": "path", "value": path},
        ),
    ]
    assert all(not isinstance(answer, int) or answer == types.INVALID_PARAMS for answer in answers), answers
    assert bad(caplog) == []


# What the node answers is not ours either.

_ODD_ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["t", "n", "time", "data", "name", "value"]) | st.text(max_size=5), inner, max_size=6
        )
    ),
    max_leaves=14,
)
_FIELDS = """
vmid name node status id mem maxmem cpu maxcpu disk maxdisk uptime tags pool storage content shared plugintype template
lock hastate level
"""
_SCALARS = st.one_of(
    st.none() | st.booleans() | st.integers(-1, 10**13) | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["online", "running", "100", "", "0", "1.5", "pve1", "a;b"]) | st.text(max_size=12),
)
"""Perl writes a number as a text, a text as a number and nothing as null, but no object in their place."""
_RECORDS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["qemu", "lxc", "node", "storage", "pool", "sdn", ""]) | _SCALARS},
        optional=dict.fromkeys(_FIELDS.split(), _SCALARS),
    ),
    max_size=4,
)


@given(answer=_ODD_ANSWERS | _RECORDS)
@example(answer=None)
@example(answer={"name": "no list"})
@example(answer=[{"type": "qemu", "vmid": "no number"}])
@examples(60)
def test_any_answer_of_a_node_is_told_or_refused(fuzzed: Fuzzed, caplog: pytest.LogCaptureFixture, answer: Any) -> None:
    whole = dict(fuzzed.pve.answers)
    paths = ["/cluster/resources", "/nodes", "/nodes/pve1/qemu/100/config", "/nodes/pve1/qemu/100/rrddata"]
    paths += [
        "/nodes/pve1/tasks",
        "/nodes/pve1/qemu/100/snapshot",
        "/nodes/pve1/syslog",
        "/access/permissions",
        "/version",
    ]
    try:
        fuzzed.pve.answers.update(dict.fromkeys(paths, answer))
        asked = [
            ("list_nodes", {}),
            ("get_cluster_resources", {}),
            ("get_cluster_resources", {"type": "storage", "filter": "disk>10%"}),
            *(("proxmox_api_get", {"path": path}) for path in paths),
            ("proxmox_api_get", {"path": "/nodes/pve1/qemu/100/rrddata", "data": {"timeframe": "hour"}}),
            ("proxmox_api_get", {"path": "/nodes/*/qemu/*/config"}),
            ("proxmox_api_get", {"path": "/nodes/*/qemu/web/config"}),
            ("proxmox_api_get", {"path": "/nodes/pve1/tasks", "filter": "status!=OK"}),
            ("proxmox_api_call", {"method": "DELETE", "path": "/nodes/pve1/qemu/100"}),
            ("proxmox_api_call", {"method": "DELETE", "path": "/nodes/pve1/qemu/100", "dry_run": True}),
            ("search_api", {"query": "start a vm"}),
        ]
        for tool, arguments in asked:
            fuzzed.forget()
            text = fuzzed.call(tool, arguments)
            assert OURS not in text, (tool, arguments)
            assert len(text) < 40_000
    finally:
        fuzzed.pve.answers.clear()
        fuzzed.pve.answers.update(whole)
    assert bad(caplog) == []
