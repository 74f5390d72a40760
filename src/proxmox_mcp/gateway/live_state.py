"""What a call is about to hit, read from the cluster at that moment: for rules, and for the person who confirms.

Every fact is read once for a call, several at a time. A guarded DELETE of a VM takes six GETs where its node has two
storages for backups: resources, configuration, snapshots, two lists of backups, and the configuration again once
somebody has confirmed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm import subjects
from proxmox_mcp.confirm.statement import changes_values, differences_of, state
from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.backup_runs import BACKUP_RUNS, retention_words
from proxmox_mcp.gateway.reach import reached
from proxmox_mcp.policy.rules import ABSENT, NO_FACTS, GuestFacts
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.rules import Facts, Needs
    from proxmox_mcp.proxmox.inventory import Guest, Resources
    from proxmox_mcp.record.redaction import Redactor

Query = tuple[tuple[str, str], ...]
_ROLE = "/access/roles/{roleid}"
"""Its GET shows ``{"VM.Audit": 1}`` for what POST and PUT take as ``privs`` (``PVE::API2::Role::read_role``)."""
_MOST_SUBJECTS = 20
_READ_WITHIN = 10.0
"""Seconds in which the state of everything hit must be read; what is not read by then is said to be unread."""


class LiveState:
    """The state of what one call hits. Each path is read once; ``reread`` gives a new state for after a question.

    ``call`` is set again once the call is judged: its effects and targets say what there is to read.
    """

    def __init__(self, call: Call, cluster: Cluster) -> None:
        self.call, self.cluster = call, cluster
        self._resources: Resources | ProxmoxError | None = None
        self._answers: dict[tuple[str, Query], Any] = {}
        self._turns: dict[tuple[str, Query], anyio.Lock] = {}
        self._subjects: list[Subject] | None = None
        self._listed: frozenset[str] = frozenset()

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What a GET gives, read once for a call; an error is raised again each time. ``path`` is encoded."""
        key = (path, tuple(sorted((query or {}).items())))
        async with self._turns.setdefault(key, anyio.Lock()):
            if key not in self._answers:
                wanted: Wire | None = dict(query) if query else None
                try:
                    self._answers[key] = await self.cluster.pve.get(path, wanted, deadline=_READ_WITHIN)
                except ProxmoxError as error:
                    self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, ProxmoxError):
            raise answer.fresh()
        return answer

    async def configuration(self) -> Mapping[str, Any] | None:
        """What this write changes, as it is now with what is pending; None where there is no such thing to read, or
        where it can't be read."""
        call = self.call
        if not call.writes or not call.template:
            return None
        schema = await self.cluster.schema.current()
        if schema.index.get("GET", call.template) is None:
            return None
        try:
            found = await self.read(call.path.encoded.partition("?")[0])
        except ProxmoxError:
            return None
        if call.template == _ROLE and isinstance(found, dict):
            return {"privs": ",".join(sorted(found))}
        return found if isinstance(found, dict) else None

    async def facts(self, needs: Needs) -> Facts:
        """Pool, tags, node and storages of guests. What can't be read stays unknown: rules then fail closed."""
        if not needs.guests:
            return NO_FACTS
        try:
            resources = await self.resources()
        except ProxmoxError:
            return NO_FACTS
        guests = {vmid: guest for vmid in sorted(needs.guests) if (guest := resources.guest(vmid)) is not None}
        storages: dict[int, frozenset[str] | None] = {}

        async def read_storages(guest: Guest) -> None:
            storages[guest.vmid] = await self._storages(guest)

        if needs.storages:
            await _all(read_storages, guests.values())
        known = {
            vmid: GuestFacts(node=guest.node, pool=guest.pool, tags=frozenset(guest.tags), storages=storages.get(vmid))
            for vmid, guest in guests.items()
        }
        if len(guests) < len(needs.guests) and await self.cluster.sees_all_guests():
            known |= dict.fromkeys(needs.guests - guests.keys(), ABSENT)
        return known

    async def subjects(self, *, backups: bool = True) -> list[Subject]:
        """The guests, storages and nodes that the call names, as they are now.

        ``backups``: told too where something is destroyed; a confirmation is not bound to them.
        """
        if self._subjects is None:
            self._subjects = await self._read_subjects(
                backups=backups and Effect.DESTROY in self.call.judgement.effects
            )
        return self._subjects

    async def statement(self, redactor: Redactor, *, backups: bool = True) -> Statement:
        """What the call would do, for the person who confirms. ``backups`` as for ``subjects``."""
        call, hit = self.call, await self.subjects(backups=backups)
        before = await self.configuration() if changes_values(call) else None
        notes = [await retention_words(self)] if (call.method, call.template) in BACKUP_RUNS else []
        if Effect.DESTROY in call.judgement.effects and call.judgement.cascade:
            notes.append(f"With it: {call.judgement.cascade}")
        if kinds := self.unlisted():
            notes.append(f"It may hit more than is listed: any {' or '.join(kinds)}")
        return state(call, hit, redactor, differences_of(call, before, redactor), list(filter(None, notes)))

    async def reread(self) -> LiveState:
        """The state after somebody was asked: read again is only what the confirmation is bound to."""
        before, after = await self.subjects(), LiveState(self.call, self.cluster)
        after._answers = {key: answer for key, answer in self._answers.items() if key[0].endswith("/content")}
        if self.call.targets.storages or any(each.kind == "guest" for each in before):  # Bound to the resources too.
            await after.subjects()
            return after
        after._resources = self._resources
        await _all(partial(self._confirm_unchanged, after), self._guests())
        if any(subject.unread for subject in await after.subjects()):  # Gone, or moved to another node.
            after._resources, after._subjects, after._answers = None, None, {}
            await after.subjects()
        return after

    async def _confirm_unchanged(self, after: LiveState, guest: Guest) -> None:
        """Take the snapshots over where the configuration is the same: its digest is that of the whole file, which
        holds the snapshots too (``PVE::QemuServer::parse_vm_config``, ``PVE::LXC::Config::parse_pct_config``)."""
        known = self._answers.get((f"{guest.path}/config", ()))
        try:
            config = await after.read(f"{guest.path}/config")
        except ProxmoxError:
            return
        if isinstance(known, dict) and isinstance(config, dict) and config.get("digest"):
            snapshots = (f"{guest.path}/snapshot", ())
            if known.get("digest") == config["digest"] and snapshots in self._answers:
                after._answers[snapshots] = self._answers[snapshots]

    async def _read_subjects(self, *, backups: bool) -> list[Subject]:
        targets = self.call.targets
        try:
            resources = await self.resources()
        except ProxmoxError as error:
            return [Subject(kind="guest", id=str(vmid), unread=error.message) for vmid in sorted(targets.guests)]
        found: dict[int, Subject] = {}

        async def read(guest: Guest) -> None:
            found[guest.vmid] = await self._guest(guest, resources, backups=backups)

        with anyio.move_on_after(_READ_WITHIN):
            await _all(read, self._guests())
        subjects = [found.get(vmid) or _unread(vmid, resources) for vmid in sorted(targets.guests)]
        storages = {storage.name: storage for storage in resources.storages}
        for name in sorted(targets.storages):
            kind = storages[name].type if name in storages else ""
            subjects.append(Subject(kind="storage", id=name, identity={"type": kind} if kind else {}))
        if not subjects:
            status = {node.name: node.status for node in resources.nodes}
            subjects = [
                Subject(kind="node", id=name, state={"status": status[name]})
                for name in sorted(targets.nodes)
                if name in status
            ]
        return subjects + await self._read_reach()

    async def _read_reach(self) -> list[Subject]:
        """What the call hits without naming it."""
        try:
            found = await reached(self)
        except ProxmoxError as error:
            return [Subject(kind="what else is hit by", id=self.call.path.text, unread=error.message)]
        self._listed = found.listed
        return list(found.subjects)

    def unlisted(self) -> list[str]:
        """The kinds of things of which the call may hit more than ``subjects`` has."""
        return sorted(self.call.targets.open_ended - self._listed)

    def _guests(self) -> list[Guest]:
        """The guests that the call names and that there are, the first of many."""
        if self._resources is None or isinstance(self._resources, ProxmoxError):
            return []
        vmids = sorted(self.call.targets.guests)[:_MOST_SUBJECTS]
        return [guest for vmid in vmids if (guest := self._resources.guest(vmid)) is not None]

    async def _guest(self, guest: Guest, resources: Resources, *, backups: bool) -> Subject:
        listed: list[dict[str, Any]] | None = None
        answers: dict[str, Any] = {}
        errors: list[ProxmoxError] = []

        async def read(part: str) -> None:
            nonlocal listed
            try:
                if part == "backups":
                    listed = await self.backups(guest, resources)
                else:
                    answers[part] = await self.read(f"{guest.path}/{part}")
            except ProxmoxError as error:
                errors.append(error)

        await _all(read, ("config", "snapshot", *(("backups",) if backups else ())))
        if errors:
            kind, identity = subjects.KIND[guest.type], {"name": guest.name}
            return Subject(kind=kind, id=str(guest.vmid), identity=identity, unread=errors[0].message)
        config, snapshots = answers["config"], answers["snapshot"]
        return subjects.of_guest(
            guest,
            config if isinstance(config, dict) else {},
            snapshots=snapshots if isinstance(snapshots, list) else [],
            backups=listed,
        )

    async def backups(self, guest: Guest, resources: Resources) -> list[dict[str, Any]] | None:
        """The backups of a guest on the storages that its node sees; None where one of them can't be read."""
        places = [s.name for s in resources.storages if s.node == guest.node and "backup" in s.content]
        wanted = {"content": "backup", "vmid": str(guest.vmid)}
        entries: list[dict[str, Any]] = []
        unread: list[str] = []

        async def read(storage: str) -> None:
            try:
                listed = await self.read(f"/nodes/{guest.node}/storage/{storage}/content", wanted)
            except ProxmoxError:
                unread.append(storage)
            else:
                entries.extend(records(listed))

        await _all(read, places)
        return entries if entries or not unread else None

    async def _storages(self, guest: Guest) -> frozenset[str] | None:
        try:
            config = await self.read(f"{guest.path}/config")
        except ProxmoxError:
            return None
        return subjects.storages_of(config) if isinstance(config, dict) else None

    async def resources(self) -> Resources:
        """The cluster's resources, at most a few seconds old for a read, and as they are now for a write."""
        if self._resources is None:
            try:
                self._resources = await self.cluster.inventory.resources(fresh=self.call.writes)
            except ProxmoxError as error:
                self._resources = error
        if isinstance(self._resources, ProxmoxError):
            raise self._resources.fresh()
        return self._resources


async def _all(work: Callable[[Any], Coroutine[Any, Any, None]], values: Iterable[Any]) -> None:
    """Do the work for all values at the same time."""
    async with anyio.create_task_group() as group:
        for value in values:
            group.start_soon(work, value)


def _unread(vmid: int, resources: Resources) -> Subject:
    guest = resources.guest(vmid)
    if guest is None:
        return Subject(kind="guest", id=str(vmid), state={"state": "no guest of this id is visible"})
    return Subject(kind="guest", id=str(vmid), identity={"name": guest.name}, unread="not read in time")
