"""A whole command line where the guest agent wants a program and its arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.model import Problem
from proxmox_mcp.apidoc.validation.faults import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import Endpoint

_EXEC = ("POST", "/nodes/{node}/qemu/{vmid}/agent/exec")
_OF_A_SHELL = frozenset("|&;<>()$`*?~#'\"\\\n")


def whole_command_line(endpoint: Endpoint, data: Mapping[str, object]) -> Problem | None:
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
    return Problem(
        "command",
        "type",
        f"{shown(command)} is one text: the guest would look for a program of that whole name",
        f"command is a list, the program first and then each argument: {wanted}.",
    )


def _has_arguments(command: str) -> bool:
    """Whether a text with blanks can't be the name of one program: its first word is no path, or an option follows."""
    words = command.split()
    if len(words) < 2 or "\\" in words[0]:
        return False
    return "/" not in words[0] or words[1].startswith("-")
