"""What Proxmox checks before a call: authentication, privileges, and what a token may not do at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fakepve import PveError, server
from fakepve import schema as pve_schema
from fakepve.routing import param_error, split_list

from proxmox_mcp.demo.configuration.accounts import ROOT, Accounts

if TYPE_CHECKING:
    from collections.abc import Callable

Values = dict[str, Any]

_NAME = r"[A-Za-z0-9._-]+"
_ACL_PATH = re.compile(
    rf"/|/access|/access/(?:groups|realm)(?:/{_NAME})?|/nodes(?:/{_NAME})?|/pool(?:/{_NAME}){{0,3}}"
    rf"|/sdn|/sdn/(?:controllers|dns|ipams|fabrics|route-maps|prefix-lists)(?:/{_NAME})?|/sdn/zones(?:/{_NAME}){{0,3}}"
    rf"|/storage(?:/{_NAME})?|/vms|/vms/[1-9][0-9]{{2,}}|/mapping|/mapping/(?:dir|pci|usb|notifications)(?:/{_NAME})?"
)
_DELEGATED = (("/storage/", "Datastore.Allocate"), ("/vms/", "VM.Allocate"), ("/pool/", "Pool.Allocate"))


def acl_path(path: str) -> str:
    """An ACL path as it is kept, or a 400."""
    normal = re.sub("/+", "/", path).rstrip("/") or "/"
    if not _ACL_PATH.fullmatch(normal):
        raise param_error(path=f"invalid ACL path '{path}'")
    return normal


class PermissionChecks:
    """The checks of fakepve, by the accounts that the cluster keeps.

    Mixin of FakePve: ``pools`` and ``pool_info`` are its own. ``user`` is the caller, a token by its full id, which
    is not the user itself: the rule ``userid-param self`` never holds for a token.
    """

    accounts: Accounts
    pools: dict[str, set[int]]
    pool_info: dict[str, Values]
    apitokens: dict[str, str]
    resolve: Callable[[Any, str], Any]
    is_world: Callable[[Any, str], bool]

    def _pools_of(self, path: str) -> list[str]:
        _, _, rest = path.partition("/vms/")
        if rest.isdigit():
            return [pool for pool, members in self.pools.items() if int(rest) in members]
        _, _, storage = path.partition("/storage/")
        return [pool for pool, info in self.pool_info.items() if storage and storage in info.get("storage", ())]

    def privileges(self, who: str, path: str) -> dict[str, int]:
        return self.accounts.privileges(who, path, self._pools_of(path))

    def allowed(self, user: str, path: str, priv: str) -> bool:
        return priv in self.privileges(user, path)

    def _authenticate(self, request: Any) -> Any:
        try:
            who = super()._authenticate(request)  # type: ignore[misc]
        except PveError:
            match = self.resolve(request, "/api2/json")
            if match and self.is_world(match, request.method):
                return None
            if "Authorization" not in request.headers and not request.cookies:
                raise PveError(401, "No ticket") from None
            if "Authorization" in request.headers or request.cookies.get("PVEAuthCookie", "").startswith("PVE:!tfa!"):
                raise PveError(401, "Authentication failed!") from None
            raise
        if who is not None and not self.accounts.may_log_in(who):
            raise PveError(401, "Authentication failed!")
        return who

    async def answer(self, request: Any, match: Any, params: Any, user: Any, call: Any = None) -> Any:
        """As fakepve's, but a token gets nothing that needs a ticket, and JSON lists are joined as Proxmox does."""
        info = match.methods.get(request.method) if match else None
        if info and user and "!" in user:
            need_ticket(info, request.path.partition("/api2/json")[2])
        if info:
            params = joined_lists(info, {**params, **await _empty_parameters(request)})
        return await super().answer(request, match, params, user, call)  # type: ignore[misc]

    def check_permissions(self, user: Any, perms: Any, values: Values, declared: Any = None) -> None:
        if user is None or user == ROOT or (perms and perms.get("user") in ("all", "world")):
            return
        if not perms or "check" not in perms:
            raise PveError(403, "Permission check failed (user != root@pam)")
        held, why = self._check(user, perms["check"], values, declared)
        if not held:
            raise PveError(403, f"Permission check failed ({why})" if why else "Permission check failed")

    def _check(self, user: str, check: list[Any], values: Values, declared: Any = None) -> tuple[bool, str]:
        match check[0]:
            case "or":
                return any(self._holds(user, each, values, declared) for each in check[1:]), ""
            case "userid-param" if check[1] == "self":
                return values.get("userid") == user, ""
            case "userid-group":
                return self._check_group(user, check, values)
            case "perm-modify":
                path = re.sub("/+", "/", str(values.get("path", ""))).rstrip("/") or "/"
                return self.may_modify(user, path), f"{path}, {'|'.join(_modifying(path))}"
        return super()._check(user, check, values, declared)  # type: ignore[misc,no-any-return]

    def _holds(self, user: str, check: list[Any], values: Values, declared: Any) -> bool:
        try:
            return self._check(user, check, values, declared)[0]
        except PveError:  # an unknown user: as one of several alternatives it only doesn't hold
            return False

    def _check_group(self, user: str, check: list[Any], values: Values) -> tuple[bool, str]:
        """``userid-group``: privileges on all groups, or on a group of the user and on those given to it."""
        wanted, options = check[1], dict(zip(check[2::2], check[3::2], strict=False))
        userid, groups_param = str(values.get("userid", "")), options.get("groups_param")
        if groups_param != "create" and userid not in self.accounts.users:
            raise PveError(500, f"no such user ('{userid}')")
        if any(self.allowed(user, "/access/groups", privilege) for privilege in wanted):
            return True, ""
        mine = {group for group in self.accounts.groups if self._any(user, f"/access/groups/{group}", wanted)}
        if groups_param:
            given = split_list(values.get("groups"))
            if not given:
                return False, f"/access/groups, {'|'.join(wanted)}"
            for group in given:
                if group not in mine:
                    return False, f"/access/groups/{group}, {'|'.join(wanted)}"
        return groups_param == "create" or bool(mine.intersection(self.accounts.groups_of(userid))), ""

    def may_modify(self, user: str, path: str) -> bool:
        """``check_perm_modify``: who may allocate an object may hand out rights on it."""
        return self._any(user, path, _modifying(path))

    def _any(self, user: str, path: str, privileges: list[str]) -> bool:
        return not self.privileges(user, path).keys().isdisjoint(privileges)


