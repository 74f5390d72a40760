"""All kinds of objects, and what is special about each.

Read in ``PVE::API2`` of pve-manager, pve-access-control, pve-storage, pve-network, pve-firewall, pve-ha-manager and
proxmox-notify; what the recordings of Proxmox VE 9.2 showed besides is said beside it.
"""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.record.undo.companions import AclEntries, Members, Pools, RulesOfResource, SecondFactors, Tokens
from proxmox_mcp.record.undo.objects import Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHARED_BY_CHOICE = frozenset({"dir", "lvm", "btrfs"})
"""Types of storage that take ``shared``; for others GET shows it and POST refuses it (``PVE::Storage::Plugin``)."""


def _privileges(shown: Any) -> Any:
    """``GET /access/roles/{roleid}`` answers ``{"VM.Audit": 1}`` for what PUT takes as ``privs``."""
    return {"privs": sorted(shown)} if isinstance(shown, dict) else shown


def _storage(shown: Any) -> Any:
    if isinstance(shown, dict) and shown.get("type") not in _SHARED_BY_CHOICE:
        return {name: value for name, value in shown.items() if name != "shared"}
    return shown


def _interface(shown: Any) -> Any:
    """``address`` and ``netmask`` say again what ``cidr`` says."""
    if not isinstance(shown, dict):
        return shown
    again = {"4": ("address", "netmask"), "6": ("address6", "netmask6")}
    drop = {name for of, names in again.items() if shown.get("cidr6" if of == "6" else "cidr") for name in names}
    return {name: value for name, value in shown.items() if name not in drop}


def _account(shown: Any) -> Any:
    """The contacts of an ACME account, as ``PVE::API2::ACMEAccount`` takes them."""
    account = shown.get("account") if isinstance(shown, dict) else None
    contacts = account.get("contact") if isinstance(account, dict) else None
    return {"contact": [each.removeprefix("mailto:") for each in contacts or ()]}


def _always(*names: str) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    return lambda _shown: names


def _secrets_of_storage(shown: Mapping[str, Any]) -> tuple[str, ...]:
    match shown.get("type"):
        case "cifs":
            return ("password",) if shown.get("username") else ()
        case "pbs":
            return ("password", "encryption key") if shown.get("encryption-key") else ("password",)
        case "esxi":
            return ("password",)
        case "rbd" | "cephfs":
            return ("keyring",) if shown.get("monhost") else ()
        case _:
            return ()


def _secrets_of_realm(shown: Mapping[str, Any]) -> tuple[str, ...]:
    return ("password",) if shown.get("bind_dn") else ()


def _secrets_of_user(shown: Mapping[str, Any]) -> tuple[str, ...]:
    return ("password",) if str(shown.get("userid", "@pve")).endswith("@pve") else ()


def _secrets_of_metrics(shown: Mapping[str, Any]) -> tuple[str, ...]:
    return ("token",) if str(shown.get("influxdbproto", "")).startswith("http") else ()


def _password_of_mail(shown: Mapping[str, Any]) -> tuple[str, ...]:
    return ("password",) if shown.get("username") else ()


def _sdn(what: str, path: str, named: str, **more: Any) -> Thing:
    return Thing(what=what, made=f"/cluster/sdn/{path}", at=f"/cluster/sdn/{path}/{{}}", named=named, **more)


def _notification(kind: str, **more: Any) -> Thing:
    made = f"/cluster/notifications/endpoints/{kind}"
    return Thing(what=f"the notification target ({kind})", made=made, at=f"{made}/{{}}", named="name", **more)


_FIREWALLS = (
    "/cluster/firewall",
    "/nodes/{}/firewall",
    "/nodes/{}/qemu/{}/firewall",
    "/nodes/{}/lxc/{}/firewall",
    "/cluster/sdn/vnets/{}/firewall",
)

REALM = Thing(
    what="the realm",
    made="/access/domains",
    at="/access/domains/{}",
    named="realm",
    unseen=_secrets_of_realm,
    masked=frozenset({"client-key"}),
)

