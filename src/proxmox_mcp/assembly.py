"""Builds a gateway from the settings: the one place where the parts are put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.confirm.approvals import Approvals
from proxmox_mcp.confirm.confirmations import Confirmations, ConfirmationStore, ConfirmSetting, MemoryStore
from proxmox_mcp.confirm.freezes import Freezes
from proxmox_mcp.confirm.grants import Grants
from proxmox_mcp.confirm.operators import Operators
from proxmox_mcp.confirm.waiting import Waiting
from proxmox_mcp.errors import ApidocError, SettingsError, SettingsFaults
from proxmox_mcp.gateway import Gateway
from proxmox_mcp.gateway.changes import ChangeLog
from proxmox_mcp.gateway.cluster import Cluster
from proxmox_mcp.gateway.enforcement import Guard
from proxmox_mcp.gateway.pipeline import NOBODY, Pipeline
from proxmox_mcp.gateway.plans import PlanLimits
from proxmox_mcp.gateway.schema_source import ReviewSource, SchemaKeeper
from proxmox_mcp.guests import GuestCommands, GuestLocks, LocalLocks
from proxmox_mcp.policy.caller import Limits, Mode
from proxmox_mcp.policy.callers import Callers, CallersSource
from proxmox_mcp.policy.limits import ProcessLimits, RateLimits
from proxmox_mcp.policy.policy_file import PolicySource
from proxmox_mcp.proxmox.access import GuestAccess, Reader, Writer
from proxmox_mcp.proxmox.client import Proxmox
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.record.activity import ActivityLog
from proxmox_mcp.record.audit import AuditLog, why_unwritable
from proxmox_mcp.record.audit_file import head_of
from proxmox_mcp.record.changes import Changes
from proxmox_mcp.record.one_time_secrets import OneTimeSecrets
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.syslog import Syslog, SyslogAddress
from proxmox_mcp.render import Budget
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.pipeline import Observer
    from proxmox_mcp.notify import Notifier
    from proxmox_mcp.settings import ClusterSettings, ServerSettings, Settings


def connection_of(settings: ClusterSettings) -> Connection:
    """The nodes of a cluster and the identity to use there. Raises SettingsError."""
    return Connection.parse(
        host=",".join(settings.proxmox_host),
        port=settings.proxmox_port,
        user=settings.proxmox_user,
        token_id=settings.proxmox_token_id,
        secret=settings.proxmox_password.get_secret_value(),
        verify_ssl=settings.proxmox_verify_ssl,
        ca_file=Path(settings.proxmox_ca_file) if settings.proxmox_ca_file else None,
        fingerprint=settings.proxmox_fingerprint,
        timeout=settings.proxmox_timeout,
    )


def cluster_of(
    name: str, settings: ClusterSettings, store: IndexStore | None, reader: Reader, timezone: str = ""
) -> Cluster:
    """A cluster, not connected yet. Raises SettingsError."""
    schema = SchemaKeeper(reader, settings.proxmox_apidoc, store)
    if settings.proxmox_apidoc not in ("auto", "bundled") and "://" not in settings.proxmox_apidoc:
        try:
            schema.load()
        except ApidocError as error:
            raise SettingsError(f"PROXMOX_APIDOC: {error.message}", error.advice) from error
    return Cluster.of(name, reader, schema, timezone=timezone)


def guard_of(settings: Settings) -> Guard:
    """The guard with its files. Raises SettingsError for an unusable policy, audit file or store."""
    server = settings.server
    redactor = redactor_of(settings)
    policy_file = Path(server.mcp_policy_file) if server.mcp_policy_file else None
    audit_file = Path(server.mcp_audit_file) if server.mcp_audit_file else None
    faults = SettingsFaults()
    counted: tuple[ConfirmationStore, RateLimits] | None = None
    state: Store | None = None
    source: PolicySource | None = None
    audit: AuditLog | None = None
    with faults.collected():
        counted = _counted(server)
    with faults.collected():
        state = store_of(server)
    with faults.collected():
        # Only rules need to know which paths there are: the files of the reviews take 25 ms to read.
        templates = bundled_effects().templates if policy_file else ()
        source = PolicySource(Mode(server.mcp_mode), policy_file, templates)
    with faults.collected():
        if audit_file and (fault := why_unwritable(audit_file)):
            raise SettingsError(
                f"MCP_AUDIT_FILE: {audit_file} can't be written: {fault}.",
                "Name a file in a directory that this user can write: no change is sent without an audit line.",
            )
        if state is not None:
            activity = ActivityLog(state)
            audit = audit_of(settings, activity)
    if counted is None or state is None or source is None or audit is None or faults.found:
        raise faults.error()
    store, limits = counted
    approvals = Approvals(state)
    return Guard(
        reviews=ReviewSource(),
        source=source,
        setting=ConfirmSetting(server.mcp_confirm),
        confirmations=Confirmations(store),
        approvals=approvals,
        operators=operators_of(server, state),
        waiting=Waiting(approvals, state, server.mcp_approval_wait),
        limits=limits,
        audit=audit,
        redactor=redactor,
        one_time_secrets=OneTimeSecrets(state),
        freezes=Freezes(state, audit),
        grants=Grants(state),
        store=state,
        activity=activity,
    )


def audit_of(settings: Settings, activity: ActivityLog) -> AuditLog:
    """The audit log, whose lines are also shown as activity; nothing is opened yet. Raises SettingsError."""
    server = settings.server
    path = Path(server.mcp_audit_file) if server.mcp_audit_file else None
    return AuditLog(
        path,
        redactor_of(settings),
        head=head_of(path, server.state_directory) if path else None,
        key=server.mcp_audit_key.get_secret_value().encode(),
        also=activity.note,
        copies=Syslog(SyslogAddress.parse(server.mcp_audit_syslog)) if server.mcp_audit_syslog else None,
    )


def freezes_of(settings: Settings) -> Freezes:
    """The freeze, for the command line. Raises SettingsError."""
    store = store_of(settings.server)
    return Freezes(store, audit_of(settings, ActivityLog(store)))


def operators_of(server: ServerSettings, store: Store) -> Operators:
    """Where operators decide on what waits for them."""
    served = server.mcp_console == "on"
    console = f"{server.mcp_public_url}/console/" if served and server.mcp_public_url else ""
    return Operators(
        store=store,
        console=console,
        served=served,
        notified=bool(server.mcp_notify.get_secret_value().strip()),
    )


def _notifier_of(server: ServerSettings, guard: Guard, clusters: Mapping[str, Cluster]) -> Notifier | None:
    """What tells people of news: of the store, and of what fails in this server. None if there are no channels."""
    if not guard.operators.notified:
        return None
    # Imported where there are channels: most servers have none.
    from proxmox_mcp.notify import Channels, Notifier
    from proxmox_mcp.notify.news import NewsOfStore

    audit_file = Path(server.mcp_audit_file) if server.mcp_audit_file else None

    def troubles() -> Mapping[str, str]:
        found = {}
        for name, cluster in clusters.items():
            state = cluster.pve.state()
            down = bool(state.nodes) and all(node.up is False for node in state.nodes)
            if state.refusal or down:
                found[f"cluster {name}"] = state.refusal or state.reason
        if audit_file and (fault := why_unwritable(audit_file)):
            found["audit log"] = fault
        return found

    return Notifier(
        Channels.of(server.mcp_notify),
        NewsOfStore(guard.store),
        console=guard.operators.console,
        detail=server.mcp_notify_detail,
        troubles=troubles,
    )


def changes_of(server: ServerSettings, store: Store, redactor: Redactor) -> Changes:
    """The record of changes."""
    return Changes(store, redactor, keep_days=server.mcp_changes_keep)


def redactor_of(settings: Settings) -> Redactor:
    """A redactor that knows the secrets of the settings."""
    server = settings.server
    secrets = [each.proxmox_password.get_secret_value() for each in settings.clusters.values()]
    keys = (server.mcp_auth_token, server.mcp_state_key, server.mcp_audit_key)
    secrets += [key.get_secret_value() for key in keys]
    secrets += server.mcp_notify.get_secret_value().split()
    secrets += [password_of(url.get_secret_value()) for url in (server.mcp_state_url, server.mcp_database_url)]
    return Redactor(secrets)


def password_of(url: str) -> str:
    """The password in a URL; the whole URL if it can't be parsed."""
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return url


