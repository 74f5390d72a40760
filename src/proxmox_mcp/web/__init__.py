"""The console: pages for people who see, approve, undo and stop what callers do."""

from proxmox_mcp.web.application import CONSOLE, FrontPages, make_console
from proxmox_mcp.web.console import Console
from proxmox_mcp.web.from_settings import console_address, console_of
from proxmox_mcp.web.front import not_found, wants_page
from proxmox_mcp.web.passwords import Passwords, entry
from proxmox_mcp.web.roles import Person, Role
from proxmox_mcp.web.security import Origin
from proxmox_mcp.web.sessions import LINK_SECONDS, Sessions

__all__ = [
    "CONSOLE",
    "LINK_SECONDS",
    "Console",
    "FrontPages",
    "Origin",
    "Passwords",
    "Person",
    "Role",
    "Sessions",
    "console_address",
    "console_of",
    "entry",
    "make_console",
    "not_found",
    "wants_page",
]
