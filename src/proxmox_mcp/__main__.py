"""``python -m proxmox_mcp``."""

from proxmox_mcp.entry import main

main()
