"""``python -m proxmox_mcp``."""

from proxmox_mcp.cli import main

main()
