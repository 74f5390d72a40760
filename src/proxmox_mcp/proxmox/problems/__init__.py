"""What is wrong in a cluster now, as data: each problem with where to look next, and what could not be read."""

from proxmox_mcp.proxmox.problems.examination import examine
from proxmox_mcp.proxmox.problems.model import TITLES, ClusterProblem, Kind, ProblemReport, Severity, Unread
from proxmox_mcp.proxmox.problems.reads import Read

__all__ = ["TITLES", "ClusterProblem", "Kind", "ProblemReport", "Read", "Severity", "Unread", "examine"]
