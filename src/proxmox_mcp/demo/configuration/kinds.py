"""What is known of the kinds of objects: paths, wording of errors, what a GET shows, how the digest is used."""

from __future__ import annotations

from proxmox_mcp.demo.configuration.collection import Kind


def _mapping(kind: str, noun: str) -> Kind:
    return Kind(
        f"/cluster/mapping/{kind}",
        "id",
        unknown="mapping '{id}' not found",
        exists=f"{kind} ID '{{id}}' already defined",
        listed_key="id",
        constant={"type": kind},
        unknown_on_update=f"update {noun} mapping failed: {kind} ID '{{id}}' does not exist",
        required_on_update=("map",),
        create_failed=f"create {noun} mapping failed: ",
        update_failed=f"update {noun} mapping failed: ",
    )


MAPPINGS = (_mapping("dir", "directory"), _mapping("pci", "hardware"), _mapping("usb", "hardware"))

METRICS_SERVERS = Kind(
    "/cluster/metrics/server",
    "id",
    unknown="status server entry '{id}' does not exist",
    exists="Metric server '{id}' already exists",
    create_at_item=True,
    listed_key="id",
    listed=("type", "server", "port", "disable"),
    hidden=("token",),
    unknown_on_update="no such server '{id}'",
    unknown_on_delete="cannot lookup undefined type! at /usr/share/perl5/PVE/API2/Cluster/MetricServer.pm line 295.",
    digest_read=False,
    digest_listed=False,
)

CPU_MODELS = Kind(
    "/cluster/qemu/custom-cpu-models",
    "cputype",
    unknown="Custom cputype '{id}' not found",
    exists="custom CPU model '{id}' already exists",
    unknown_on_update="custom CPU model '{id}' does not exist",
    unknown_on_delete="custom CPU model '{id}' does not exist",
)

REALM_SYNC_JOBS = Kind(
    "/cluster/jobs/realm-sync",
    "id",
    unknown="No such job '{id}'",
    exists="Job '{id}' already exists",
    create_at_item=True,
    listed_key="id",
    constant={"type": "realm-sync"},
    defaults={"enabled": 1},
    digest_read=False,
    digest_listed=False,
    empty_is="keep",
    missing_as_parameter=True,
    unknown_on_delete="400 Parameter verification failed.\nid: No such job '{id}'",
)

BACKUP_JOBS = Kind(
    "/cluster/backup",
    "id",
    unknown="No such job '{id}'",
    exists="Job '{id}' already exists",
    shown_key="id",
    listed_key="id",
    constant={"type": "vzdump"},
    defaults={"enabled": 1},
    digest_read=False,
    digest_listed=False,
    missing_as_parameter=True,
    unknown_on_delete="400 Parameter verification failed.\nid: No such job '{id}'",
    unknown_option="400 Parameter verification failed.\ndelete: unknown option '{key}'",
)

ACME_PLUGINS = Kind(
    "/cluster/acme/plugins",
    "id",
    unknown="ACME plugin '{id}' not defined",
    exists="ACME plugin ID '{id}' already exists",
    shown_key="plugin",
    listed_key="plugin",
)

HA_RESOURCES = Kind(
    "/cluster/ha/resources",
    "sid",
    unknown="no such resource '{id}'",
    exists="resource ID '{id}' already defined",
    shown_key="sid",
    listed_key="sid",
    unknown_on_delete="cannot delete service '{id}', not HA managed!",
    create_failed="create resource failed: ",
    update_failed="update resources config failed: ",
)

HA_RULES = Kind(
    "/cluster/ha/rules",
    "rule",
    unknown="no such ha rule '{id}'",
    exists="HA rule '{id}' already defined",
    shown_key="rule",
    listed_key="rule",
    create_failed="create ha rule failed: ",
    update_failed="update HA rules failed: ",
)

REPLICATION_JOBS = Kind(
    "/cluster/replication",
    "id",
    unknown="no such replication job '{id}'",
    exists="replication job '{id}' already exists",
    shown_key="id",
    listed_key="id",
    digest_listed=False,
    required=("target", "type"),
    unknown_on_delete="no such replication job '{id}'",
)

REALMS = Kind(
    "/access/domains",
    "realm",
    unknown="domain '{id}' does not exist",
    exists="domain '{id}' already exists",
    hidden=("password",),
    listed=("type", "comment", "default", "tfa"),
    listed_key="realm",
    unknown_on_delete="authentication domain '{id}' does not exist",
    unknown_option="",
    create_failed="add auth server failed: ",
    update_failed="update auth server failed: ",
    delete_failed="delete auth server failed: ",
    digest_listed=False,
)


def _sdn(kind: str, key: str, noun: str = "") -> Kind:
    """An object of the SDN; ``noun`` where Proxmox's deletion names another kind, as for IPAMs."""
    return Kind(
        f"/cluster/sdn/{kind}",
        key,
        unknown="sdn '{id}' does not exist",
        exists=f"sdn {key} object ID '{{id}}' already defined",
        shown_key=key,
        listed_key=key,
        unknown_on_delete="sdn '{id}' does not exist",
        create_failed=f"create sdn {key} object failed: ",
        update_failed=f"update sdn {key} object failed: ",
        delete_failed=f"delete sdn {noun or key} object failed: ",
    )


ZONES = _sdn("zones", "zone")
VNETS = _sdn("vnets", "vnet")
CONTROLLERS = _sdn("controllers", "controller")
IPAMS = _sdn("ipams", "ipam", "zone")
DNS_SERVERS = _sdn("dns", "dns")
SUBNETS = Kind(
    "/cluster/sdn/vnets/{vnet}/subnets",
    "subnet",
    unknown="sdn subnet '{id}' does not exist",
    exists="sdn subnet object ID '{id}' already defined",
    shown_key="subnet",
    listed_key="subnet",
    unknown_on_delete="zone '' doesn't exist in IPAM DB",
    create_failed="create sdn subnet object failed: ",
    update_failed="update sdn subnet object failed: ",
    delete_failed="delete sdn subnet object failed: ",
)

FABRICS = Kind(
    "/cluster/sdn/fabrics/fabric",
    "id",
    unknown="fabric '{id}' not found in configuration",
    exists="fabric '{id}' already exists",
    shown_key="id",
    listed_key="id",
    unknown_on_delete="fabric '{id}' not found",
    create_failed="adding fabric failed: ",
    update_failed="updating fabric failed: ",
    delete_failed="deleting fabric failed: ",
    digest_listed=False,
    digest_on_create=True,
    unknown_option="",
    as_text=True,
    result="",
)


def _notification(path: str, noun: str, secrets: tuple[str, ...] = ()) -> Kind:
    return Kind(
        f"/cluster/notifications/{path}",
        "name",
        unknown=f"{noun} '{{id}}' not found",
        exists="Cannot create '{id}', an entity with the same name already exists",
        shown_key="name",
        listed_key="name",
        hidden=secrets,
        unknown_on_delete=f"{noun} '{{id}}' not found",
        unknown_option="",
        digest_listed=False,
        empty_is="store",
        refusal=400,
        missing=404,
        as_text=True,
    )


ENDPOINTS = {
    "sendmail": _notification("endpoints/sendmail", "endpoint"),
    "gotify": _notification("endpoints/gotify", "endpoint", ("token",)),
    "smtp": _notification("endpoints/smtp", "endpoint", ("password",)),
    "webhook": _notification("endpoints/webhook", "endpoint"),
}
MATCHERS = _notification("matchers", "matcher")
