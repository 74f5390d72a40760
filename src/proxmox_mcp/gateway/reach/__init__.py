"""What a call hits without naming it: the guests of a mass action or a backup job, the backups that a retention
removes, what uses a storage, a mapping or a network, who loses by the end of a group, user or role.

The person who confirms sees all of it, one by one, and the confirmation is bound to that list.
"""

from proxmox_mcp.gateway.reach.found import Reached
from proxmox_mcp.gateway.reach.readers import reached

__all__ = ["Reached", "reached"]
