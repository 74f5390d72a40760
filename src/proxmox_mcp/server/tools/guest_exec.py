"""``guest_exec``: a command in a VM or a container. Listed only where the operator switched it on."""

from __future__ import annotations

import re
from typing import Any

from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.guests import DEFAULT_TIMEOUT, MAX_INPUT, MAX_TIMEOUT, GuestCommand, GuestExec, GuestOnNode
from proxmox_mcp.server.tools.tool import Tool, ToolCall, ToolParameter

_OF_A_SHELL = re.compile(r"[\s|&;<>()$`*?~#'\"\\{}\[\]]")


def command_of(given: list[str]) -> GuestCommand:
    """One element that no program's name looks like is a text for the guest's shell; else it is the program with its
    arguments. Raises InvalidCallError."""
    if len(given) == 1 and _OF_A_SHELL.search(given[0]):
        return GuestCommand.parse(given[0])
    return GuestCommand.parse(given)


async def _run(call: ToolCall) -> str:
    given = call.arguments
    wait_for = given.get("wait_for", "")
    seconds = given.get("timeout", DEFAULT_TIMEOUT)
    work = GuestExec(
        guest=GuestOnNode("", 0, ""),  # found by the gateway
        command=command_of(given["command"]),
        data=_encoded(given.get("input", "")),
        seconds=seconds,
        wait_until_ready=seconds if wait_for else 0,
    )
    request = call.request("/guest", method="POST", confirm=given.get("confirm", ""))
    result = await call.gateway.run_command(request, given["guest"].strip(), work, call.client)
    return result.told


def _encoded(text: Any) -> bytes:
    try:
        return str(text).encode()
    except UnicodeEncodeError:
        raise InvalidCallError("The input holds half a character (a surrogate).", "Send whole text.") from None


TOOL = Tool(
    "guest_exec",
    "Run a command in a guest.",
    _run,
    {
        "guest": ToolParameter("string", "id or name", required=True, max_length=256),
        "command": ToolParameter(
            "strings", 'program and arguments, or one shell text: ["df -h | sort"]', required=True
        ),
        "input": ToolParameter("string", "standard input", max_length=MAX_INPUT),
        "timeout": ToolParameter("integer", f"seconds ({DEFAULT_TIMEOUT}), at most {MAX_TIMEOUT}"),
        "wait_for": ToolParameter("string", "wait for a starting guest", enum=("ready",)),
        "confirm": ToolParameter("string", "confirmation, from the call before"),
    },
    reads_only=False,
)
