"""The MCP server: tools, resources and prompts over one gateway, for every transport.

Built on the SDK's low-level ``Server``: the decorated one would generate the schemas, give every caller the same list
of tools, and wrap the text of errors.
"""

# Tested through tests/server/test_reference_resource.py, tests/guests/test_plans.py and
# tests/fuzz/test_tool_arguments.py.

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError

from proxmox_mcp import __version__
from proxmox_mcp.errors import AuthenticationError, ConfirmationError, ConfirmationNeededError, ProxmoxMcpError
from proxmox_mcp.instructions import instructions
from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.server import changes_resource, prompts, reference_resource
from proxmox_mcp.server.client import McpClient, QuestionPending
from proxmox_mcp.server.request_id import request_id
from proxmox_mcp.server.tools import ToolCall, read, select_tools, tools_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from proxmox_mcp.gateway import Gateway

    Context = ServerRequestContext[Any, Any]
    Observe = Callable[[str, str], None]

T = TypeVar("T")

NAME = "proxmox-mcp"
CALLER = "proxmox_mcp.caller"
"""Where the application leaves the authenticated caller in an HTTP request's scope."""

_STATED = (ConfirmationNeededError, ConfirmationError)
"""Errors that hold a statement: it hides secrets itself, and shows code that will run as it is."""
_INSTRUCTING = ("initialize", "server/discover")
_REFUSED = (
    "Note: Proxmox VE refuses this server's credentials ({}), so calls to it fail. The operator should run "
    "`proxmox-mcp doctor` with the server's settings."
)
_LOG = logging.getLogger("proxmox_mcp.server")


def make_server(gateway: Gateway, *, state_key: str = "", observe: Observe | None = None) -> Server[Any]:
    """The server over a gateway. ``state_key`` seals the state of questions; without one it is made for the process.

    ``observe(tool, result)`` is told of each call: ``ok``, ``asked``, or the code of an error.
    """
    handlers = _Handlers(gateway, observe)
    server: Server[Any] = Server(
        NAME,
        version=__version__,
        instructions=instructions(select_tools(writes=True)),
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_resource_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
        on_completion=handlers.complete,
    )
    security = RequestStateSecurity(keys=[state_key]) if state_key else RequestStateSecurity.ephemeral()
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    server.middleware.append(handlers.instruct)
    return server


class _Handlers:
    def __init__(self, gateway: Gateway, observe: Observe | None) -> None:
        self._gateway = gateway
        self._observe = observe or (lambda _tool, _result: None)

    async def instruct(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Give each caller the instructions for the tools that are shown to it: the SDK has one text for all callers.

        They come with the answer to ``initialize``, in the later era of the protocol to ``server/discover``.
        """
        result = await call_next(ctx)
        if ctx.method in _INSTRUCTING and isinstance(result, dict):
            return {**result, "instructions": instructions(tools_for(_caller(ctx), self._gateway))}
        return result

    async def list_tools(self, context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        tools = tools_for(_caller(context), self._gateway)
        return types.ListToolsResult(tools=[tool.listed() for tool in tools.values()])

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        id_of_request = request_id()
        try:
            text = await self._run(context, params, id_of_request)
        except QuestionPending as pending:
            self._observe(params.name, "asked")
            return pending.result
        except ProxmoxMcpError as error:
            self._observe(params.name, error.code)
            said = str(error) if isinstance(error, AuthenticationError) else self._noted(str(error), context, params)
            if not isinstance(error, _STATED):
                said = self._gateway.guard.redactor.text(said)
            return _result(said, is_error=True)
        except MCPError:
            raise
        except Exception:  # noqa: BLE001
            self._observe(params.name, "internal")
            _LOG.exception("tool %s failed", params.name)
            return _result(f"Internal error (request {id_of_request}). See the server log.", is_error=True)
        self._observe(params.name, "ok")
        return _result(self._noted(text, context, params), is_error=False)

    def _noted(self, text: str, context: Context, params: types.CallToolRequestParams) -> str:
        """An answer, with a last line if the cluster of the call (any, if it names none) refuses our credentials:
        answers that need no request would not show it."""
        caller = _caller(context)
        named = (params.arguments or {}).get("cluster")
        refused = [
            f"{cluster.pve.connection.identity} on cluster {name}"
            for name, cluster in self._gateway.clusters.items()
            if named in (None, "", name) and caller.may_use(name) and cluster.pve.credentials.refusal
        ]
        return f"{text}\n{_REFUSED.format(', '.join(refused))}" if refused else text

    async def _run(self, context: Context, params: types.CallToolRequestParams, id_of_request: str) -> str:
        caller = _caller(context)
        tools = tools_for(caller, self._gateway)
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(
                code=types.INVALID_PARAMS, message=f"There is no tool {params.name[:80]}; there are {', '.join(tools)}"
            )
        arguments = read(tool, params.arguments or {})
        client, name = McpClient(context, params), _client_name(context)
        return await tool.run(ToolCall(tool.name, self._gateway, arguments, caller, client, name, id_of_request))

    async def list_resources(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[changes_resource.RESOURCE] if self._gateway.changes else [])

    async def list_resource_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[reference_resource.TEMPLATE])

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri, caller = str(params.uri), _caller(context)
        if uri == changes_resource.URI:
            text = await self._as_protocol_error(changes_resource.read(self._gateway, caller))
        else:
            text = await self._as_protocol_error(reference_resource.read(uri, self._gateway, caller))
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=params.uri, text=text, mime_type="text/plain")]
        )

    async def list_prompts(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=prompts.listed(guest_commands=self._gateway.guest_commands))

    async def get_prompt(self, _: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return prompts.get(params.name, params.arguments or {})

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        values: list[str] = []
        if isinstance(params.ref, types.ResourceTemplateReference) and params.argument.name == "path":
            completing = reference_resource.complete(params.argument.value, self._gateway, _caller(context))
            values = await self._as_protocol_error(completing)
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))

    async def _as_protocol_error(self, work: Awaitable[T]) -> T:
        """The awaited result; our errors become errors of the protocol, the only kind that resources have."""
        try:
            return await work
        except ProxmoxMcpError as error:
            message = self._gateway.guard.redactor.text(str(error))
            raise MCPError(code=types.INTERNAL_ERROR, message=message, data={"code": error.code}) from None


def _caller(context: Context) -> Caller:
    """Who calls: as the application authenticated the HTTP request; over stdio the user who started the server."""
    scope = getattr(context.request, "scope", None)
    if scope is None:
        return LOCAL
    caller = scope.get(CALLER)
    if not isinstance(caller, Caller):
        raise MCPError(code=types.INVALID_REQUEST, message="The request is not authenticated")
    return caller


def _client_name(context: Context) -> str:
    params = context.session.client_params
    return f"{params.client_info.name} {params.client_info.version}" if params else ""


def _result(text: str, *, is_error: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)
