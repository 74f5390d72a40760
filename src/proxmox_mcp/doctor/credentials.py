"""Refused credentials: what may be wrong, and the command that checks it on a node.

Proxmox VE answers "Authentication failed!" to a wrong user, token and secret alike (``PVE::APIServer::AnyEvent``).
"""

# Tested through tests/doctor/test_cluster_checks.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.doctor.steps import Fix

if TYPE_CHECKING:
    from proxmox_mcp.errors import AuthenticationError
    from proxmox_mcp.proxmox.connection import Connection

_NOT_A_UUID = (
    "Set PROXMOX_PASSWORD to the secret of the token, a UUID of 36 characters; the current value is not a UUID. "
    "Proxmox showed it once, when the token was created."
)


def refusal_fixes(error: AuthenticationError, connection: Connection) -> tuple[Fix, ...]:
    """What to check, the most likely first."""
    if "second factor" in error.message:
        return _second_factor(connection)
    return _token(connection) if connection.token else _password(connection)


def _token(connection: Connection) -> tuple[Fix, ...]:
    user, name = connection.user, connection.token
    fixes = [] if connection.secret_is_uuid else [Fix(_quoted(connection) or _NOT_A_UUID)]
    return (
        *fixes,
        Fix(
            f"Check on a node that this lists {user}, enabled and not expired (Proxmox does not say which of user, "
            "token and secret is wrong):",
            ("pveum user list",),
        ),
        Fix(f"Check that this lists {name} (case-sensitive), not expired:", (f"pveum user token list {user}",)),
        Fix(
            "If both are listed, the secret is wrong. Proxmox can't show it again: create a new token, and set "
            f"PROXMOX_PASSWORD to its secret. With --privsep 0 it has the privileges of {user}, otherwise none:",
            (f"pveum user token remove {user} {name}", f"pveum user token add {user} {name} --privsep 0"),
        ),
    )


def _quoted(connection: Connection) -> str:
    bare = connection.secret.strip("'\"")
    if bare == connection.secret:
        return ""
    return "PROXMOX_PASSWORD has quotes around the secret. Remove them: env files take values without quotes."


def _password(connection: Connection) -> tuple[Fix, ...]:
    user = connection.user
    fixes = []
    if connection.secret_is_uuid:
        fixes.append(
            Fix(
                "PROXMOX_PASSWORD looks like the secret of a token. Then set PROXMOX_TOKEN_ID; this lists the tokens:",
                (f"pveum user token list {user}",),
            )
        )
    realm = user.rpartition("@")[2]
    change = f"passwd {user.rpartition('@')[0]}" if realm == "pam" else f"pveum passwd {user}"
    where = "as a system user on the node itself" if realm == "pam" else "by"
    return (
        *fixes,
        Fix(
            f"Check on a node that this lists {user}, enabled and not expired, with the same realm (root@pam is not "
            "root@pve):",
            ("pveum user list",),
        ),
        Fix(f"Check that this lists the realm {realm}:", ("pveum realm list",)),
        Fix(f"The password may be wrong; change it {where}", (change,))
        if realm in ("pam", "pve")
        else Fix(f"The realm {realm} uses the password of its directory: check it there."),
        Fix("A token of a separate user is better than a password (docs/tokens-and-privileges.md)."),
    )


def _second_factor(connection: Connection) -> tuple[Fix, ...]:
    user = connection.user
    return (
        Fix(
            "Use a token, which needs no second factor: create one, and set PROXMOX_PASSWORD to its secret:",
            (f"pveum user token add {user} mcp --privsep 0", "PROXMOX_TOKEN_ID=mcp"),
        ),
        Fix("To list the second factors of the user:", (f"pveum user tfa list {user}",)),
    )
