"""Tells people what happened and what waits for them, by the channels that they use. A message never approves."""

from proxmox_mcp.notify.channels import Channels
from proxmox_mcp.notify.notifier import Notifier

__all__ = ["Channels", "Notifier", "channels", "news"]
