"""What an identity may do, from the schema's permission checks and the privileges that Proxmox reports.

The rules are those of ``PVE::RPCEnvironment`` (``check_api2_permissions``, ``exec_api2_perm_check``) and of
``/access/permissions`` (``get_effective_permissions``). The result only marks and explains, it never
refuses: Proxmox decides, and the code of a method may check more than its schema says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from proxmox_mcp.apidoc.privileges import plain
from proxmox_mcp.proxmox import requirements
from proxmox_mcp.proxmox.requirements import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.apidoc import Endpoint

Verdict = Literal["allowed", "denied", "unknown"]
_MOST_NAMED = 8
_LISTED = frozenset({"/access", "/access/groups", "/nodes", "/sdn", "/storage", "/vms"})
"""Paths that ``get_effective_permissions`` looks at in any case, and leaves out where nothing is held."""


class Missing(Struct, frozen=True):
    """Missing privileges on an object path; ``any_of``: one of them is enough."""

    path: str
    privileges: tuple[str, ...]
    any_of: bool = False

    def __str__(self) -> str:
        return f"{(' or ' if self.any_of else ' and ').join(self.privileges)} on {self.path}"


class Access(Struct, frozen=True):
    """Whether Proxmox will allow a call; ``missing``: the privileges it needs, ``reason``: what no privilege allows."""

    verdict: Verdict
    missing: tuple[Missing, ...] = ()
    reason: str = ""

    def told(self, identity: str = "") -> str:
        """What is missing, as a sentence without its full stop; ``identity`` is its subject."""
        if not self.missing:
            return self.reason or "a privilege is missing"
        named = ", ".join(map(str, self.missing[:_MOST_NAMED]))
        more = f" and {len(self.missing) - _MOST_NAMED} more" if len(self.missing) > _MOST_NAMED else ""
        return f"{identity} lacks {named}{more}".strip()


_YES, _UNKNOWN = Access("allowed"), Access("unknown")


class Permissions(Struct, frozen=True):
    """The privileges of one identity: by object path, each with whether it reaches the paths below.

    ``/access/permissions`` tells them for the paths of the ACL, of pools' members and ``_LISTED``; paths where nothing
    is held (``NoAccess``) are left out of it. A path that is asked for by name (``?path=``) is told in any case.
    """

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
        """The privileges on an object path: its own where told, else, as far as can be said, what reaches it."""
        path = normalised(path)
        if path in self.held:
            return frozenset(self.held[path])
        return frozenset() if path == "/" or self._is_empty(path) else self.reaching(path)

    def reaching(self, path: str) -> frozenset[str]:
        """The privileges that reach an object path from above: those of the nearest path with any that propagate.

        Roles that don't propagate are skipped on the way (``PVE::AccessControl::roles``).
        """
        path = normalised(path)
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            if found := frozenset(name for name, reaches in self.held.get(path, {}).items() if reaches):
                return found
            if self._is_empty(path):
                break
        return frozenset()

    def settles(self, path: str) -> bool:
        """Whether the reported paths decide which privileges apply to an object path; if not, only Proxmox knows."""
        path = normalised(path)
        return path == "/" or path in self.held or self._is_empty(path)

    def and_at(self, told: Mapping[str, Mapping[str, bool]]) -> Permissions:
        """The same with what Proxmox reported for further paths."""
        return Permissions({**self.held, **told})

    def _is_empty(self, path: str) -> bool:
        """Whether nothing is held on one of the paths that are looked at in any case: it is missing from a list that
        has most of them. A list without them names the ACL alone, as stand-ins for Proxmox do (fakepve)."""
        return path in _LISTED and path not in self.held and len(_LISTED & self.held.keys()) > len(_LISTED) // 2

    def below(self, prefix: str, privileges: Iterable[str]) -> bool:
        """Whether any of the privileges is held on some path under a prefix (``/vms``), or reaches into it."""
        wanted = frozenset(privileges)
        prefix = normalised(prefix)
        inside = (p for p in self.held if p.startswith(prefix.rstrip("/") + "/"))
        reaching = frozenset(name for name, reaches in self.held.get(prefix, {}).items() if reaches)
        reaching = reaching or (frozenset() if self._is_empty(prefix) else self.reaching(prefix))
        return bool(wanted & (self.at(prefix) | reaching)) or any(wanted & self.held[p].keys() for p in inside)


class Rights(Struct, frozen=True):
    """What one identity (``user@realm`` or ``user@realm!token``) may do with the privileges that it holds."""

    identity: str
    permissions: Permissions

    @property
    def unlimited(self) -> bool:
        """Whether the identity is root itself, for which Proxmox checks no privilege; a token of root is not."""
        return self.identity == "root@pam"

    def holds(self, privilege: str, path: str) -> bool:
        """Whether the identity has a privilege on an object path."""
        return self.unlimited or privilege in self.permissions.at(path)

    def access(self, endpoint: Endpoint, params: Mapping[str, Any] | None = None) -> Access:
        """Whether the identity may make a call; without ``params``, whether it may on any object.

        Checks in the endpoint's code count too, as far as they have been reviewed (``apidoc.privileges``).
        """
        if self.unlimited:
            return _YES
        if "!" in self.identity and not endpoint.allow_token:
            return Access("denied", reason="no API token may call this; a login by password may")
        published = requirements.published(endpoint, params)
        if published is None:
            return Access("denied", reason="only root@pam itself, signed in by password, may call this")
        asked = [published, *(check for need, check in requirements.asked(endpoint, params) if not need.unsure)]
        access = _all([self._check(check, params or {}) for check in asked if check])
        if access.verdict != "denied" and (reserved := requirements.reserved(endpoint, params)):
            return Access("denied", reason=f"only root@pam itself may do this: {reserved}")
        return access

    def expected(self, endpoint: Endpoint, params: Mapping[str, Any]) -> list[str]:
        """Notes on a call before it is sent: that Proxmox will probably refuse it, and what else it may check."""
        access = self.access(endpoint, params)
        lines = [f"Proxmox will probably refuse: {access.told(self.identity)}."] if access.verdict == "denied" else []
        if doubts := self.doubts(endpoint, params)[:_MOST_NAMED]:
            lines.append(f"Proxmox may also ask for {'; '.join(doubts)}.")
        return lines

    def unsettled(self, endpoint: Endpoint, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The object paths that a call depends on, and whose privileges are not known yet."""
        published = requirements.published(endpoint, params)
        if self.unlimited or published is None:
            return ()
        asked = [published, *(check for _, check in requirements.asked(endpoint, params))]
        paths = (path for check in asked if check for path in requirements.paths(check))
        return tuple(dict.fromkeys(path for path in paths if not self.permissions.settles(path)))

    def doubts(self, endpoint: Endpoint, params: Mapping[str, Any]) -> tuple[str, ...]:
        """What else Proxmox may check, if the call doesn't show whether the identity has it."""
        if self.unlimited:
            return ()
        told: dict[str, None] = {}
        for need, check in requirements.asked(endpoint, params):
            access = self._check(check, params)
            if access.verdict == "unknown" or (need.unsure and access.verdict == "denied"):
                told[f"{_in_words(check)} ({need.circumstances})" if need.circumstances else _in_words(check)] = None
        return tuple(told)

    def _check(self, check: tuple[Any, ...], params: Mapping[str, Any]) -> Access:
        kind = check[0]
        if kind == "and":
            return _all([self._check(part, params) for part in check[1:]])
        if kind == "or":
            return _any([self._check(part, params) for part in check[1:]])
        options = requirements.options(check)
        if kind == "perm":
            required = options.get("require_param")
            if required and params and params.get(required) is None:
                return Access("denied")
            return self._on_path(check[1], tuple(check[2]), any_of=bool(options.get("any")))
        if kind == "perm-modify":
            return self._modify(check[1])
        if kind == "userid-group":
            return self._groups(tuple(check[1]))
        if kind == "userid-param":
            return self._user(str(check[1]), params)
        return _UNKNOWN

    def _on_path(self, template: str, privileges: tuple[str, ...], *, any_of: bool) -> Access:
        path, known = requirements.filled(template)
        held = self.permissions.at(path)
        enough = any(p in held for p in privileges) if any_of else held.issuperset(privileges)
        if enough:
            return _YES
        if not known and self._somewhere(path, privileges, any_of=any_of):
            return _UNKNOWN
        lacking = privileges if any_of else tuple(p for p in privileges if p not in held)
        return Access("denied", (Missing(path if known else plain(template), lacking, any_of),))

    def _somewhere(self, prefix: str, privileges: tuple[str, ...], *, any_of: bool) -> bool:
        there = [self.permissions.below(prefix, (p,)) for p in privileges]
        return any(there) if any_of else all(there)

    def _modify(self, template: str) -> Access:
        """``check_perm_modify``: to change permissions on a path."""
        path, known = requirements.filled(template)
        if not known:
            return _YES if "Permissions.Modify" in self.permissions.at("/") else _UNKNOWN
        privileges = ["Permissions.Modify"]
        for prefix, also in (
            ("/storage/", "Datastore.Allocate"),
            ("/vms/", "VM.Allocate"),
            ("/pool/", "Pool.Allocate"),
        ):
            privileges += [also] if path.startswith(prefix) else []
        return self._on_path(path, tuple(privileges), any_of=True)

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
        return self._on_path(template, ("Realm.AllocateUser",), any_of=False)


def _in_words(check: tuple[Any, ...]) -> str:
    """A test as one phrase."""
    if check[0] in ("and", "or"):
        return f" {check[0]} ".join(dict.fromkeys(map(_in_words, check[1:])))
    if check[0] == "perm-modify":
        return f"the right to change permissions on {plain(check[1])}"
    return str(Missing(plain(check[1]), tuple(check[2]), any_of=bool(requirements.options(check).get("any"))))


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
    # One of several is enough: the one that lacks least is named.
    named = [p for p in parts if p.missing] or parts
    return min(named, key=lambda p: sum(len(m.privileges) for m in p.missing))
