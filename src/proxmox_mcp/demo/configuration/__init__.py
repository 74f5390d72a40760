"""The configuration that a Proxmox cluster keeps in /etc/pve, and fakepve does not.

``ClusterConfiguration`` is a mixin of ``FakePve``: users, groups, roles, ACLs, tokens, second factors and realms; HA,
jobs, mappings, SDN, notifications and metrics servers; options of the cluster and of its nodes. What it answers is held
against round trips that were recorded from Proxmox's own code.

It imports fakepve, which is AGPL software: import it in the launcher's own process only.
"""

__all__ = ["cluster"]
