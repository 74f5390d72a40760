"""The demo cluster: a fake Proxmox VE on loopback, in its own process.

with start_demo_cluster() as cluster:
    cluster.environment     # PROXMOX_HOST, PROXMOX_USER, ... for a server that uses it
"""

from proxmox_mcp.demo.cluster_process import DemoCluster, start_demo_cluster

__all__ = ["DemoCluster", "child_process", "server", "start_demo_cluster", "tour"]
