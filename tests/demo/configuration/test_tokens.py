"""Tokens are not their users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.conftest import token_of
from demo_api import Api

if TYPE_CHECKING:
    from proxmox_mcp.demo import DemoCluster


def test_a_token_is_not_its_user(cluster: DemoCluster, root: Api, user: str, by_password: Api) -> None:
    token = Api(cluster, f"{user}!own", token_of(root, user, "own", privsep=0))
    for method, path in (
        ("GET", f"/access/users/{user}/token"),
        ("GET", f"/access/users/{user}/token/own"),
        ("PUT", f"/access/users/{user}/token/own"),
        ("DELETE", f"/access/users/{user}/token/own"),
    ):
        assert token.refusal(method, path) == (403, "Permission check failed")
    assert user not in [known["userid"] for known in token.get("/access/users")]
    assert [each["tokenid"] for each in by_password.get(f"/access/users/{user}/token")] == ["own"]
    root.done("PUT", "/access/acl", path="/access", roles="PVEUserAdmin", users=user)
    token.done("DELETE", f"/access/users/{user}/token/own")
    assert token.refusal("GET", "/version") == (401, "Authentication failed!")


def test_a_separated_token_may_what_it_and_its_user_may(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!sep", token_of(root, user, "sep"))
    root.done("PUT", "/access/acl", path="/vms", roles="PVEVMUser", users=user)
    assert token.get("/cluster/resources", type="vm") == []
    root.done("PUT", "/access/acl", path="/vms/103", roles="PVEVMAdmin", tokens=f"{user}!sep")
    assert [guest["vmid"] for guest in token.get("/cluster/resources", type="vm")] == [103]
    held = token.get("/access/permissions", path="/vms/103")["/vms/103"]
    assert "VM.PowerMgmt" in held
    assert "VM.Allocate" not in held


def test_an_expired_token_and_a_disabled_user_can_do_nothing(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!old", token_of(root, user, "old", privsep=0))
    assert token.answer("GET", "/version")[0] == 200
    root.done("PUT", f"/access/users/{user}/token/old", expire=1_000_000)
    assert token.answer("GET", "/version")[0] == 401
    root.done("PUT", f"/access/users/{user}/token/old", expire=0)
    assert token.answer("GET", "/version")[0] == 200
    root.done("PUT", f"/access/users/{user}", enable=0)
    assert token.answer("GET", "/version")[0] == 401


def test_a_token_that_gets_another_secret_no_longer_takes_the_first(cluster: DemoCluster, root: Api, user: str) -> None:
    path = f"/access/users/{user}/token/own"
    first = token_of(root, user, "own", privsep=0, comment="mine")
    second = root.done("PUT", path, regenerate=1)["value"]
    assert Api(cluster, f"{user}!own", first).answer("GET", "/version")[0] == 401
    assert Api(cluster, f"{user}!own", second).answer("GET", "/version")[0] == 200
    assert root.get(path)["comment"] == "mine"


def test_a_token_is_there_once_and_loses_only_its_comment(root: Api, user: str) -> None:
    path = f"/access/users/{user}/token/own"
    token_of(root, user, "own", comment="mine")
    assert root.refusal("POST", path)[0] == 400
    assert "unknown option 'privsep'" in root.refusal("PUT", path, delete="privsep")[1]
    root.done("PUT", path, delete="comment")
    assert "comment" not in root.get(path)
    root.done("DELETE", path)
    assert "no such token 'own'" in root.refusal("GET", path)[1]