def store_of(server: ServerSettings) -> Store:
    """The store of all durable state; nothing is opened yet. Raises SettingsError."""
    earlier = (server.cache_directory, server.state_directory)
    if url := server.mcp_database_url.get_secret_value():
        return Store.at_url(url, earlier=earlier)
    return Store.in_directory(server.state_directory, earlier=earlier)


def _counted(server: ServerSettings) -> tuple[ConfirmationStore, RateLimits]:
    """Where confirmations are kept and calls are counted: in this process, or in the store that replicas share."""
    default = Limits(calls_per_minute=server.mcp_rate_limit, concurrent=server.mcp_concurrency)
    url = server.mcp_state_url.get_secret_value()
    if not url:
        return MemoryStore(), ProcessLimits(default)
    # Only servers with replicas need redis (an extra; 60 ms to import).
    from proxmox_mcp.policy.shared_limits import SharedLimits
    from proxmox_mcp.store.valkey import SharedConfirmations, SharedState

    state = SharedState(url)
    return SharedConfirmations(state), SharedLimits(state, default)


def _locks_of(server: ServerSettings) -> GuestLocks:
    """What lets one command at a time into a container: among all replicas where they share a store."""
    url = server.mcp_state_url.get_secret_value()
    if not url:
        return LocalLocks()
    from proxmox_mcp.guests.shared_locks import SharedLocks
    from proxmox_mcp.store.valkey import SharedState

    return SharedLocks(SharedState(url))


