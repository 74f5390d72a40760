"""Whose session a container's terminal shows.

dtach keeps one session for everybody: it outlives the clients, others see what is typed, and an ``exit`` ends theirs.
A fresh session shows a prompt; one that was there before shows only that the screen was cleared. So nothing is typed
unless a fresh prompt shows, nobody else's terminal is open, and the shell itself finds that it is as young as our
connection (``script.bootstrap``).
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import GuestSessionError, GuestStateError, ProxmoxError
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.guests.model import GuestOnNode
    from proxmox_mcp.guests.terminal import GuestApi

PROMPT_SECONDS = 4.0
MAX_SCREEN = 2048
"""Bytes of a first screen that are looked at: a prompt, and the banner that BusyBox shows before it."""

MAX_REDRAWN = 8 * 1024
"""Bytes of a screen that was drawn again: a few times the prompt and the longest line that this server types."""

_ERASE = re.compile(rb"\x1b\[[02]?[KJ]")
_CONTROLS = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: a prompt that sets the window's title
    rb"|\x1b[@-Z\\^_]|\x07"
)
_WRAP = re.compile(rb"([^\r\n])\r\1")
_BLANKS = re.compile(rb"[\0\b\r\n ]+")
# One character that ends a prompt, and only one, and no quotes: half a command that a person left there has more (``#
# echo a >``), and a bare ``>`` asks for the rest of one.
_BEFORE = rb"[^\n#$%>`'\"|;]"
_PROMPT = re.compile(
    rb"\A\n*(?:BusyBox v[^\n]*\n[^\n]*\n+)?(?:%s{0,200}[#$%%]|%s{1,200}(?<! )>) *\Z" % (_BEFORE, _BEFORE)
)
_LOGIN = re.compile(rb"(?:login|[Pp]assword|Passwort)\s*: *\Z")


class Screen(Enum):
    """What a terminal shows after it was attached."""

    NOTHING = "nothing"
    PROMPT = "a fresh prompt"
    LOGIN = "a login prompt"
    OTHER = "something else"


def screen_of(first: bytes | bytearray) -> Screen:
    """What the first bytes of a terminal amount to."""
    text = b"\n".join(_line(line) for line in bytes(first[:MAX_SCREEN]).split(b"\n"))
    if _LOGIN.search(text):
        return Screen.LOGIN
    if len(first) <= MAX_SCREEN and _PROMPT.match(text) and text.strip():
        return Screen.PROMPT
    return Screen.OTHER if text.strip() else Screen.NOTHING


def prompt_of(first: bytes | bytearray) -> bytes:
    """The prompt of a screen that is one (``Screen.PROMPT``): its last line as it looks."""
    return _line(bytes(first[:MAX_SCREEN]).rpartition(b"\n")[2])


def shows_beginning(drawn: bytes | bytearray, prompt: bytes, line: bytes, told_by: int) -> bool:
    """Whether what a line editor drew again ends with ``prompt`` and a beginning of ``line``, of ``told_by`` bytes or
    more. Where a window's edge wraps it makes no difference, nor do blanks. Linear in what was drawn."""
    known = _unwrapped(prompt + line[:told_by])
    _, found, rest = _unwrapped(drawn[:MAX_REDRAWN]).rpartition(known)
    return len(drawn) <= MAX_REDRAWN and bool(found) and _unwrapped(line[told_by:]).startswith(rest)


def shows_only(drawn: bytes | bytearray, prompt: bytes) -> bool:
    """Whether what a line editor drew again ends with this prompt."""
    return len(drawn) <= MAX_REDRAWN and _unwrapped(drawn).endswith(_unwrapped(prompt))


def _unwrapped(drawn: bytes | bytearray) -> bytes:
    """What was drawn, without blanks and controls. readline wraps by writing the first character of the next row, then
    that row from its begin; BusyBox by CR and LF."""
    return _BLANKS.sub(b"", _WRAP.sub(rb"\1", _CONTROLS.sub(b"", drawn)))


