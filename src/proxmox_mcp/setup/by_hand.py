"""The ``pveum`` lines that make a user, its roles and its token, for an administrator who runs them on a node."""

# Tested through tests/setup/test_administrator.py.

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxmox_mcp.doctor.privilege_profiles import PrivilegeProfile


def pveum_lines(user: str, name: str, profile: PrivilegeProfile, release: int = 9) -> tuple[str, ...]:
    """To be run as root on a node; the last line prints the secret of the token, once."""
    who = shlex.quote(user)
    return (
        f"pveum user add {who}",
        *(f"pveum acl modify {path} --users {who} --roles {role}" for path, role in profile.roles_of(release)),
        f"pveum user token add {who} {shlex.quote(name)} --privsep 0",
    )
