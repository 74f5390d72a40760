"""Users, groups, roles and the ACL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.conftest import PASSWORD, token_of
from demo_api import Api

if TYPE_CHECKING:
    from proxmox_mcp.demo import DemoCluster


def test_a_deleted_user_leaves_groups_acls_and_tokens(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!own", token_of(root, user, "own", privsep=0))
    root.done("PUT", "/access/acl", path="/vms", roles="PVEVMUser", users=user, tokens=f"{user}!own")
    root.done("DELETE", f"/access/users/{user}")
    assert root.get("/access/groups/staff")["members"] == []
    assert not [entry for entry in root.get("/access/acl") if entry["ugid"].startswith(user)]
    assert token.answer("GET", "/version")[0] == 401
    root.done("POST", "/access/users", userid=user)
    assert root.get(f"/access/users/{user}/token") == []


def test_what_only_a_ticket_may_is_refused_to_roots_token(root: Api) -> None:
    assert root.refusal("PUT", "/access/password", userid="anna@pve", password=PASSWORD)[0] == 403
    assert root.refusal("PUT", "/nodes/pve3/qemu/104/config", args="-d")[1] == "only root can set 'args' config"
    assert root.refusal("POST", "/cluster/acme/account", contact="a@example.org")[1].endswith("(user != root@pam)")


def test_a_deleted_user_leaves_its_password_and_its_second_factors(root: Api, user: str, by_password: Api) -> None:
    login = {"username": user, "password": PASSWORD}
    by_password.done("POST", f"/access/tfa/{user}", type="recovery", password=PASSWORD)
    root.done("DELETE", f"/access/users/{user}")
    assert root.refusal("POST", "/access/ticket", **login)[0] == 401
    root.done("POST", "/access/users", userid=user, password=PASSWORD)
    assert root.get(f"/access/tfa/{user}") == []
    assert "NeedTFA" not in root.done("POST", "/access/ticket", **login)


def test_a_user_joins_groups_and_keeps_the_others_where_that_is_asked(root: Api, user: str) -> None:
    root.done("POST", "/access/groups", groupid="night")
    root.done("PUT", f"/access/users/{user}", groups="night", append=1)
    assert sorted(root.get(f"/access/users/{user}")["groups"]) == ["night", "staff"]
    root.done("PUT", f"/access/users/{user}", groups="night")
    assert root.get(f"/access/users/{user}")["groups"] == ["night"]
    assert "no such group 'day'" in root.refusal("PUT", f"/access/users/{user}", groups="day")[1]
    root.done("DELETE", "/access/groups/night")
    assert root.get(f"/access/users/{user}")["groups"] == []


def test_users_are_listed_with_groups_and_tokens_and_by_whether_they_are_enabled(root: Api, user: str) -> None:
    token_of(root, user, "own")
    root.done("PUT", f"/access/users/{user}", enable=0, comment="on leave", email="")
    (entry,) = [each for each in root.get("/access/users", full=1, enabled=0) if each["userid"] == user]
    assert (entry["groups"], entry["comment"], entry["realm-type"]) == ("staff", "on leave", "pve")
    assert [token["tokenid"] for token in entry["tokens"]] == ["own"]
    assert user not in [each["userid"] for each in root.get("/access/users", enabled=1)]
    root.done("PUT", f"/access/users/{user}", comment="")
    assert "comment" not in root.get(f"/access/users/{user}")


def test_a_group_has_a_comment_and_is_there_once(root: Api, user: str) -> None:
    root.done("PUT", "/access/groups/staff", comment="all of them")
    assert root.get("/access/groups/staff") == {"comment": "all of them", "members": [user]}
    root.done("PUT", "/access/groups/staff", comment="")
    assert root.get("/access/groups/staff") == {"members": [user]}
    assert "already exists" in root.refusal("POST", "/access/groups", groupid="staff")[1]
    for method in ("PUT", "DELETE"):
        assert "group 'none' does not exist" in root.refusal(method, "/access/groups/none")[1]


def test_a_role_gets_privileges_in_place_of_its_own_or_beside_them(root: Api) -> None:
    root.done("POST", "/access/roles", roleid="Watcher", privs="VM.Audit")
    root.done("PUT", "/access/roles/Watcher", privs="Sys.Audit", append=1)
    assert root.get("/access/roles/Watcher") == {"Sys.Audit": 1, "VM.Audit": 1}
    root.done("PUT", "/access/roles/Watcher", privs="Datastore.Audit")
    assert root.get("/access/roles/Watcher") == {"Datastore.Audit": 1}
    assert "invalid privilege 'VM.Fly'" in root.refusal("PUT", "/access/roles/Watcher", privs="VM.Fly")[1]
    assert "already exists" in root.refusal("POST", "/access/roles", roleid="Watcher")[1]
    root.done("DELETE", "/access/roles/Watcher")
    assert "does not exist" in root.refusal("GET", "/access/roles/Watcher")[1]
    for method, said in (("PUT", "cannot be modified"), ("DELETE", "cannot be deleted")):
        assert said in root.refusal(method, "/access/roles/PVEAdmin")[1]


def test_an_entry_of_the_acl_names_who_there_is_and_is_taken_back(root: Api, user: str) -> None:
    entry = {"path": "/vms/103", "roles": "PVEVMUser"}
    root.done("PUT", "/access/acl", **entry, users=user)
    assert [each["roleid"] for each in root.get("/access/acl") if each["ugid"] == user] == ["PVEVMUser"]
    root.done("PUT", "/access/acl", **entry, users=user, delete=1)
    assert not [each for each in root.get("/access/acl") if each["ugid"] == user]
    assert root.refusal("PUT", "/access/acl", **entry)[0] == 400
    for kind, name, said in (
        ("users", "nobody@pve", "user 'nobody@pve' does not exist"),
        ("groups", "nobody", "group 'nobody' does not exist"),
        ("tokens", f"{user}!none", f"no such token 'none' for user '{user}'"),
    ):
        assert said in root.refusal("PUT", "/access/acl", **entry, **{kind: name})[1]
    assert "role 'None' does not exist" in root.refusal("PUT", "/access/acl", path="/", roles="None", users=user)[1]


def test_who_may_not_change_permissions_gives_no_role_beyond_its_own(
    cluster: DemoCluster, root: Api, user: str
) -> None:
    root.done("PUT", "/access/acl", path="/vms/103", roles="PVEVMUser", users=user)
    root.done("POST", "/access/roles", roleid="Delegate", privs="VM.Allocate,VM.Audit")
    root.done("PUT", "/access/acl", path="/vms/103", roles="Delegate", users=user)
    token = Api(cluster, f"{user}!own", token_of(root, user, "own", privsep=0))
    entry = {"path": "/vms/103", "users": user}
    token.done("PUT", "/access/acl", **entry, roles="PVEVMUser")
    refused = token.refusal("PUT", "/access/acl", **entry, roles="PVEVMAdmin")[1]
    assert "requires 'Permissions.Modify' or superset of privileges" in refused
    root.done("DELETE", "/access/roles/Delegate")