def need_ticket(info: Values, path: str) -> None:
    """Refuse a token where the endpoint has ``allowtoken`` 0."""
    if not int(info.get("allowtoken", 1)):
        message = f"URI '{path}' not available with API token, need proper ticket."
        raise PveError(403, f"Permission check failed ({message}\n)")


async def parameters_of(request: Any) -> Values:
    """The parameters of a request, with the empty values that fakepve drops from forms."""
    return {**await server.params(request), **await _empty_parameters(request)}


async def _empty_parameters(request: Any) -> Values:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True)
    return {name: value for name, value in pairs if value == ""}


def known_options(path: str) -> set[str]:
    """The parameters of ``PUT`` on a path; of all forms that they may have."""
    spec = pve_schema.load().paths[path].get("PUT", {}).get("parameters", {})
    forms = [spec, *(form for kind in ("allOf", "oneOf") for form in spec.get(kind, ()))]
    forms += [inner for form in forms[1:] for inner in form.get("oneOf", ())]
    return {name for form in forms for name in form.get("properties", {})}


def _modifying(path: str) -> list[str]:
    return ["Permissions.Modify", *(privilege for start, privilege in _DELEGATED if path.startswith(start))]


def joined_lists(info: Values, values: Values) -> Values:
    """Lists of JSON as text with commas, where the schema wants a list in text; null as absent."""
    properties = (info.get("parameters") or {}).get("properties", {})
    return {name: _joined(properties.get(name), value) for name, value in values.items() if value is not None}


def _joined(declared: Values | None, value: Any) -> Any:
    if isinstance(value, list) and declared and str(declared.get("format", "")).endswith("-list"):
        return ",".join(str(part) for part in value)
    return value