def gateway_of(settings: Settings, observer: Observer = NOBODY) -> Gateway:
    """The gateway; nothing is connected yet. Raises SettingsError with all errors."""
    server = settings.server
    store = IndexStore(server.cache_directory / "schema")
    faults = SettingsFaults()
    clusters: dict[str, Cluster] = {}
    nodes: dict[str, Proxmox] = {}
    guard: Guard | None = None
    several = len(settings.clusters) > 1
    for name, each in settings.clusters.items():
        with faults.collected(f"[{name}] " if several else ""):
            nodes[name] = proxmox = Proxmox(connection_of(each), observe=observer.exchanges(name))
            clusters[name] = cluster_of(name, each, store, Reader(proxmox), server.mcp_timezone)
    with faults.collected():
        guard = guard_of(settings)
    if guard is None or faults.found:
        raise faults.error()
    locks = _locks_of(server)
    permit = guard.freezes.refuse_if_frozen
    writers = {name: Writer(proxmox, permit) for name, proxmox in nodes.items()}
    guests = {
        name: GuestCommands(GuestAccess(proxmox, permit), locks, name=name, by_token=bool(proxmox.connection.token))
        for name, proxmox in nodes.items()
    }
    changes = changes_of(server, guard.store, guard.redactor) if server.mcp_changes else None
    pipeline = Pipeline(
        guard,
        writers,
        guests,
        validation=server.mcp_validation,
        task_wait=server.mcp_task_wait,
        observer=observer,
        changes=ChangeLog(changes, guard.redactor) if changes else None,
    )
    budget = Budget.of(server.mcp_result_tokens)
    limits = PlanLimits(steps=server.mcp_plan_steps, unasked=server.mcp_plan_ask)
    return Gateway(
        clusters,
        pipeline,
        budget=budget,
        guest_commands=server.mcp_guest_exec,
        plan_limits=limits,
        notifier=_notifier_of(server, guard, clusters),
    )


def checked_gateway_of(
    settings: Settings, observer: Observer = NOBODY, faults: SettingsFaults | None = None
) -> Gateway | SettingsError:
    """The gateway, or all errors: of the settings, those in ``faults``, and of the parts."""
    found = SettingsFaults((*settings.faults, *(faults.found if faults else ())))
    gateway: Gateway | None = None
    with found.collected():
        gateway = gateway_of(settings, observer)
    if gateway is None or found.found:
        return found.error().reworded(redactor_of(settings).text)
    return gateway


def callers_of(server: ServerSettings, clusters: tuple[str, ...]) -> Callers | CallersSource | None:
    """Who may call over the network; None without authentication. Raises SettingsError."""
    if server.mcp_callers_file:
        known = clusters if len(clusters) > 1 else ()
        return CallersSource(Path(server.mcp_callers_file), known, bundled_effects().templates)
    token = server.mcp_auth_token.get_secret_value()
    return Callers.single(token) if token else None
