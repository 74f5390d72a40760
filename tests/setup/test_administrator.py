"""An administrator's login makes user, roles and token on a cluster, and can be repeated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from demo_api import Api
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.demo.configuration.second_factors import totp_code
from proxmox_mcp.doctor.privilege_profiles import ADMINISTRATOR, OPERATOR, PROFILES, READ_ONLY
from proxmox_mcp.doctor.timing import Deadline
from proxmox_mcp.errors import AuthenticationError, PermissionDeniedError, SettingsError, TlsError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.permissions import Permissions
from proxmox_mcp.setup import Administrator, NewToken, find_node, pveum_lines
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.privilege_profiles import PrivilegeProfile

OTP_SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster() as running:
        yield running


def connection(cluster: DemoCluster, user: str = "root@pam", password: str = "", pin: str = "") -> Connection:
    return Connection.parse(
        host=f"{cluster.host}:{cluster.port}",
        user=user,
        secret=password or cluster.password,
        fingerprint=pin or cluster.fingerprint,
    )


def no_code() -> str:
    raise AssertionError("nobody asked for a code")


def made(cluster: DemoCluster, user: str, profile: PrivilegeProfile) -> NewToken:
    session = Administrator.sign_in(connection(cluster), no_code)
    try:
        return session.make_token(user, "mcp", profile)
    finally:
        session.close()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: str(profile.name))
def test_the_token_can_do_what_its_profile_promises(cluster: DemoCluster, profile: PrivilegeProfile) -> None:
    user = f"{profile.name}@pve"
    token = made(cluster, user, profile)
    held = Permissions.of(Api(cluster, f"{user}!{token.name}", token.secret).get("/access/permissions"))
    assert [ability.text for ability in profile.abilities if ability.extent(held) != "all"] == []
    assert token.secret not in "\n".join(token.done)
    assert token.secret not in repr(token)
    assert token.done[0] == f"user {user} made"
    assert token.beyond == ()


def test_a_read_only_token_can_not_change_guests(cluster: DemoCluster) -> None:
    token = made(cluster, "reader@pve", READ_ONLY)
    held = Permissions.of(Api(cluster, f"reader@pve!{token.name}", token.secret).get("/access/permissions"))
    others = [*OPERATOR.abilities, *ADMINISTRATOR.abilities]
    allowed = {ability.text for ability in others if ability.extent(held) != "none"}
    assert allowed <= {"use the guest agent"}  # PVEAuditor holds VM.GuestAgent.Audit, which only looks


def test_a_second_run_makes_another_token_and_leaves_the_first(cluster: DemoCluster) -> None:
    first, second = made(cluster, "twice@pve", READ_ONLY), made(cluster, "twice@pve", READ_ONLY)
    assert (first.name, second.name) == ("mcp", "mcp-2")
    assert not any("user" in line and "made" in line for line in second.done if "token" not in line)
    for token in (first, second):
        assert Api(cluster, f"twice@pve!{token.name}", token.secret).get("/version")


def test_what_a_user_could_do_before_is_told(cluster: DemoCluster) -> None:
    made(cluster, "less@pve", OPERATOR)
    assert set(made(cluster, "less@pve", READ_ONLY).beyond) == {
        "PVEVMAdmin on /vms",
        "PVEDatastoreUser on /storage",
        "PVESDNUser on /sdn",
    }


def test_a_second_factor_is_asked_for_and_its_code_sent(cluster: DemoCluster) -> None:
    root, user, password = Api(cluster), "careful@pve", "a-long-password"
    root.done("POST", "/access/users", userid=user, password=password)
    root.done("PUT", "/access/acl", path="/", roles="Administrator", users=user)
    ticket = root.done("POST", "/access/ticket", username="root@pam", password=cluster.password)
    uri = f"otpauth://totp/{user}?secret={OTP_SECRET}"
    Api.by_ticket(cluster, ticket).done(
        "POST",
        f"/access/tfa/{user}",
        type="totp",
        totp=uri,
        value=totp_code(OTP_SECRET, time.time()),
        description="phone",
        password=cluster.password,
    )
    with pytest.raises(AuthenticationError) as caught:
        Administrator.sign_in(connection(cluster, user, password), lambda: "000000")
    assert password not in str(caught.value)
    session = Administrator.sign_in(connection(cluster, user, password), lambda: totp_code(OTP_SECRET, time.time()))
    try:
        assert session.make_token("by-careful@pve", "mcp", READ_ONLY).secret
    finally:
        session.close()


def test_a_wrong_password_is_refused_without_being_told(cluster: DemoCluster) -> None:
    with pytest.raises(AuthenticationError) as caught:
        Administrator.sign_in(connection(cluster, password="not-the-password"), no_code)
    assert "not-the-password" not in str(caught.value)
    assert "root@pve" in caught.value.advice


def test_an_administrator_who_may_not_make_users_is_told_so(cluster: DemoCluster) -> None:
    root, user, password = Api(cluster), "weak@pve", "a-long-password"
    root.done("POST", "/access/users", userid=user, password=password)
    session = Administrator.sign_in(connection(cluster, user, password), no_code)
    try:
        with pytest.raises(PermissionDeniedError):
            session.make_token("other@pve", "mcp", READ_ONLY)
    finally:
        session.close()


def test_the_password_is_not_sent_to_a_node_with_another_certificate(cluster: DemoCluster) -> None:
    with pytest.raises(TlsError):
        Administrator.sign_in(connection(cluster, pin="ab" * 32), no_code)


def test_a_node_is_found_with_the_certificate_to_pin(cluster: DemoCluster) -> None:
    node = find_node(HostPort(cluster.host, cluster.port), Deadline.after(20))
    assert node.is_one_of((cluster.fingerprint,))
    assert not node.is_one_of(("ab" * 32,))
    assert not node.publicly_trusted
    assert node.certificate.fingerprint in node.described[-1]


def test_a_node_that_is_not_there_is_named_with_what_to_check() -> None:
    port = free_port()
    with pytest.raises(SettingsError, match=f"127.0.0.1:{port} can't be reached") as caught:
        find_node(HostPort("127.0.0.1", port), Deadline.after(20))
    assert "systemctl status pveproxy" in caught.value.advice


def test_the_commands_by_hand_do_the_same_as_the_login() -> None:
    assert pveum_lines("mcp@pve", "mcp", READ_ONLY) == (
        "pveum user add mcp@pve",
        "pveum acl modify / --users mcp@pve --roles PVEAuditor",
        "pveum user token add mcp@pve mcp --privsep 0",
    )
    assert not any("PVESDNUser" in line for line in pveum_lines("mcp@pve", "mcp", OPERATOR, release=7))
