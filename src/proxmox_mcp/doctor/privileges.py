"""Checks what the identity may do, from the privileges that Proxmox reports."""

# Tested through tests/doctor/test_cluster_checks.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.doctor.privilege_profiles import PROFILES, READ_ONLY, PrivilegeProfile
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.proxmox.permissions import Permissions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.doctor.privilege_profiles import Ability, Extent
    from proxmox_mcp.proxmox.connection import Connection

NAME = "privileges"
_MORE = "to let it do more: docs/tokens-and-privileges.md"


def judge(part: ReportSection, connection: Connection, data: object, version: str) -> CheckStep:
    """The step, from the ``data`` of ``/access/permissions``."""
    release = int(version.partition(".")[0]) if version[:1].isdigit() else 9
    permissions = Permissions.of(data)
    if connection.identity == "root@pam":
        return part.ok(NAME, "root@pam may do everything", *_advice_for_root(connection))
    if not any(permissions.held.values()):
        return part.fail(NAME, _nothing(connection), *_grants(connection, release, PROFILES), *_inherit(connection))
    extents = {use: {each: each.extent(permissions) for each in use.abilities} for use in PROFILES}
    details = tuple(line for use in PROFILES for line in _told(use, extents[use]))
    found = f"{connection.identity} may: {'; '.join(f'{use.name}: {_share(extents[use])}' for use in PROFILES)}"
    if not _whole(extents[READ_ONLY]):
        fixes = _grants(connection, release, [READ_ONLY])
        blind = ", ".join(each.text for each, extent in extents[READ_ONLY].items() if extent != "all")
        said = f"{found}. Lists leave out what it may not see, without an error: {blind}"
        return part.warn(NAME, said, *fixes, *_inherit(connection), details=details)
    # A token that sees everything is fine: what else it may do is the choice of the administrator.
    return part.ok(NAME, found, *details, *(() if _whole(extents[PROFILES[-1]]) else (_MORE,)))


def _nothing(connection: Connection) -> str:
    if connection.token:
        return (
            f"The token {connection.identity} is valid but has no privileges: it has privilege separation and no roles "
            "of its own, or its user has no roles. Lists are empty, without an error."
        )
    return f"{connection.identity} is valid but has no privileges. Lists are empty, without an error."


def _grants(connection: Connection, release: int, uses: Sequence[PrivilegeProfile]) -> tuple[Fix, ...]:
    return tuple(
        Fix(f"Give it privileges for {use.name} use, as root on a node:", use.lines(connection, release))
        for use in uses
    )


def _inherit(connection: Connection) -> tuple[Fix, ...]:
    """A token without privilege separation has all privileges of its user."""
    if not connection.token:
        return (Fix("To list its privileges:", (f"pveum user permissions {connection.user}",)),)
    user, name = connection.user, connection.token
    return (
        Fix("To list the privileges of the token:", (f"pveum user token permissions {user} {name}",)),
        Fix(
            f"Or give the token all privileges of {user}{' (everything)' if user == 'root@pam' else ''}:",
            (f"pveum user token modify {user} {name} --privsep 0",),
        ),
    )


def _advice_for_root(connection: Connection) -> tuple[str, ...]:
    return () if connection.token else ("a token of a separate user with fewer privileges is safer",)


def _share(extents: Mapping[Ability, Extent]) -> str:
    if _whole(extents):
        return "all"
    done = sum(extent != "none" for extent in extents.values())
    return f"{done} of {len(extents)}" if done else "nothing"


def _whole(extents: Mapping[Ability, Extent]) -> bool:
    return all(extent == "all" for extent in extents.values())


def _told(use: PrivilegeProfile, extents: Mapping[Ability, Extent]) -> list[str]:
    if _whole(extents):
        return []
    told = {"all": "may", "some": "may in some places", "none": "may not"}
    able = {word: [each.text for each, had in extents.items() if had == extent] for extent, word in told.items()}
    return [f"{use.name}, {word}: {'; '.join(texts)}" for word, texts in able.items() if texts]
