from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from gateway.conftest import RESOURCES
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import FailedError, PermissionDeniedError
from proxmox_mcp.gateway import Request
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.gateway.request import NoClient
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.effects import Cause, Judgement
from proxmox_mcp.policy.rules import ABSENT, Facts, Needs
from proxmox_mcp.policy.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent
    from proxmox_mcp.confirm.subjects import Subject
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio

CONFIG = {"name": "web-01", "scsi0": "ceph:vm-100-disk-0,size=8G", "net0": "virtio=AA,bridge=vmbr0"}
ANSWERS: dict[str, Any] = {
    "/nodes/pve1/qemu/100/config": CONFIG,
    "/nodes/pve1/qemu/100/snapshot": [{"name": "before"}, {"name": "current"}],
    "/nodes/pve1/storage/local/content": [],
    "/nodes/pve1/storage/nas/content": [{"volid": "nas:backup/b", "ctime": 7}],
}


def action(effect: Effect = Effect.DESTROY, template: str = "/nodes/{node}/qemu/{vmid}", **params: str) -> Call:
    judged = Judgement((Cause(effect, "test"),))
    call = Call(method="DELETE", template=template, path=ApiPath.parse("/p"), path_params=params, judgement=judged)
    return replace(call, targets=targets_of(call))


async def live_facts(vmids: list[int], cluster: Cluster) -> Facts:
    return await LiveState(action(), cluster).facts(Needs(guests=frozenset(vmids), storages=True))


async def subjects_of(call: Call, cluster: Cluster) -> list[Subject]:
    return await LiveState(call, cluster).subjects()


async def test_facts_of_a_guest_are_its_node_pool_tags_and_storages(scripted: Scripted) -> None:
    cluster, _ = scripted(ANSWERS)
    facts = await live_facts([100], cluster)
    found = facts.get(100)
    assert found is not None
    assert (found.node, found.pool, found.tags) == ("pve1", "production", frozenset({"prod", "web"}))
    assert found.storages == frozenset({"ceph"})


async def test_nothing_is_asked_where_no_rule_asks(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    await live_facts([], cluster)
    assert script.asked == []


async def test_a_guest_that_is_not_there_is_absent_only_to_who_sees_all(scripted: Scripted) -> None:
    all_seeing, _ = scripted(ANSWERS)
    assert (await live_facts([999], all_seeing)).get(999) is ABSENT
    blind, _ = scripted({**ANSWERS, "/access/permissions": {"/vms/100": {"VM.Audit": 1}}}, identity="dev@pve!t1")
    assert (await live_facts([999], blind)).get(999) is None


async def test_what_cannot_be_read_stays_unknown(scripted: Scripted) -> None:
    cluster, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    assert (await live_facts([100], cluster)).get(100) is None
    half, _ = scripted({"/nodes/pve1/qemu/100/config": PermissionDeniedError("no VM.Audit")})
    found = (await live_facts([100], half)).get(100)
    assert found is not None
    assert found.storages is None


async def test_a_guest_that_is_destroyed_is_told_with_disks_snapshots_and_backups(scripted: Scripted) -> None:
    cluster, _ = scripted(ANSWERS)
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert str(subject) == (
        "VM 100 web-01: disks scsi0=ceph:vm-100-disk-0; snapshots before; on pve1; status running; size 8G; "
        "backups 1, the newest nas:backup/b"
    )


async def test_backups_are_looked_for_only_where_something_is_destroyed(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    (subject,) = await subjects_of(action(Effect.DISRUPT, node="pve1", vmid="100"), cluster)
    assert "backups" not in str(subject)
    assert not any("content" in path for path in script.paths)


async def test_backups_that_cannot_be_read_are_not_said_to_be_none(scripted: Scripted) -> None:
    denied = {"/nodes/pve1/storage/nas/content": PermissionDeniedError("no Datastore.Audit")}
    cluster, _ = scripted({**ANSWERS, **denied})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert "backups" not in str(subject)


async def test_a_guest_whose_state_cannot_be_read_is_told_as_such(scripted: Scripted) -> None:
    cluster, _ = scripted({"/nodes/pve1/qemu/100/config": FailedError("got timeout")})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert str(subject) == "VM 100: its state could not be read (got timeout)"
    away, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), away)
    assert "its state could not be read (no quorum)" in str(subject)


async def test_a_node_is_told_with_its_state_where_nothing_smaller_is_hit(scripted: Scripted) -> None:
    cluster, _ = scripted()
    (subject,) = await subjects_of(action(Effect.DISRUPT, "/nodes/{node}/status", node="pve3"), cluster)
    assert str(subject) == "node pve3: status offline"


