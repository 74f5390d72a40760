"""What an identity may do, by the schema's permission expressions and what Proxmox says it holds.

The rules are those of ``PVE::RPCEnvironment`` (``check_api2_permissions``, ``exec_api2_perm_check``) and of
``/access/permissions`` (``get_effective_permissions``). An answer of ours marks and explains; it never refuses:
Proxmox decides, and the code of a method may ask for more than its schema says.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio

from proxmox_mcp.errors import ProxmoxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.pve.inventory import Api

KEPT = 60.0
PATIENCE = 2.0
"""Seconds to wait for the permissions: what they add is not worth holding up a search for a node that is away."""
Verdict = Literal["allowed", "denied", "unknown"]
_PARAMETER = re.compile(r"\{([\w-]+)\}")


@dataclass(frozen=True, slots=True)
class Missing:
    """Privileges that are lacking on an object path; ``any_of``: one of them would do."""

    path: str
    privileges: tuple[str, ...]
    any_of: bool = False

    def __str__(self) -> str:
        return f"{(' or ' if self.any_of else ' and ').join(self.privileges)} on {self.path}"


@dataclass(frozen=True, slots=True)
class Access:
    """What is expected of a call: ``missing`` names what stands in the way, ``reason`` what no privilege mends."""

    verdict: Verdict
    missing: tuple[Missing, ...] = ()
    reason: str = ""


_YES, _UNKNOWN = Access("allowed"), Access("unknown")


@dataclass(frozen=True, slots=True)
class Permissions:
    """The privileges of one identity: by object path, each with whether it reaches the paths below."""

    held: Mapping[str, Mapping[str, bool]]

    @classmethod
    def of(cls, data: Any) -> Permissions:
        """From the ``data`` of ``/access/permissions``: ``{path: {privilege: propagate}}``."""
        paths = data if isinstance(data, dict) else {}
        return cls(
            {
                str(path): {str(name): str(flag) == "1" for name, flag in privileges.items()}
                for path, privileges in paths.items()
                if isinstance(privileges, dict)
            }
        )

    def at(self, path: str) -> frozenset[str]:
        """The privileges on an object path: its own where listed, else those that reach it from the nearest above."""
        path = normalised(path)
        if path in self.held:
            return frozenset(self.held[path])
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            if path in self.held:
                return frozenset(name for name, reaches in self.held[path].items() if reaches)
        return frozenset()

    def below(self, prefix: str, privileges: Iterable[str]) -> bool:
        """Whether any of the privileges is held on some path under a prefix (``/vms``), or reaches into it."""
        wanted = frozenset(privileges)
        inside = (p for p in self.held if p.startswith(prefix.rstrip("/") + "/"))
        return bool(wanted & self.at(prefix)) or any(wanted & self.held[p].keys() for p in inside)


def normalised(path: str) -> str:
    """An object path as ``PVE::AccessControl::normalize_path`` has it: single slashes, none at the end."""
    return "/" + "/".join(part for part in path.split("/") if part)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges calls for one identity (``user@realm`` or ``user@realm!token``) with what it holds."""

    identity: str
    permissions: Permissions

    def access(self, endpoint: Endpoint, params: Mapping[str, Any] | None = None) -> Access:
        """Whether the identity may make a call; with parameters left out (a template), whether it may anywhere."""
        if self.identity == "root@pam":
            return _YES
        if "!" in self.identity and not endpoint.allow_token:
            return Access("denied", reason="no API token may call this; a login by password may")
        rule = endpoint.permissions
        if rule.user in {"all", "world"}:
            return _YES
        if not rule.check:
            return Access("denied", reason="only root@pam itself, signed in by password, may call this")
        return self._judge(rule.check, params or {})

    def _judge(self, check: tuple[Any, ...], params: Mapping[str, Any]) -> Access:
        kind = check[0]
        if kind == "and":
            return _all([self._judge(part, params) for part in check[1:]])
        if kind == "or":
            return _any([self._judge(part, params) for part in check[1:]])
        options = _options(check)
        if kind == "perm":
            required = options.get("require_param")
            if required and params and params.get(required) is None:
                return Access("denied")
            return self._on_path(check[1], tuple(check[2]), params, any_of=bool(options.get("any")))
        if kind == "perm-modify":
            return self._modify(check[1], params)
        if kind == "userid-group":
            return self._groups(tuple(check[1]))
        if kind == "userid-param":
            return self._user(str(check[1]), params)
        return _UNKNOWN

    def _on_path(
        self, template: str, privileges: tuple[str, ...], params: Mapping[str, Any], *, any_of: bool
    ) -> Access:
        path, known = _filled(template, params)
        held = self.permissions.at(path)
        enough = any(p in held for p in privileges) if any_of else held.issuperset(privileges)
        if enough:
            return _YES
        if not known and self._somewhere(path, privileges, any_of=any_of):
            return _UNKNOWN
        lacking = privileges if any_of else tuple(p for p in privileges if p not in held)
        return Access("denied", (Missing(template if not known else path, lacking, any_of),))

    def _somewhere(self, prefix: str, privileges: tuple[str, ...], *, any_of: bool) -> bool:
        there = [self.permissions.below(prefix, (p,)) for p in privileges]
        return any(there) if any_of else all(there)

    def _modify(self, template: str, params: Mapping[str, Any]) -> Access:
        """``check_perm_modify``: to change permissions on a path."""
        path, known = _filled(template, params)
        if not known:
            return _YES if "Permissions.Modify" in self.permissions.at("/") else _UNKNOWN
        privileges = ["Permissions.Modify"]
        for prefix, also in (
            ("/storage/", "Datastore.Allocate"),
            ("/vms/", "VM.Allocate"),
            ("/pool/", "Pool.Allocate"),
        ):
            privileges += [also] if path.startswith(prefix) else []
        return self._on_path(path, tuple(privileges), {}, any_of=True)

    def _groups(self, privileges: tuple[str, ...]) -> Access:
        """Any of the privileges on all groups, or on one of the user's groups, which only Proxmox knows."""
        if any(p in self.permissions.at("/access/groups") for p in privileges):
            return _YES
        if self.permissions.below("/access/groups", privileges):
            return _UNKNOWN
        return Access("denied", (Missing("/access/groups", privileges, any_of=True),))

    def _user(self, which: str, params: Mapping[str, Any]) -> Access:
        userid = str(params.get("userid", ""))
        if which == "self":
            if not userid:
                return _UNKNOWN
            return _YES if userid == self.identity else Access("denied", reason=f"only {userid} itself may")
        realm = userid.rpartition("@")[2] if userid else "{realm}"
        template = f"/access/realm/{realm}"
        return self._on_path(template, ("Realm.AllocateUser",), {}, any_of=False)


