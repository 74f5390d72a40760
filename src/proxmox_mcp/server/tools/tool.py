"""What a tool is: its specification as clients see it, and the function that runs it.

Schemas stay in the subset that every client takes: typed properties, ``required``, ``description``, ``enum``; no
``anyOf``, ``$ref``, nullable or untyped parameter (Gemini and older OpenAI clients refuse a tool that has one).
"""

# Tested through tests/server/tools/test_list_of_tools.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.gateway import NO_CLIENT, Request
from proxmox_mcp.gateway.places import split_cursor
from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.render import View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from proxmox_mcp.gateway import Client, Gateway


class ToolParameter(Struct, frozen=True):
    """``kind`` is a JSON type, or ``strings`` or ``objects`` for a list of them; ``enum`` the values allowed;
    ``max_length`` the most characters of a string; ``members`` the parameters of each object in a list."""

    kind: str
    description: str
    required: bool = False
    enum: tuple[str, ...] = ()
    max_length: int = 2_000
    members: Mapping[str, ToolParameter] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        written: dict[str, Any] = {"type": self.kind}
        if self.description:
            written["description"] = self.description
        if self.kind == "strings":
            written |= {"type": "array", "items": {"type": "string"}}
        if self.kind == "objects":
            written |= {"type": "array", "items": object_schema(self.members)}
        if self.enum:
            written["enum"] = list(self.enum)
        return written


def object_schema(parameters: Mapping[str, ToolParameter]) -> dict[str, Any]:
    """The JSON schema of an object with these members."""
    written: dict[str, Any] = {
        "type": "object",
        "properties": {name: each.schema() for name, each in parameters.items()},
    }
    if required := [name for name, each in parameters.items() if each.required]:
        written["required"] = required
    return written


class ToolCall(Struct, frozen=True):
    """One call of a tool: who makes it, over which client, with the arguments that were read (``arguments.read``).
    ``id`` is that of the request, in the log and the audit."""

    tool: str
    gateway: Gateway
    arguments: Mapping[str, Any]
    caller: Caller = LOCAL
    client: Client = NO_CLIENT
    client_name: str = ""
    id: str = ""

    @property
    def cluster(self) -> str:
        """The cluster that the call names, empty where it names none."""
        name: str = self.arguments.get("cluster", "")
        return name

    def request(self, path: str, **asked: Any) -> Request:
        """The API call that a tool asks for, on behalf of this caller. Raises ViewError for a broken cursor or filter.

        The arguments that most tools share (``fields``, ``filter``, ``limit``, ``cursor``, ``raw``, ``data``) are taken
        over.
        """
        given = self.arguments
        places, cursor = split_cursor(str(given.get("cursor", "")))
        return Request(
            path=path,
            data=given.get("data", {}),
            view=View.of(given.get("fields"), given.get("filter"), given.get("limit"), cursor, given.get("raw", False)),
            places=places,
            tool=self.tool,
            cluster=self.cluster,
            caller=self.caller,
            client=self.client_name,
            id=self.id,
            **asked,
        )


class Tool(Struct, frozen=True):
    """One tool. ``run`` gives the text that the model reads, or raises ProxmoxMcpError.

    ``reads_only`` is the ``readOnlyHint``: clients may run such a tool without asking their user.
    """

    name: str
    description: str
    run: Callable[[ToolCall], Awaitable[str]]
    parameters: Mapping[str, ToolParameter]
    reads_only: bool = True

    def input_schema(self) -> dict[str, Any]:
        return object_schema(self.parameters)

    def with_clusters(self, clusters: Sequence[str]) -> Tool:
        """The same tool with the parameter ``cluster``."""
        parameter = ToolParameter("string", "lists: all if left out", enum=tuple(clusters))
        return replace(self, parameters={**self.parameters, "cluster": parameter})

    def listed(self) -> types.Tool:
        """The tool as ``tools/list`` gives it."""
        hints = (
            types.ToolAnnotations(read_only_hint=True)
            if self.reads_only
            else types.ToolAnnotations(read_only_hint=False, destructive_hint=True)
        )
        return types.Tool(
            name=self.name, description=self.description, input_schema=self.input_schema(), annotations=hints
        )


PATH = ToolParameter("string", "e.g. /nodes/*/qemu/web-01/config", required=True, max_length=4_096)
FIELDS = ToolParameter("string", "columns, comma separated")
FILTER = ToolParameter("string", "e.g. mem>80% and name~web or ctime<now-30d; lock? (is set)")
LIMIT = ToolParameter("integer", "most rows")
RAW = ToolParameter("boolean", "numbers as sent")
ALSO_RAW = ToolParameter("boolean", "")
"""``RAW`` for the lists: what it means is said once, as it would cost 6 tokens more in each."""
CURSOR = ToolParameter("string", "next page, as a result names it")
