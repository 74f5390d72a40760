"""A task that failed gets the advice that its words get as the answer of the call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, TaskFailedError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.check import check_against
from proxmox_mcp.gateway.task_wait import advice_on_tasks
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.task_log import tells_of_an_error
from proxmox_mcp.proxmox.tasks import TaskOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:00004E20:00ABCDEF:6B000000:{}:100:mcp@pve!t1:"
START = ("POST", "/nodes/pve1/qemu/100/status/start", "qmstart")
SNAPSHOT = ("DELETE", "/nodes/pve1/qemu/100/snapshot/old", "qmdelsnapshot")


def failed(kind: str, said: str, *tail: str) -> TaskOutcome:
    errors = tuple(filter(tells_of_an_error, tail))
    return TaskOutcome(upid=UPID.format(kind), state="failed", exit_status=said, tail=tail, errors=errors)


SAID = [
    (START, "storage 'nass' does not exist", "Near it: nas."),
    (START, "storage 'nas' is not online", "not usable on that node"),
    (START, "bridge 'vmbr9' does not exist", "GET /nodes/pve1/network lists"),
    (START, "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", "Another operation"),
    (START, "no quorum", "lost its majority"),
    (START, "blorp the quux", ""),
    (SNAPSHOT, "zfs error: could not find any snapshots to destroy; check snapshot names.", "force=1"),
    (SNAPSHOT, "rbd: snapshot old: No such file or directory", "force=1"),
]


@pytest.mark.parametrize(("started", "said", "words"), SAID)
@pytest.mark.parametrize("asked_about_only", [False, True])
async def test_a_failed_task_gets_the_advice_of_its_words(
    started: tuple[str, str, str], said: str, words: str, asked_about_only: bool, scripted: Scripted
) -> None:
    cluster, _ = scripted()
    method, path, kind = started
    checked = check_against(cluster.schema.load(), Call(method=method, path=ApiPath.parse(path)), {}, "auto")
    outcomes = [failed(kind, said), failed(kind, said)]
    advice = await advice_on_tasks(outcomes, None if asked_about_only else checked, cluster)
    assert words in advice
    assert bool(advice) == bool(words)
    assert advice.count(words) == 1 or not words


async def test_where_the_end_says_little_the_last_lines_of_the_log_do(scripted: Scripted) -> None:
    cluster, _ = scripted()
    lines = ("INFO: starting", "qemu: error: storage 'nas' is not online", "INFO: ended")
    assert "not usable" in await advice_on_tasks(
        [failed("qmstart", "start failed: QEMU exited with code 1", *lines)], None, cluster
    )
    assert await advice_on_tasks([TaskOutcome(upid=UPID.format("qmstart"), state="ok")], None, cluster) == ""


async def test_a_call_whose_task_fails_is_told_the_cure_and_no_secret(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    secret = "correct-horse-battery"
    upid = UPID.format("vzcreate")

    def answer(request: Sent, connection: Any) -> None:
        target = request.target.partition("?")[0]
        data: Any = [] if request.method == "GET" else upid
        if target.endswith("/status"):
            data = {"status": "stopped", "exitstatus": f"storage 'nas' is not online, {secret}"}
        elif target.endswith("/log"):
            data = [{"n": 1, "t": f"TASK ERROR: set {secret}"}]
        connection.sendall(reply(data))

    assert recorder.certificate is not None
    with raw_serving(answer, recorder.certificate) as upstream:
        gateway = gateway_to(upstream.port, MCP_MODE="full")
        data = {"vmid": 200, "ostemplate": "local:vztmpl/x.tar.zst", "password": secret}
        with pytest.raises(TaskFailedError) as caught:
            await gateway.call(Request(path="/nodes/pve1/lxc", method="POST", data=data))
        await gateway.aclose()
    assert "not usable on that node" in caught.value.advice
    assert "The whole log: GET /nodes/pve1/tasks/" in caught.value.advice
    assert secret not in f"{caught.value!r}{json.dumps(str(caught.value))}"


async def test_a_direct_error_of_the_same_words_says_the_same(scripted: Scripted) -> None:
    from proxmox_mcp.gateway.suggestions import what_there_is
    from proxmox_mcp.proxmox.advice import FailedCall, advise

    cluster, _ = scripted()
    method, path, kind = START
    checked = check_against(cluster.schema.load(), Call(method=method, path=ApiPath.parse(path)), {}, "auto")
    for started, said, _ in SAID:
        if started is START:
            direct = await what_there_is(FailedError(said), checked, cluster) or advise(said, FailedCall(method, path))
            assert await advice_on_tasks([failed(kind, said)], checked, cluster) == direct
