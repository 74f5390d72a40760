"""Checks one cluster, from the names of its nodes to the privileges of the identity."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.assembly import connection_of
from proxmox_mcp.doctor import certificate, connectivity, privileges, proxmox_api, schema_check
from proxmox_mcp.doctor.connectivity import Destination
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.doctor.timing import BackgroundTask, Deadline
from proxmox_mcp.errors import ProxmoxError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from proxmox_mcp.doctor.certificate import Certificate
    from proxmox_mcp.proxmox.connection import Connection
    from proxmox_mcp.settings import ClusterSettings

SETTINGS = "settings"
_PVEPROXY = "Check the port (Proxmox VE: 8006), and on the node: `systemctl status pveproxy`."


class _Reachability(Struct, frozen=True):
    """The steps to reach a host; ``certificate`` None: it failed before or at TLS."""

    place: Destination
    steps: tuple[CheckStep, ...]
    certificate: Certificate | None = None


def look(part: ReportSection, settings: ClusterSettings, cache: Path, deadline: Deadline) -> Iterator[CheckStep]:
    """The steps in order; what can't be checked is skipped with the reason."""
    try:
        connection = connection_of(settings)
    except SettingsError as error:
        yield from part.wrong(SETTINGS, error)
        return
    hosts = ", ".join(map(str, connection.hosts))
    yield part.ok(SETTINGS, f"{hosts}, as {connection.identity}, by {'token' if connection.token else 'password'}")
    reached = _reach_all(part, connection, deadline)
    ways = [each for each in reached if each.certificate is not None]
    for each in reached:
        yield from (_as_warning(step) if ways else step for step in each.steps)
    if any(step.name.startswith("TLS") for each in reached for step in each.steps):
        yield certificate.verification_step(part, connection, [each.certificate for each in ways if each.certificate])
    if not ways:
        yield part.skipped("authentication", "no node can be reached")
        yield schema_check.look(part, settings.proxmox_apidoc, connection, None, cache, deadline)
        return
    yield from _check_with_credentials(part, settings, connection, ways, cache, deadline)


def _reach_all(part: ReportSection, connection: Connection, deadline: Deadline) -> list[_Reachability]:
    """All hosts at the same time, so that several silent ones take no longer than one."""
    places = [Destination(part, host, "PROXMOX_HOST", _PVEPROXY) for host in connection.hosts]
    works = [BackgroundTask(partial(_reach_one, place, connection, deadline)) for place in places]
    found = []
    for place, work in zip(places, works, strict=True):
        try:
            found.append(work.result(deadline))
        except TimeoutError:
            found.append(
                _Reachability(place, (part.fail(place.named("TCP"), f"{place.where} did not answer in time."),))
            )
    return found


def _reach_one(place: Destination, connection: Connection, deadline: Deadline) -> _Reachability:
    step, addresses = connectivity.resolve(place, deadline)
    if not addresses:
        return _Reachability(place, (step,))
    tcp, opened = connectivity.connect(place, addresses, deadline)
    if opened is None:
        return _Reachability(place, (step, tcp))
    with opened:
        tls, shown = certificate.look(place, opened, connection, deadline)
    return _Reachability(place, (step, tcp, tls), shown)


def _as_warning(step: CheckStep) -> CheckStep:
    """An unreachable node is only a warning while another one answers."""
    away = step.status == "fail" and not step.name.startswith("TLS")
    return replace(step, status="warn", found=f"{step.found} The other nodes are used.") if away else step


def _check_with_credentials(
    part: ReportSection,
    settings: ClusterSettings,
    connection: Connection,
    ways: Sequence[_Reachability],
    cache: Path,
    deadline: Deadline,
) -> Iterator[CheckStep]:
    """The steps that need the credentials."""
    try:
        session = proxmox_api.ApiSession(connection)
    except SettingsError as error:
        yield from part.wrong(SETTINGS, error)
        return
    with closing(session):
        yield from _check_as_identity(part, settings, session, ways, cache, deadline)


def _check_as_identity(
    part: ReportSection,
    settings: ClusterSettings,
    session: proxmox_api.ApiSession,
    ways: Sequence[_Reachability],
    cache: Path,
    deadline: Deadline,
) -> Iterator[CheckStep]:
    """The steps in a session with the credentials."""
    connection = session.connection
    spoken = _ask_versions([each.place for each in ways], session, deadline)
    for each in spoken.values():
        yield from each.steps
    answering = {place: each.version for place, each in spoken.items() if each.version}
    if not answering:
        if not any(each.refused for each in spoken.values()):
            yield part.skipped("authentication", "no node answers as Proxmox VE does")
        yield part.skipped("privileges", "authentication failed")
        yield schema_check.look(part, settings.proxmox_apidoc, connection, None, cache, deadline)
        return
    place, version = next(iter(answering.items()))
    yield proxmox_api.accepted(place, connection)
    yield from _daemons(list(answering), session, deadline)
    if len(set(answering.values())) > 1:
        told = ", ".join(f"{each.where} {known}" for each, known in answering.items())
        yield part.warn(
            "versions", f"The nodes run different versions: {told}", Fix("Upgrade all nodes to the same version.")
        )
    try:
        held = session.get(place, "/access/permissions", deadline)
    except ProxmoxError as error:
        yield part.fail(privileges.NAME, error.message, Fix(error.advice))
    else:
        yield privileges.judge(part, connection, held, version)
    node = schema_check.AnsweringNode(place.where, version)
    yield schema_check.look(part, settings.proxmox_apidoc, connection, node, cache, deadline)


def _daemons(places: Sequence[Destination], session: proxmox_api.ApiSession, deadline: Deadline) -> Iterator[CheckStep]:
    """pvedaemon of each host that answers, all at the same time."""
    works = [BackgroundTask(partial(proxmox_api.daemon, place, session, deadline)) for place in places]
    for place, work in zip(places, works, strict=True):
        try:
            yield work.result(deadline)
        except TimeoutError:
            yield place.part.fail(place.named("pvedaemon"), f"pvedaemon of {place.where} did not answer in time.")


def _ask_versions(
    places: Sequence[Destination], session: proxmox_api.ApiSession, deadline: Deadline
) -> dict[Destination, proxmox_api.VersionAnswer]:
    """Ask one host first, then the others at the same time: refused credentials are not tried again.

    Proxmox delays each refusal by 3 s.
    """
    first, *others = places
    spoken = {first: proxmox_api.ask_version(first, session, deadline)}
    if spoken[first].refused:
        return spoken
    works = {place: BackgroundTask(partial(proxmox_api.ask_version, place, session, deadline)) for place in others}
    for place, work in works.items():
        try:
            spoken[place] = work.result(deadline)
        except TimeoutError:
            step = place.part.fail(place.named("Proxmox API"), f"{place.where} did not answer in time.")
            spoken[place] = proxmox_api.VersionAnswer((step,))
    return spoken