def _filled(template: str, params: Mapping[str, Any]) -> tuple[str, bool]:
    """An object path with the call's parameters in place; where one is not known, what stands before it, and False."""
    names = _PARAMETER.findall(template)
    if all(params.get(name) not in (None, "") for name in names):
        return normalised(_PARAMETER.sub(lambda m: str(params[m[1]]), template)), True
    return normalised(template[: template.index("{")]), False


def _options(check: tuple[Any, ...]) -> dict[str, Any]:
    """What follows the fixed members of a test, in pairs."""
    rest = check[3:] if check[0] == "perm" else check[2:]
    return {str(rest[i]): rest[i + 1] for i in range(0, len(rest) - 1, 2)}


def _all(parts: list[Access]) -> Access:
    denied = [p for p in parts if p.verdict == "denied"]
    if denied:
        missing = tuple(dict.fromkeys(m for p in denied for m in p.missing))
        return Access("denied", missing, next((p.reason for p in denied if p.reason), ""))
    return _UNKNOWN if any(p.verdict == "unknown" for p in parts) else _YES


def _any(parts: list[Access]) -> Access:
    for verdict, access in (("allowed", _YES), ("unknown", _UNKNOWN)):
        if any(p.verdict == verdict for p in parts):
            return access
    # One of several would do: the one that lacks least is worth naming.
    named = [p for p in parts if p.missing] or parts
    return min(named, key=lambda p: sum(len(m.privileges) for m in p.missing))


class PermissionCache:
    """The permissions of one cluster's identity, read again after a minute."""

    def __init__(self, api: Api, identity: str, *, kept: float = KEPT) -> None:
        self._api = api
        self._identity = identity
        self._kept = kept
        self._judge: Judge | None = None
        self._read = 0.0
        self._turn = anyio.Lock()

    async def judge(self) -> Judge | None:
        """A judge with what Proxmox says of the identity; None where that can't be read now."""
        async with self._turn:
            if not self._read or time.monotonic() - self._read > self._kept:
                try:
                    data = await self._api.request("GET", "/access/permissions", deadline=PATIENCE)
                    self._judge = Judge(self._identity, Permissions.of(data))
                except ProxmoxError:
                    self._judge = None
                self._read = time.monotonic()
            return self._judge
