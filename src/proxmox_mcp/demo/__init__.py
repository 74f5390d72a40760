"""A cluster to try things on: a fake Proxmox VE on loopback, in a process of its own.

with start_demo_cluster() as cluster:
    cluster.environment     # PROXMOX_HOST, PROXMOX_USER, ... for a server that works on it
"""

from proxmox_mcp.demo.cluster import DemoCluster, start_demo_cluster

__all__ = ["DemoCluster", "start_demo_cluster"]
