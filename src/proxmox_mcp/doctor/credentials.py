"""Refused credentials: what may be wrong, each with the line that checks it on a node.

Proxmox VE answers "Authentication failed!" to a wrong user, token and secret alike (``PVE::APIServer::AnyEvent``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.doctor.steps import Cure

if TYPE_CHECKING:
    from proxmox_mcp.errors import AuthenticationError
    from proxmox_mcp.pve.connection import Connection

_NOT_A_UUID = (
    "The secret in PROXMOX_PASSWORD has not the form of one, a UUID of 36 characters: look there first. "
    "It was shown once, when the token was made."
)


def refusal_cures(error: AuthenticationError, connection: Connection) -> tuple[Cure, ...]:
    """What to look at, most likely first."""
    if "second factor" in error.message:
        return _second_factor(connection)
    return _token(connection) if connection.token else _password(connection)


def _token(connection: Connection) -> tuple[Cure, ...]:
    user, name = connection.user, connection.token
    cures = [] if connection.secret_is_uuid else [Cure(_quoted(connection) or _NOT_A_UUID)]
    return (
        *cures,
        Cure(
            f"Proxmox says the same for each of these. The user: this must list {user}, enabled, not expired.",
            ("pveum user list",),
        ),
        Cure(f"The token: this must list {name} (capitals count), not expired.", (f"pveum user token list {user}",)),
        Cure(
            "The token's secret can't be shown again. This makes a new one; privileges that were set for the "
            "token itself must be set again.",
            (f"pveum user token remove {user} {name}", f"pveum user token add {user} {name} --privsep 1"),
        ),
    )


def _quoted(connection: Connection) -> str:
    bare = connection.secret.strip("'\"")
    if bare == connection.secret:
        return ""
    return "PROXMOX_PASSWORD has quotes around the secret. In an env file the value stands without quotes."


def _password(connection: Connection) -> tuple[Cure, ...]:
    user = connection.user
    cures = []
    if connection.secret_is_uuid:
        cures.append(
            Cure(
                "PROXMOX_PASSWORD looks like a token's secret. Then name the token too; this lists those there are.",
                (f"pveum user token list {user}",),
            )
        )
    realm = user.rpartition("@")[2]
    change = f"passwd {user.rpartition('@')[0]}" if realm == "pam" else f"pveum passwd {user}"
    where = "as a system user on the node itself" if realm == "pam" else "by"
    return (
        *cures,
        Cure(
            f"The user: this must list {user}, enabled, not expired; the realm counts (root@pam is not root@pve).",
            ("pveum user list",),
        ),
        Cure(f"The realm: this must list {realm}.", ("pveum realm list",)),
        Cure(f"The password may be wrong; change it {where}", (change,))
        if realm in ("pam", "pve")
        else Cure(f"The password is that of the directory behind the realm {realm}: check it there."),
        Cure("Better than a password is a token of a user of its own: see docs/tokens-and-privileges.md."),
    )


def _second_factor(connection: Connection) -> tuple[Cure, ...]:
    user = connection.user
    return (
        Cure("A server can't answer a second factor. This shows those of the user.", (f"pveum user tfa list {user}",)),
        Cure(
            "Use a token: none is asked for a second factor. Make one and set its secret as PROXMOX_PASSWORD.",
            (f"pveum user token add {user} mcp --privsep 0", "PROXMOX_TOKEN_ID=mcp"),
        ),
    )
