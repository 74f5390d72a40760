"""The endpoints of users, groups, roles and access control lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import StatefulRoutes, param_error, split_list

from proxmox_mcp.demo.configuration.accounts import ROOT, Accounts, Subject, owner_of
from proxmox_mcp.demo.configuration.permissions import PermissionChecks, acl_path
from proxmox_mcp.demo.configuration.roles import SPECIAL_ROLES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.demo.configuration.collection import Collection

    Values = dict[str, Any]
    Route = tuple[str, str, Callable[[Values, str], Awaitable[Any]]]

_USER_OPTIONS = ("comment", "email", "firstname", "lastname", "keys")
_AUDIT_USERS = ["User.Modify", "Sys.Audit"]


class AccessApi(PermissionChecks, StatefulRoutes):  # type: ignore[misc]
    """Users, groups, roles and ACLs; ``self.users`` of fakepve holds the passwords."""

    users: dict[str, str]
    realms: Collection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = Accounts(users={ROOT: {"enable": 1, "expire": 0}})

    def _routes_accounts(self) -> list[Route]:
        return [
            ("GET", "/access/users", self._user_list),
            ("POST", "/access/users", self._user_create),
            ("GET", "/access/users/{userid}", self._user_read),
            ("PUT", "/access/users/{userid}", self._user_update),
            ("DELETE", "/access/users/{userid}", self._user_delete),
            ("GET", "/access/groups", self._group_list),
            ("POST", "/access/groups", self._group_create),
            ("GET", "/access/groups/{groupid}", self._group_read),
            ("PUT", "/access/groups/{groupid}", self._group_update),
            ("DELETE", "/access/groups/{groupid}", self._group_delete),
            ("GET", "/access/roles", self._role_list),
            ("POST", "/access/roles", self._role_create),
            ("GET", "/access/roles/{roleid}", self._role_read),
            ("PUT", "/access/roles/{roleid}", self._role_update),
            ("DELETE", "/access/roles/{roleid}", self._role_delete),
            ("GET", "/access/acl", self._acl_list),
            ("PUT", "/access/acl", self._acl_update),
        ]

    # Users.

    def _known_user(self, userid: str) -> Values:
        if userid not in self.accounts.users:
            raise PveError(500, f"no such user ('{userid}')")
        return self.accounts.users[userid]

    async def _user_list(self, values: Values, caller: str) -> Any:
        everyone = self._any(caller, "/access/groups", _AUDIT_USERS)
        groups = [group for group in self.accounts.groups if self._any(caller, f"/access/groups/{group}", _AUDIT_USERS)]
        visible = {member for group in groups for member in self.accounts.members[group]} | {caller}
        answers = []
        for userid, user in self.accounts.users.items():
            enabled = values.get("enabled")
            if (everyone or userid in visible) and (enabled is None or enabled == user.get("enable", 1)):
                answers.append(self._user_entry(userid, full=bool(values.get("full"))))
        return answers

    def _user_entry(self, userid: str, *, full: bool) -> Values:
        entry: Values = {"userid": userid, **self.accounts.users[userid]}
        realm = self.realms.items.get(userid.rpartition("@")[2])
        if realm:
            entry["realm-type"] = realm["type"]
        if full:
            entry["groups"] = ",".join(self.accounts.groups_of(userid))
            tokens = self.accounts.tokens_of(userid)
            entry["tokens"] = [{"tokenid": name, **token} for name, token in tokens.items()]
        return entry

    async def _user_read(self, values: Values, _caller: str) -> Any:
        user = self._known_user(values["userid"])
        tokens = self.accounts.tokens_of(values["userid"])
        return {**user, "groups": self.accounts.groups_of(values["userid"]), "tokens": tokens or None}

    async def _user_create(self, values: Values, _caller: str) -> None:
        userid = values["userid"]
        if userid in self.accounts.users:
            raise PveError(500, f"create user failed: user '{userid}' already exists")
        user: Values = {"enable": values.get("enable", 1), "expire": values.get("expire", 0)}
        user |= {key: values[key] for key in _USER_OPTIONS if values.get(key)}
        self._join(userid, split_list(values.get("groups")), "create user failed: ")
        self.accounts.users[userid] = user
        if values.get("password"):
            self.users[userid] = values["password"]

    async def _user_update(self, values: Values, _caller: str) -> None:
        user = self._known_user(values["userid"])
        if not isinstance(values.get("groups", []), list):
            self._join(values["userid"], split_list(values["groups"]), "update user failed: ", values.get("append"))
        user |= {key: values[key] for key in ("enable", "expire") if key in values}
        for key in _USER_OPTIONS:
            if values.get(key):
                user[key] = values[key]
            elif key in values:
                user.pop(key, None)

    def _join(self, userid: str, groups: list[str], failed: str, append: int | None = None) -> None:
        for group in groups:
            if group not in self.accounts.groups:
                raise PveError(500, f"{failed}no such group '{group}'")
        for group, members in self.accounts.members.items():
            if group in groups:
                members.add(userid)
            elif not append:
                members.discard(userid)

    async def _user_delete(self, values: Values, caller: str) -> None:
        userid = values["userid"]
        if userid == owner_of(caller) and userid == ROOT:
            raise param_error(userid=f"unable to delete user '{userid}'")
        self._known_user(userid)
        for name in self.accounts.tokens_of(userid):
            self.apitokens.pop(f"{userid}!{name}", None)
        self.accounts.delete_user(userid)
        self.users.pop(userid, None)

    # Groups.

    def _known_group(self, group: str, failed: str = "") -> Values:
        if group not in self.accounts.groups:
            raise PveError(500, f"{failed}group '{group}' does not exist")
        return self.accounts.groups[group]

    async def _group_list(self, _values: Values, caller: str) -> Any:
        wanted = ["User.Modify", "Sys.Audit", "Group.Allocate"]
        return [
            {"groupid": group, **info, "users": ",".join(sorted(self.accounts.members[group]))}
            for group, info in self.accounts.groups.items()
            if self._any(caller, f"/access/groups/{group}", wanted)
        ]

    async def _group_read(self, values: Values, _caller: str) -> Any:
        info = self._known_group(values["groupid"])
        return {**info, "members": sorted(self.accounts.members[values["groupid"]])}

    async def _group_create(self, values: Values, _caller: str) -> None:
        group = values["groupid"]
        if group in self.accounts.groups:
            raise PveError(500, f"create group failed: group '{group}' already exists")
        self.accounts.groups[group] = {"comment": values["comment"]} if values.get("comment") else {}
        self.accounts.members[group] = set()

    async def _group_update(self, values: Values, _caller: str) -> None:
        info = self._known_group(values["groupid"], "update group failed: ")
        if "comment" in values:
            info.clear()
            info |= {"comment": values["comment"]} if values["comment"] else {}

    async def _group_delete(self, values: Values, _caller: str) -> None:
        self._known_group(values["groupid"], "delete group failed: ")
        self.accounts.delete_group(values["groupid"])

    # Roles.

    async def _role_list(self, _values: Values, _caller: str) -> Any:
        return [
            {"roleid": role, "privs": ",".join(sorted(privileges)), "special": int(role in SPECIAL_ROLES)}
            for role, privileges in self.accounts.roles.items()
        ]

    async def _role_read(self, values: Values, _caller: str) -> Any:
        role = values["roleid"]
        if role not in self.accounts.roles:
            raise PveError(500, f"role '{role}' does not exist")
        return dict.fromkeys(sorted(self.accounts.roles[role]), 1)

    def _privileges_given(self, values: Values, failed: str) -> frozenset[str]:
        given = split_list(values.get("privs"))
        for privilege in given:
            if privilege not in SPECIAL_ROLES["Administrator"]:
                raise PveError(500, f"{failed}invalid privilege '{privilege}'")
        return frozenset(given)

    async def _role_create(self, values: Values, _caller: str) -> None:
        role, failed = values["roleid"], "create role failed: "
        if role in self.accounts.roles:
            raise PveError(500, f"{failed}role '{role}' already exists")
        self.accounts.own_roles[role] = self._privileges_given(values, failed)

    async def _role_update(self, values: Values, _caller: str) -> None:
        role, failed = values["roleid"], "update role failed: "
        if role in SPECIAL_ROLES:
            raise PveError(500, f"auto-generated role '{role}' cannot be modified")
        if role not in self.accounts.own_roles:
            raise PveError(500, f"{failed}role '{role}' does not exist")
        kept = self.accounts.own_roles[role] if values.get("append") else frozenset[str]()
        self.accounts.own_roles[role] = kept | self._privileges_given(values, failed)

    async def _role_delete(self, values: Values, _caller: str) -> None:
        role = values["roleid"]
        if role in SPECIAL_ROLES:
            raise PveError(500, f"auto-generated role '{role}' cannot be deleted")
        if role not in self.accounts.own_roles:
            raise PveError(500, f"delete role failed: role '{role}' does not exist")
        self.accounts.delete_role(role)

    # Access control lists.

    async def _acl_list(self, _values: Values, caller: str) -> Any:
        everything = self._any(caller, "/access", ["Sys.Audit", "Permissions.Modify"])
        return [
            {"path": path, "type": kind, "ugid": name, "roleid": role, "propagate": propagate}
            for path, subjects in sorted(self.accounts.acl.items())
            if everything or self.may_modify(caller, path)
            for (kind, name), roles in subjects.items()
            for role, propagate in roles.items()
        ]

    async def _acl_update(self, values: Values, caller: str) -> None:
        subjects = self._subjects(values)
        if not subjects:
            message = "either 'users', 'groups' or 'tokens' is required."
            raise param_error(users=message, groups=message, tokens=message)
        path, roles = acl_path(values["path"]), split_list(values["roles"])
        own = self.privileges(caller, path)
        for role in roles:
            if role not in self.accounts.roles:
                raise PveError(500, f"ACL update failed: role '{role}' does not exist")
            if "Permissions.Modify" not in own and not self.accounts.roles[role] <= own.keys():
                message = f"Cannot modify role '{role}' - requires 'Permissions.Modify' or superset of privileges."
                raise PveError(500, f"ACL update failed: 400 Parameter verification failed.\nrole: {message}")
        for subject in subjects:
            self._check_subject(subject)
        for subject in subjects:
            for role in roles:
                if values.get("delete"):
                    self.accounts.revoke(path, subject, role)
                else:
                    self.accounts.grant(path, subject, role, values.get("propagate", 1))

    @staticmethod
    def _subjects(values: Values) -> list[Subject]:
        names = {kind: split_list(values.get(f"{kind}s")) for kind in ("group", "user", "token")}
        return [(kind, name) for kind, each in names.items() for name in each]

    def _check_subject(self, subject: Subject) -> None:
        kind, name = subject
        if kind == "group" and name not in self.accounts.groups:
            raise PveError(500, f"ACL update failed: group '{name}' does not exist")
        if kind == "user" and name not in self.accounts.users:
            raise PveError(500, f"ACL update failed: user '{name}' does not exist")
        if kind == "token" and name not in self.accounts.tokens:
            user, _, token = name.partition("!")
            raise PveError(500, f"ACL update failed: no such token '{token}' for user '{user}'")