def _line(written: bytes) -> bytes:
    """A line as it looks: readline and BusyBox write a prompt twice, one over the other, when the size of the window
    is set, and dtach sets it as we come."""
    line, column = b"", 0
    for part in re.split(rb"([\r\0])", _CONTROLS.sub(b"", _ERASE.sub(b"\0", written))):
        if part == b"\r":
            column = 0
        elif part == b"\0":
            line = line[:column]
        else:
            line = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return line


def refusal(screen: Screen, guest: GuestOnNode) -> GuestStateError | GuestSessionError:
    """Why nothing was typed, and the cure."""
    if screen is Screen.LOGIN:
        return GuestStateError(
            f"The terminal of {guest} shows a login prompt, not a shell. Nothing was run.",
            f"A console session from before the change to cmode=shell is still open. Restart the container: "
            f"POST {guest.path}/status/reboot, then run the command again.",
        )
    return GuestSessionError(
        f"The terminal of {guest} shows {screen.value} where a new one shows a prompt: somebody has left a console "
        "session open. Nothing was typed into it.",
        "Open the console of the container in Proxmox, end that session with `exit`, then run the command again. "
        "A restart of the container ends it too.",
    )


def too_old(guest: GuestOnNode) -> GuestSessionError:
    """The shell at the prompt is older than our connection."""
    return GuestSessionError(
        f"The shell in the terminal of {guest} is older than this connection: it is somebody else's. Nothing was run.",
        "Wait until that person has left, or end the session in the console of the container with `exit`.",
    )


async def terminals_of_others(cluster: GuestApi, guest: GuestOnNode, own: Collection[str]) -> tuple[str, ...]:
    """Who has a terminal of this guest open besides us: users, as Proxmox names them.

    Without Sys.Audit on the node Proxmox lists one's own tasks only (PVE::API2::Tasks).
    """
    found = [task for task in await _terminals(cluster, guest) if str(task.get("id")) == str(guest.vmid)]
    return tuple(str(task.get("user", "")) for task in found if task.get("upid", "") not in own or not task.get("upid"))


async def wait_until_closed(cluster: GuestApi, guest: GuestOnNode, own: str, seconds: float) -> None:
    """Wait until Proxmox no longer lists our terminal (its UPID) as open: the next call, of any replica, would take it
    for a person's. Gives up after some seconds."""
    with anyio.move_on_after(seconds), suppress(ProxmoxError):
        while own and any(task.get("upid") == own for task in await _terminals(cluster, guest)):  # noqa: ASYNC110
            await anyio.sleep(0.1)


async def _terminals(cluster: GuestApi, guest: GuestOnNode) -> list[dict[str, Any]]:
    """The tasks of the open terminals of a guest, and maybe of others: what Proxmox answers is not checked."""
    params: Wire = {"vmid": str(guest.vmid), "source": "active", "typefilter": "vncproxy"}
    tasks: Any = await cluster.get(f"/nodes/{guest.node}/tasks", params)
    return [task for task in tasks or () if isinstance(task, dict)]


def in_use(guest: GuestOnNode, users: Collection[str]) -> GuestSessionError:
    """Somebody else's terminal is open."""
    named = ", ".join(sorted({shown(user) for user in users}))
    return GuestSessionError(
        f"A console of {guest} is open: {named}. All terminals of a container share one session, so nothing was typed.",
        "Run the command again when that console is closed.",
    )


def needs_console_mode(guest: GuestOnNode, mode: str, pending: str) -> GuestStateError:
    """The container's terminal is a login, not a shell."""
    reboot = f"POST {guest.path}/status/reboot"
    if pending == "shell":
        return GuestStateError(
            f"{guest} still has cmode={mode}: cmode=shell takes effect at its next start.",
            f"Restart it: {reboot}, then run the command again.",
        )
    return GuestStateError(
        f"The terminal of {guest} shows a login (cmode={mode}); commands need cmode=shell.",
        f'Two calls, each a decision of its own: PUT {guest.path}/config with {{"cmode": "shell"}}, then {reboot}.',
    )
