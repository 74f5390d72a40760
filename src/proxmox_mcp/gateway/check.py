"""A concrete path and its parameters held against the schema, and what this server can't carry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.apidoc import CallProblem
from proxmox_mcp.apidoc.validation.authority import SchemaAuthority, split
from proxmox_mcp.apidoc.validation.faults import quoted_value
from proxmox_mcp.errors import InvalidCallError, UnsupportedCallError
from proxmox_mcp.render.units import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.validation.authority import ValidationMode
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.schema_source import SchemaInUse
    from proxmox_mcp.policy.call import Call

_MOST_FAULTS = 12


async def check(call: Call, given: Mapping[str, object], mode: ValidationMode, cluster: Cluster) -> Call:
    """The call with its endpoint, its parameters as they are sent, and what is wrong with it.

    Before it is refused, the node that would judge it is asked for its version: one that was upgraded meanwhile may
    know what the schema in force doesn't.
    """
    schema = await cluster.schema.current()
    checked = check_against(schema, call, given, mode)
    if not checked.faults:
        return checked
    there = await cluster.schema.version_at(call.path.node)
    if there in ("", schema.node_version):
        return checked
    return check_against(await cluster.schema.of_version(there), call, given, mode)


def check_against(schema: SchemaInUse, call: Call, given: Mapping[str, object], mode: ValidationMode) -> Call:
    """The call held against one schema. Whether it may be sent is for ``must_be_sendable``."""
    found = schema.index.check(call.method, call.path, given)
    faults: list[CallProblem] = []
    doubts: list[CallProblem] = []
    if found.problems:
        authority = SchemaAuthority.of(schema.index.version, schema.node_version)
        faults, doubts = split(found.problems, authority, mode)
    endpoint = found.endpoint
    if endpoint is not None and (fault := whole_command_line(endpoint, given)):
        faults.append(fault)
    return replace(
        call,
        endpoint=endpoint,
        template=endpoint.path if endpoint else "",
        path_params=found.path_params,
        data=found.data,
        faults=tuple(faults),
        caution=_doubted(schema, doubts) if doubts else "",
    )


def must_be_sendable(call: Call) -> None:
    """Raises InvalidCallError with all faults, UnsupportedCallError for what JSON can't carry."""
    if call.faults:
        count = number_of(len(call.faults), "fault")
        said = [f"{call.method} {call.template or call.path.text}: {count}.", *_listed(call.faults)]
        raise InvalidCallError("\n".join(said), "Nothing was sent. Correct this and call again.")
    if call.endpoint is not None:
        reject_unsupported(call.endpoint, call.data)


def _doubted(schema: SchemaInUse, doubts: Sequence[CallProblem]) -> str:
    said = f"The schema in use ({schema}) doesn't know this, but the node may:"
    return "\n".join([said, *_listed(doubts)])


def _listed(problems: Sequence[CallProblem]) -> list[str]:
    lines = []
    for problem in problems[:_MOST_FAULTS]:
        hint = f" {problem.hint}" if problem.hint else ""
        lines.append(f"- {problem.parameter}: {problem.message}.{hint}")
    if len(problems) > _MOST_FAULTS:
        lines.append(f"- and {len(problems) - _MOST_FAULTS} more")
    return lines


_UPLOAD = "Have the node fetch the file itself: POST .../storage/{storage}/download-url with url, content and filename."
_DOWNLOAD = "GET .../file-restore/list shows what a backup holds; restore single files in Proxmox's web interface."
_TUNNEL = "Proxmox opens it on its own: POST .../migrate or .../remote_migrate moves a guest."
_SCREEN = "Open the console in Proxmox's web interface. To run a command in a guest: POST .../qemu/{vmid}/agent/exec."


def reject_unsupported(endpoint: Endpoint, data: Mapping[str, object]) -> None:
    """Raise ``UnsupportedCallError``, naming what to use instead, for what JSON can't carry; else nothing.

    Uploads need multipart, websockets an upgrade; downloads answer with a file, as the log of a task does for
    ``download=1``.
    """
    name = f"{endpoint.method} {endpoint.path}"
    if endpoint.upload:
        raise UnsupportedCallError(f"{name} is an upload of a file, which can't go through here.", _UPLOAD)
    if endpoint.websocket:
        instead = _TUNNEL if "tunnel" in endpoint.path else _SCREEN
        raise UnsupportedCallError(f"{name} opens a websocket, which can't go through here.", instead)
    if endpoint.download:
        raise UnsupportedCallError(f"{name} answers with a file, which can't go through here.", _DOWNLOAD)
    if "download" in endpoint.parameters and data.get("download") == "1":
        raise UnsupportedCallError(
            f"With download=1, {name} answers with a file, which can't go through here.",
            "Leave download out and read the lines with start and limit.",
        )


_EXEC = ("POST", "/nodes/{node}/qemu/{vmid}/agent/exec")
_OF_A_SHELL = frozenset("|&;<>()$`*?~#'\"\\\n")


def whole_command_line(endpoint: Endpoint, data: Mapping[str, object]) -> CallProblem | None:
    """The fault of a ``command`` that is one text with arguments in it; None where it may be a program's name.

    Proxmox takes such a text as a list of one element, so the guest looks for a program named ``ls -la``, and the
    answer is a plain "No such file or directory". What may be the path of a program with blanks in it
    (``C:\\Program Files\\x.exe``, ``/opt/my tool/run``) is sent as it is, and so is every list.
    """
    command = data.get("command")
    schema = endpoint.parameters.get("command")
    if (endpoint.method, endpoint.path) != _EXEC or schema is None or schema.type != "array":
        return None  # Up to 7.x command is a text, which Proxmox itself takes apart.
    if not isinstance(command, str) or not _has_arguments(command):
        return None
    shell = json.dumps(["/bin/sh", "-c", command], ensure_ascii=False)
    plain = json.dumps(command.split(), ensure_ascii=False)
    wanted = shell if _OF_A_SHELL & set(command) else f"{plain}, or with a shell {shell}"
    return CallProblem(
        "command",
        "type",
        f"{quoted_value(command)} is one text: the guest would look for a program of that whole name",
        f"command is a list, the program first and then each argument: {wanted}.",
    )


def _has_arguments(command: str) -> bool:
    """Whether a text with blanks can't name one program: its first word isn't a path, or an option follows."""
    words = command.split()
    if len(words) < 2 or "\\" in words[0]:
        return False
    return "/" not in words[0] or words[1].startswith("-")
