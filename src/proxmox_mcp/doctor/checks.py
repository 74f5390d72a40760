"""Runs all checks at the same time, within one deadline, and reports them in a fixed order."""

# Tested through tests/doctor/test_run.py and tests/doctor/test_cluster_checks.py.

from __future__ import annotations

import queue
from functools import partial
from typing import TYPE_CHECKING

from proxmox_mcp.doctor import client_view, cluster_checks, server_checks
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.doctor.timing import BackgroundTask, Deadline
from proxmox_mcp.settings import SECRETS, known_names
from proxmox_mcp.suggest import CLOSE, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.settings import Settings

TOTAL_SECONDS = 28.0
SETTINGS = ReportSection("settings")


def run_checks(
    settings: Settings, names: Iterable[str], target: ClientUrl | None, deadline: Deadline, hold: float = 0.0
) -> Iterator[CheckStep]:
    """Every step, as soon as it and those before it are done.

    ``names`` are the variables that are set; ``target`` is the address of clients, if that is checked too, with an idle
    stream kept open for ``hold`` seconds.
    """
    if target is not None and target.client_only:
        yield SETTINGS.ok("environment", "only --url is given: the server is checked as clients see it")
        yield from _outside(target, settings, deadline, hold).steps()
        return
    yield _read(settings)
    fix = Fix("Correct its name, or unset it: it has no effect.")
    yield from (SETTINGS.warn("names", note, fix) for note in (*settings.notes, *_misspelt(names)))
    several = len(settings.clusters) > 1
    cache = settings.server.cache_directory / "schema"
    groups = [
        _Group(part, partial(cluster_checks.look, part, each, cache, deadline), deadline)
        for part, each in (
            (ReportSection(f"cluster {name}" if several else "Proxmox"), each)
            for name, each in settings.clusters.items()
        )
    ]
    groups.append(_Group(server_checks.PART, lambda: server_checks.look(settings, deadline), deadline))
    if target is not None:
        groups.append(_outside(target, settings, deadline, hold))
    for group in groups:
        yield from group.steps()


def _outside(target: ClientUrl, settings: Settings, deadline: Deadline, hold: float) -> _Group:
    """Checks of the server as clients see it."""
    longer = Deadline(deadline.end + hold)
    return _Group(ReportSection(target.base), lambda: client_view.look(target, settings.server, deadline, hold), longer)


def _misspelt(names: Iterable[str]) -> Iterator[str]:
    """Variables whose names resemble settings but lack the prefix."""
    known = known_names()
    for name in sorted(names):
        if name.startswith(("PROXMOX_", "MCP_")):
            continue
        if question := did_you_mean(name, known, 1, threshold=CLOSE):
            yield f"{name} is not a setting. {question}"


def _read(settings: Settings) -> CheckStep:
    changed = sorted(settings.server.model_fields_set)
    said = ", ".join(name.upper() for name in changed) or "no MCP_ variable is set, defaults apply"
    clusters = f"clusters: {', '.join(settings.clusters)}; " if len(settings.clusters) > 1 else ""
    return SETTINGS.ok("environment", f"understood; {clusters}{said}")


class _Group:
    """Steps that a thread finds, handed over one by one."""

    def __init__(self, part: ReportSection, find: Callable[[], Iterator[CheckStep]], deadline: Deadline) -> None:
        self._part, self._find, self._deadline = part, find, deadline
        self._found: queue.Queue[CheckStep | None] = queue.Queue()
        self._work = BackgroundTask(self._run)

    def _run(self) -> None:
        try:
            for step in self._find():
                self._found.put(step)
        finally:
            self._found.put(None)

    def steps(self) -> Iterator[CheckStep]:
        while True:
            try:
                step = self._found.get(timeout=self._deadline.left + 0.5)
            except queue.Empty:
                yield self._part.fail(
                    "time", "The remaining checks were cancelled: they took too long.", Fix("See the slow steps above.")
                )
                return
            if step is None:
                self._work.result(Deadline.after(1.0))
                return
            yield step


def secrets_of(settings: Settings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """All secrets of the settings, also those from files."""
    server = settings.server
    held = [
        server.mcp_auth_token,
        server.mcp_state_key,
        server.mcp_state_url,
        server.mcp_database_url,
        server.mcp_audit_key,
    ]
    held += [each.proxmox_password for each in settings.clusters.values()]
    given = [environment.get(name, "") for name in SECRETS]
    return tuple(dict.fromkeys(value for value in (*(each.get_secret_value() for each in held), *given) if value))
