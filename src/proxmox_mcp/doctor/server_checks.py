"""Checks the settings of the server itself: who may call, its address, its files, the shared state."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.app.listener import listen_fault, require_authentication
from proxmox_mcp.assembly import callers_of
from proxmox_mcp.doctor import http
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.doctor.summary import RUNS
from proxmox_mcp.errors import SettingsError, StoreError
from proxmox_mcp.net.failures import RequestFailedError
from proxmox_mcp.policy.callers import load_callers
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.record.audit import why_unwritable
from proxmox_mcp.render.units import number_of
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.policy.rules import Rule
    from proxmox_mcp.settings import ServerSettings, Settings

PART = ReportSection("server")


def look(settings: Settings, deadline: Deadline) -> Iterator[CheckStep]:
    """The steps, in the order of a server start."""
    server = settings.server
    yield _authentication(server)
    yield _hosts(server)
    yield _address(server, deadline)
    yield from _files(settings)
    if url := server.mcp_state_url.get_secret_value():
        yield _store(url, deadline)
    if url := server.mcp_database_url.get_secret_value():
        yield _database(url)


def _authentication(server: ServerSettings) -> CheckStep:
    name = "who may call"
    where = f"MCP_HOST={server.mcp_host}"
    try:
        require_authentication(server)
        if not server.mcp_callers_file:
            callers_of(server, ())
    except SettingsError as error:
        return _refused(name, error)
    if server.mcp_callers_file:
        return PART.ok(name, f"{where}; callers with tokens, from {server.mcp_callers_file}; mode {server.mcp_mode}")
    if server.mcp_auth_token.get_secret_value():
        return PART.ok(name, f"{where}; callers with the token MCP_AUTH_TOKEN; mode {server.mcp_mode}")
    if server.loopback:
        return PART.ok(name, f"{where}; everyone on this machine, without a token; mode {server.mcp_mode}")
    return PART.warn(
        name,
        f"{where} with MCP_AUTH=none: anyone who reaches port {server.mcp_port} acts as the Proxmox identity",
        Fix(
            "This is safe only behind a proxy that authenticates callers, on a private network. Otherwise unset "
            "MCP_AUTH and set MCP_AUTH_TOKEN to what this prints:",
            ("proxmox-mcp token new",),
        ),
    )


def _hosts(server: ServerSettings) -> CheckStep:
    name = "names that clients may use"
    if server.mcp_allowed_hosts:
        return PART.ok(name, ", ".join(server.mcp_allowed_hosts))
    if server.loopback:
        return PART.ok(name, "loopback names (MCP_ALLOWED_HOSTS is not set)")
    return PART.warn(
        name,
        "loopback names only (MCP_ALLOWED_HOSTS is not set): other names get 421 Invalid Host header",
        Fix(
            "Set the host name of the clients' URL; separate several with commas:",
            ("MCP_ALLOWED_HOSTS=proxmox-mcp.example.org",),
        ),
    )


def _address(server: ServerSettings, deadline: Deadline) -> CheckStep:
    name = "address"
    host = server.mcp_host.strip("[]")
    where = f"{server.mcp_host} port {server.mcp_port}"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, server.mcp_port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(server, where, deadline)
        found, _, fix = listen_fault(error, server.mcp_host, server.mcp_port).partition(": ")
        return PART.wrong_setting(name, f"{found}.", Fix(fix[:1].upper() + fix[1:]))
    return PART.ok(name, f"{where} is free")


def _taken(server: ServerSettings, where: str, deadline: Deadline) -> CheckStep:
    """The step for a port in use: by this server, as it should be, or by another program."""
    host = server.mcp_host.strip("[]")
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what it stands for is looked up
    address = http.Address("http", local, server.mcp_port, "/livez")
    try:
        with http.exchange(address, patience=2.0, deadline=deadline.within(3.0)) as answer:
            ours = answer.status == 200 and answer.text().strip() == "ok"
    except RequestFailedError:
        ours = False
    if ours:
        return PART.ok("address", f"{where}: {RUNS}")
    return PART.fail(
        "address",
        f"{where} is in use by another program.",
        Fix(
            "Set MCP_PORT to another port, or stop the program that this shows:",
            (f"ss -ltnp 'sport = :{server.mcp_port}'",),
        ),
    )


def _files(settings: Settings) -> Iterator[CheckStep]:
    server = settings.server
    clusters = tuple(settings.clusters) if len(settings.clusters) > 1 else ()
    if path := server.mcp_policy_file:
        yield _policy(Path(path))
    if path := server.mcp_callers_file:
        yield _callers(Path(path), clusters)
    if path := server.mcp_audit_file:
        yield _audit(Path(path))
    if not server.mcp_database_url.get_secret_value():
        yield _state(server.state_directory)


def _policy(path: Path) -> CheckStep:
    try:
        rules = load_rules(path, bundled_effects().templates)
    except SettingsError as error:
        return _refused("policy", error)
    return _outdated("policy", rules) or PART.ok("policy", f"{path}: {number_of(len(rules), 'rule')}")


def _callers(path: Path, clusters: tuple[str, ...]) -> CheckStep:
    try:
        callers = load_callers(path, clusters, bundled_effects().templates)
    except SettingsError as error:
        return _refused("callers", error)
    rules = tuple(rule for caller in callers for rule in caller.rules)
    return _outdated("callers", rules) or PART.ok("callers", f"{path} has no errors")


def _outdated(name: str, rules: Sequence[Rule]) -> CheckStep | None:
    """The step for rules with keys of an older version, which still work."""
    found = tuple(rule.outdated for rule in rules if rule.outdated)
    if not found:
        return None
    return PART.warn(
        name,
        found[0],
        Fix("Rewrite the rules as docs/upgrade.md says. Until then they still apply."),
        details=found[1:],
    )


def _refused(name: str, error: SettingsError) -> CheckStep:
    """The step for a file with errors: the server starts, but sends no calls."""
    advice = error.advice or "Correct it in the file."
    return PART.wrong_setting(name, f"No calls are sent until this is corrected. {error.message}", Fix(advice))


def _audit(path: Path) -> CheckStep:
    if not (fault := why_unwritable(path)):
        return PART.ok("audit", f"{path} can be written")
    return PART.wrong_setting(
        "audit",
        f"No calls are sent until this is corrected. MCP_AUDIT_FILE={path} can't be written: {fault}.",
        Fix(f"Make {path.parent} writable for the user that the server runs as (in a container, a volume)."),
    )


def _state(directory: Path) -> CheckStep:
    """The directory of the durable state, which is created when it is first needed."""
    there = next((each for each in (directory, *directory.parents) if each.exists()), directory)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return PART.ok("state", f"{directory} can be written")
    return PART.warn(
        "state",
        f"{directory} can't be written: no change of the cluster is sent, `proxmox-mcp approve` finds no calls, and "
        "secrets that calls return are lost",
        Fix("Set MCP_STATE_DIR to a directory that the user of the server can write (in a container, a volume)."),
    )


def _store(url: str, deadline: Deadline) -> CheckStep:
    """The store that replicas share. Its URL may contain a password, so only host and port are shown."""
    name = "shared state"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 6379
    except ValueError:
        host, port = "", 0
    if not host or parts.scheme not in ("redis", "rediss", "valkey", "valkeys"):
        form = Fix("Write it as redis://host:6379/0, or valkey://, rediss:// or valkeys://.")
        return PART.wrong_setting(name, "MCP_STATE_URL is not the address of a Valkey or Redis server.", form)
    try:
        socket.create_connection((host, port), timeout=max(deadline.within(3.0).left, 0.01)).close()
    except OSError as error:
        said = f"The store of MCP_STATE_URL ({host} port {port}) is unreachable: {error.strerror or error}."
        return PART.fail(name, said, Fix("Start it, or check host and port in MCP_STATE_URL, and the network."))
    return PART.ok(name, f"{host} port {port} accepts connections")


def _database(url: str) -> CheckStep:
    """The database of the durable state, opened as the server opens it: a new one gets its tables."""
    name = "database"
    try:
        store = Store.at_url(url)
    except SettingsError as error:
        return _refused(name, error)
    try:
        with store.reading():
            return PART.ok(name, "the database of MCP_DATABASE_URL can be used")
    except StoreError as error:
        return PART.fail(name, f"No change of the cluster is sent. {error.message}.", Fix(error.advice))
    finally:
        store.close()
