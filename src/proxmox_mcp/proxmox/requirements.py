"""The permissions that a call needs: those that its endpoint publishes and those that its code checks."""

# Tested through tests/proxmox/test_permissions.py, tests/proxmox/test_permission_cache.py and
# tests/proxmox/test_needs.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.privileges import PLACEHOLDER, bound, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.privileges import Need

_MISSING = "-"
"""What ``PVE::Tools::template_replace`` puts where a parameter is missing."""


def published(endpoint: Endpoint, params: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """The published check of a call, with its parameters in the paths; empty for any user, None for root@pam alone.

    Proxmox puts a ``-`` where a parameter is missing: in a call each that is not given, in a template those that the
    endpoint does not have (``GET /cluster/acme/meta`` is checked for ``/nodes/-``).
    """
    rule = endpoint.permissions
    if rule.user in {"all", "world"}:
        return ()
    if not rule.check:
        return None

    def missing(name: str) -> str:
        return f"{{{name}}}" if params is None and name in endpoint.parameters else _MISSING

    return bound(rule.check, params or {}, missing=missing)


def asked(endpoint: Endpoint, params: Mapping[str, Any] | None) -> Iterator[tuple[Need, tuple[Any, ...]]]:
    """The permissions that an endpoint's code checks for a call; without ``params``, those it checks for every call."""
    for need in needs_of(endpoint.method, endpoint.path):
        if need.lists or not need.check:
            continue
        if params is None:
            yield from [(need, need.check)] if need.always else ()
        else:
            yield from ((need, check) for check in need.checks(params))


def reserved(endpoint: Endpoint, params: Mapping[str, Any] | None) -> str:
    """The part of a call that only root@pam may do; empty if there is none."""
    needs = needs_of(endpoint.method, endpoint.path) if params else ()
    return ", ".join(need.circumstances for need in needs if need.root and any(True for _ in need.values(params or {})))


def paths(check: tuple[Any, ...]) -> Iterator[str]:
    """The object paths of a check without unknown parts."""
    if check[0] in ("and", "or"):
        for part in check[1:]:
            yield from paths(part)
    elif check[0] in ("perm", "perm-modify"):
        path, known = filled(check[1])
        if known and _MISSING not in path.split("/"):
            yield path


def filled(template: str) -> tuple[str, bool]:
    """An object path and True; if a part of it is unknown, the path before that part and False."""
    unknown = PLACEHOLDER.search(template)
    return (normalised(template[: unknown.start()]), False) if unknown else (normalised(template), True)


def options(check: tuple[Any, ...]) -> dict[str, Any]:
    """The options after the fixed members of a check, which come in pairs."""
    rest = check[3:] if check[0] == "perm" else check[2:]
    return {str(rest[i]): rest[i + 1] for i in range(0, len(rest) - 1, 2)}


def normalised(path: str) -> str:
    """An object path as ``PVE::AccessControl::normalize_path`` has it: single slashes, none at the end."""
    return "/" + "/".join(part for part in path.split("/") if part)
