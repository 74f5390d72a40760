"""What is wrong in a cluster now, as data: each problem with where to look next, and what could not be read."""

from proxmox_mcp.proxmox.problems.examination import examine
from proxmox_mcp.proxmox.problems.model import TITLES, Kind, Problem, Report, Severity, Unread
from proxmox_mcp.proxmox.problems.reads import Read

__all__ = ["TITLES", "Kind", "Problem", "Read", "Report", "Severity", "Unread", "examine"]