THINGS: tuple[Thing, ...] = (
    # Access.
    Thing(
        what="the user",
        made="/access/users",
        at="/access/users/{}",
        named="userid",
        unset="blank",
        blank={"enable": 1, "expire": 0},
        unseen=_secrets_of_user,
        masked=frozenset({"keys"}),
        companions=(Tokens(), AclEntries("user"), SecondFactors()),
    ),
    Thing(
        what="the group",
        made="/access/groups",
        at="/access/groups/{}",
        named="groupid",
        unset="blank",
        companions=(Members(), AclEntries("group")),
    ),
    Thing(
        what="the role",
        made="/access/roles",
        at="/access/roles/{}",
        named="roleid",
        shape=_privileges,
        companions=(AclEntries("role"),),
    ),
    Thing(
        what="the token",
        made="/access/users/{}/token/{}",
        at="/access/users/{}/token/{}",
        blank={"expire": 0, "privsep": 1},
        final={"regenerate": "the old value of the token is gone"},
        unseen=_always("its value"),
        companions=(AclEntries("token"),),
    ),
    REALM,
    # Jobs.
    Thing(what="the realm job", made="/cluster/jobs/realm-sync/{}", at="/cluster/jobs/realm-sync/{}"),
    Thing(what="the backup job", made="/cluster/backup", at="/cluster/backup/{}", named="id", always=("schedule",)),
    # Storage.
    Thing(
        what="the storage",
        made="/storage",
        at="/storage/{}",
        named="storage",
        shape=_storage,
        unseen=_secrets_of_storage,
        withheld=lambda shown: shown.get("type") == "esxi",
        companions=(AclEntries("path", "/storage/{}"), Pools()),
    ),
    # Options.
    Thing(what="the options of the cluster", made="", at="/cluster/options"),
    Thing(what="the options of node", made="", at="/nodes/{}/config"),
    Thing(what="the name servers of node", made="", at="/nodes/{}/dns", unset="all"),
    Thing(what="the time zone of node", made="", at="/nodes/{}/time"),
    Thing(
        what="the network interface",
        made="/nodes/{}/network",
        at="/nodes/{}/network/{}",
        named="iface",
        unset="all",
        shape=_interface,
        unsent=frozenset({"families", "method", "method6", "priority", "active", "exists"}),
    ),
    # High availability.
    Thing(
        what="the HA resource",
        made="/cluster/ha/resources",
        at="/cluster/ha/resources/{}",
        named="sid",
        unsent=frozenset({"type"}),
        companions=(RulesOfResource(),),
    ),
    Thing(what="the HA group", made="/cluster/ha/groups", at="/cluster/ha/groups/{}", named="group"),
    # Hardware.
    *(
        Thing(
            what=f"the {kind} mapping", made=f"/cluster/mapping/{kind}", at=f"/cluster/mapping/{kind}/{{}}", named="id"
        )
        for kind in ("dir", "pci", "usb")
    ),
    Thing(
        what="the CPU model",
        made="/cluster/qemu/custom-cpu-models",
        at="/cluster/qemu/custom-cpu-models/{}",
        named="cputype",
        unsent=frozenset({"cputype"}),
    ),
    # Notifications and figures.
    _notification("sendmail"),
    _notification("gotify", unseen=_always("token")),
    _notification("smtp", unseen=_password_of_mail),
    _notification("webhook", masked=frozenset({"header", "secret"})),
    Thing(
        what="the notification matcher",
        made="/cluster/notifications/matchers",
        at="/cluster/notifications/matchers/{}",
        named="name",
    ),
    Thing(
        what="the metrics server",
        made="/cluster/metrics/server/{}",
        at="/cluster/metrics/server/{}",
        unseen=_secrets_of_metrics,
        masked=frozenset({"otel-headers"}),
    ),
    # Certificates.
    Thing(
        what="the ACME plugin",
        made="/cluster/acme/plugins",
        at="/cluster/acme/plugins/{}",
        named="id",
        masked=frozenset({"data"}),
    ),
    Thing(
        what="the ACME account",
        made="/cluster/acme/account",
        at="/cluster/acme/account/{}",
        named="name",
        shape=_account,
    ),
    # Software defined networks.
    _sdn("the zone", "zones", "zone"),
    _sdn("the virtual network", "vnets", "vnet"),
    _sdn("the controller", "controllers", "controller"),
    _sdn("the IPAM", "ipams", "ipam", masked=frozenset({"token"})),
    _sdn("the DNS server", "dns", "dns", masked=frozenset({"key"})),
    _sdn("the fabric", "fabrics/fabric", "id"),
    _sdn("the fabric node", "fabrics/node/{}", "node_id"),
    # Firewalls.
    *(Thing(what="the firewall options", made="", at=f"{base}/options") for base in _FIREWALLS),
    # Storage content, snapshots.
    Thing(
        what="the notes of volume",
        made="",
        at="/nodes/{}/storage/{}/content/{}",
        unset="blank",
        blank={"protected": 0},
    ),
    *(
        Thing(
            what="the note of snapshot",
            made="",
            at=f"/nodes/{{}}/{kind}/{{}}/snapshot/{{}}/config",
            unset="blank",
            unsent=frozenset({"snapname"}),
        )
        for kind in ("qemu", "lxc")
    ),
    # Ceph.
    *(
        Thing(
            what="the Ceph pool",
            made=f"/nodes/{{}}/ceph/{path}",
            at=f"/nodes/{{}}/ceph/{path}/{{}}",
            named="name",
            unset="blank",
            seen=seen,
        )
        for path, seen in (("pool", "/nodes/{}/ceph/pool/{}/status"), ("pools", "/nodes/{}/ceph/pools/{}"))
    ),
)
"""``made`` is empty for what is always there."""