async def test_the_state_is_read_at_the_moment_and_not_kept(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    first = await subjects_of(action(node="pve1", vmid="100"), cluster)
    script.answers["/nodes/pve1/qemu/100/config"] = {**CONFIG, "name": "other"}
    second = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert first[0].identity["name"] == "web-01"
    assert second[0].identity["name"] == "other"
    assert script.paths.count("/cluster/resources") == 2


async def asked_twice(
    scripted: Scripted, digest: str, **changed: Any
) -> tuple[list[Subject], list[Subject], list[str]]:
    """The subjects before and after a question, ``changed`` meanwhile, and the paths that were read the second time."""
    config = {**CONFIG, "digest": "aa"} if digest else CONFIG
    cluster, script = scripted({**ANSWERS, "/nodes/pve1/qemu/100/config": config})
    live = LiveState(action(node="pve1", vmid="100"), cluster)
    before, read = await live.subjects(), len(script.paths)
    script.answers["/nodes/pve1/qemu/100/config"] = {**config, "digest": digest} if digest else config
    script.answers |= changed.get("answers", {})
    after = await (await live.reread()).subjects()
    return before, after, script.paths[read:]


async def test_after_a_question_only_the_configuration_is_read_again_where_its_digest_is_the_same(
    scripted: Scripted,
) -> None:
    before, after, read = await asked_twice(scripted, "aa")
    assert before == after
    assert read == ["/nodes/pve1/qemu/100/config"]


@pytest.mark.parametrize("digest", ["bb", ""])
async def test_snapshots_are_read_again_where_the_configuration_is_another_or_has_no_digest(
    digest: str, scripted: Scripted
) -> None:
    answers = {"/nodes/pve1/qemu/100/snapshot": [{"name": "current"}]}
    before, after, read = await asked_twice(scripted, digest, answers=answers)
    assert before[0].identity["snapshots"] == "before"
    assert after[0].identity["snapshots"] == "none"
    assert read == ["/nodes/pve1/qemu/100/config", "/nodes/pve1/qemu/100/snapshot"]


async def test_a_guest_that_moved_meanwhile_is_looked_for_again_and_one_that_is_gone_is_missed(
    scripted: Scripted,
) -> None:
    gone = {"/nodes/pve1/qemu/100/config": FailedError("Configuration file 'nodes/pve1/qemu-server/100.conf'...")}
    moved = [{**each, "node": "pve2"} if each.get("vmid") == 100 else each for each in RESOURCES]
    there = {path.replace("/pve1/", "/pve2/"): answer for path, answer in ANSWERS.items()}
    before, after, _ = await asked_twice(scripted, "aa", answers={**gone, **there, "/cluster/resources": moved})
    assert before[0].identity == after[0].identity
    before, after, _ = await asked_twice(scripted, "aa", answers={**gone, "/cluster/resources": []})
    assert before[0].identity != after[0].identity


async def test_a_guest_that_was_not_there_is_looked_for_again(scripted: Scripted) -> None:
    cluster, script = scripted({**ANSWERS, "/cluster/resources": []})
    live = LiveState(action(node="pve1", vmid="100"), cluster)
    (before,) = await live.subjects()
    script.answers["/cluster/resources"] = RESOURCES
    (after,) = await (await live.reread()).subjects()
    assert (before.identity, after.identity.get("name")) == ({}, "web-01")


GUARDED = """
[[rule]]
verdict = "confirm"
by = "person"
tag = "prod"
risk = "destroy"

[[rule]]
verdict = "deny"
storage = "vault"
"""


class Agreeing(NoClient):
    """A client whose person says yes."""

    can_be_asked, follows_progress, answer = True, False, None

    async def ask(self, question: str, token: str) -> bool:
        return True

    async def progress(self, done: float | None, text: str) -> None:
        """Nobody listens."""


async def test_a_guarded_delete_of_a_vm_reads_each_fact_once(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    def answer(request: Sent, connection: Any) -> None:
        path = request.target.partition("?")[0].removeprefix("/api2/json")
        data: Any = RESOURCES if path == "/cluster/resources" else [] if request.method == "GET" else None
        if path.endswith("/config"):
            data = {**CONFIG, "digest": "aa"}
        connection.sendall(reply(data))

    assert recorder.certificate is not None
    with raw_serving(answer, recorder.certificate) as upstream:
        gateway = gateway_to(upstream.port, GUARDED)
        told = await gateway.call(Request(path="/nodes/pve1/qemu/100", method="DELETE"), Agreeing())
        await gateway.aclose()
    assert told.startswith("Done: DELETE /nodes/pve1/qemu/100\n")
    read = [request.target.partition("?")[0].removeprefix("/api2/json") for request in upstream.requests]
    config = "/nodes/pve1/qemu/100/config"
    assert read.count(config) == 2
    assert sorted(set(read[:-7])) == [
        "/cluster/resources",
        config,
        "/nodes/pve1/qemu/100/snapshot",
        "/nodes/pve1/storage/local/content",
        "/nodes/pve1/storage/nas/content",
    ]
    assert (len(read[:-6]), read[-7], read[-1]) == (6, config, "/nodes/pve1/qemu/100")
    # Once it is confirmed, what goes with the guest is read for the change record (MCP_CHANGES).
    goes_with_it = ["/access/acl", "/cluster/backup", "/cluster/ha/resources", "/cluster/replication"]
    assert sorted(read[-6:-1]) == [*goes_with_it, "/nodes/pve1/qemu/100/firewall/rules"]
