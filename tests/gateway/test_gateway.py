"""The way of a call, over a real exchange with an upstream that keeps what came in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from gateway.conftest import RESOURCES, records
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.errors import (
    AuthenticationError,
    ConfirmationNeededError,
    DeniedError,
    InvalidCallError,
    ParametersError,
    ProxmoxError,
)
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.policy.caller import Caller, Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent

pytestmark = pytest.mark.anyio
ALLOW = '[[rule]]\nverdict = "allow"\npath = "/**"\n'


async def test_what_json_brings_is_sent_as_proxmox_wants_it(gateway: Gateway, recorder: RawServer) -> None:
    data = {"onboot": True, "cores": 4, "description": None, "tags": ["a", "b"], "ipconfig0": {"ip": "dhcp"}}
    told = await gateway.call(Request(path="/nodes/pve1/qemu/101/config", method="put", data=data))
    assert told == "Done: PUT /nodes/pve1/qemu/101/config\nChange 1, can be undone."
    sent = recorder.posted[-1]
    assert (sent.method, sent.target) == ("PUT", "/api2/json/nodes/pve1/qemu/101/config")
    assert sorted(sent.body.split(b"&")) == [b"cores=4", b"ipconfig0=ip%3Ddhcp", b"onboot=1", b"tags=a%2Cb"]


async def test_an_empty_list_is_sent_as_json_and_the_rehearsal_says_so(
    gateway_to: Callable[..., Gateway], recorder: RawServer
) -> None:
    gateway = gateway_to(recorder.port, ALLOW)
    call = Request(path="/cluster/notifications/matchers/m1", method="PUT", data={"target": []}, dry_run=True)
    told = await gateway.call(call)
    assert told.startswith(
        "Dry run, nothing was sent. Would send: PUT /cluster/notifications/matchers/m1 "
        "with a JSON body, since a form can't carry one of the lists\n  target = []\n"
    )
    await gateway.call(replace(call, dry_run=False))
    assert json.loads(recorder.posted[-1].body) == {"target": []}


async def test_the_rehearsal_tells_what_only_the_code_of_an_endpoint_checks(gateway: Gateway) -> None:
    data = {"vmid": "101", "storage": "local"}
    told = await gateway.call(Request(path="/nodes/pve1/vzdump", method="POST", data=data, dry_run=True))
    lacking = "VM.Backup on /vms/101, Datastore.AllocateSpace on /storage/local"
    assert f"\nProxmox will probably refuse: mcp@pve!t1 lacks {lacking}." in told


async def test_all_faults_of_a_call_are_told_at_once_and_nothing_is_sent(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    with pytest.raises(InvalidCallError) as caught:
        await gateway.call(Request(path="/nodes/pve1/qemu/1/clone", method="POST", data={"full": "yes", "newid": "x"}))
    assert caught.value.message.startswith("POST /nodes/{node}/qemu/{vmid}/clone: 3 faults.")
    for parameter in ("vmid", "full", "newid"):
        assert f"\n- {parameter}: " in caught.value.message
    assert len(recorder.posted) == before


async def test_a_rehearsal_sends_nothing_and_says_what_it_would(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    told = await gateway.call(Request(path="/nodes/*/qemu/web-01", method="DELETE", data={"purge": True}, dry_run=True))
    assert told.startswith("Dry run, nothing was sent. Would send: DELETE /nodes/pve1/qemu/100\n  purge = 1\n")
    assert "Policy: confirm (guarded mode: destroy, disrupt)." in told
    assert "- VM 100 web-01: disks scsi0=local:vm-100-disk-0" in told
    assert len(recorder.posted) == before
    assert records(gateway)[-1]["result"] == "dry-run"


async def test_what_needs_a_confirmation_is_not_sent_without(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    with pytest.raises(ConfirmationNeededError):
        await gateway.call(Request(path="/nodes/pve1/qemu/100", method="DELETE"))
    assert len(recorder.posted) == before
    assert records(gateway)[-1]["result"] == "unconfirmed"


async def test_a_caller_below_the_servers_mode_is_held_to_its_own(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    reader = Caller(name="reader", mode=Mode.READ_ONLY)
    with pytest.raises(DeniedError, match="read-only mode"):
        await gateway.call(Request(path="/nodes/pve1/qemu/101/config", method="PUT", data={"cores": 2}, caller=reader))
    assert len(recorder.posted) == before


async def test_an_endpoint_that_no_schema_knows_is_judged_upwards_and_doubted(
    gateway: Gateway, recorder: RawServer
) -> None:
    with pytest.raises(ConfirmationNeededError) as caught:
        await gateway.call(Request(path="/nodes/pve1/brand/new", method="POST", data={"a": "b"}))
    assert "doesn't know this, but the node may" in caught.value.message
    full = Caller(name="ops")
    with pytest.raises(DeniedError) as refused:
        await gateway.call(Request(path="/nodes/pve1/brand/new", reads_only=True, caller=full))
    assert "The API has no path '/nodes/pve1/brand/new'" in refused.value.message


async def test_a_path_with_a_query_is_the_call_with_these_parameters(gateway: Gateway, recorder: RawServer) -> None:
    await gateway.call(Request(path="/nodes/pve1/tasks?limit=5&typefilter=vzdump"))
    targets = [request.target for request in recorder.requests]
    assert "/api2/json/nodes/pve1/tasks?limit=5&typefilter=vzdump" in targets


async def test_an_empty_list_that_the_token_may_not_see_is_said_to_be_one(gateway: Gateway) -> None:
    told = await gateway.call(Request(path="/nodes/pve1/qemu"))
    assert told.startswith("(an empty list)")
    assert "lacks" in told
    assert "VM.Audit" in told


async def test_a_refusal_that_echoes_a_secret_is_told_without_it(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    secret = "correct-horse-battery"
    body = {"message": "Parameter verification failed.\n", "errors": {"cipassword": f"'{secret}' is too short"}}
    refusal = reply(status=400, reason="Parameter verification failed.", body=json.dumps(body).encode())
    assert recorder.certificate is not None
    with raw_serving(refusal, recorder.certificate) as upstream:
        gateway = gateway_to(upstream.port, ALLOW)
        with pytest.raises(ParametersError) as caught:
            await gateway.call(Request(path="/nodes/pve1/qemu/101/config", method="PUT", data={"cipassword": secret}))
        await gateway.aclose()
    assert "[secret]" in caught.value.message
    assert secret not in f"{caught.value} {caught.value.errors}"
    assert secret not in json.dumps(records(gateway))


async def test_a_kept_refusal_never_changes_and_shows_no_caller_the_call_of_another(
    recorder: RawServer, gateway_to: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused password is kept for some seconds, and told to everybody who calls in that time."""
    secrets = ("correct-horse-battery", "staple-staple-staple")

    def refuse(request: Sent, connection: Any) -> None:
        body = json.dumps({"data": None, "message": "authentication failure"}).encode()
        connection.sendall(reply(status=401, reason="authentication failure", body=body))

    async def call(gateway: Gateway, name: str, secret: str) -> ProxmoxError:
        data = {f"{name}-only": name, "cipassword": secret}
        asked = Request(path=f"/nodes/pve1/brand/{name}", method="POST", data=data, caller=Caller(name=name))
        with pytest.raises(AuthenticationError) as caught:
            await gateway.call(asked)
        return caught.value

    monkeypatch.setattr("proxmox_mcp.proxmox.login.REFUSAL_HOLDS", 600.0)
    assert recorder.certificate is not None
    with raw_serving(refuse, recorder.certificate) as upstream:
        settings = {"PROXMOX_TOKEN_ID": "", "PROXMOX_PASSWORD": "guess-guess-guess", "MCP_MODE": "full"}
        gateway = gateway_to(upstream.port, **settings)
        callers = (("anna", secrets[0]), ("ben", secrets[1]), ("anna", secrets[0]))
        told = [await call(gateway, name, secret) for name, secret in callers]
        assert len(upstream.posted) == 1
        await gateway.aclose()
    assert str(told[0]) == str(told[2])
    for error, own, other in zip(told, ("anna", "ben", "anna"), ("ben", "anna", "ben"), strict=True):
        shown = f"{error}{error!r}{vars(error)}"
        assert f"/nodes/pve1/brand/{own}" in shown
        assert f"brand/{other}" not in shown
        assert not [secret for secret in secrets if secret in shown]


async def test_a_refusal_without_its_secrets_leads_back_to_none_that_has_them(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    secret = "correct-horse-battery"
    body = {"message": f"no {secret}\n", "errors": {f"cipassword {secret}": f"'{secret}' is too short"}}
    refusal = reply(status=400, reason="Parameter verification failed.", body=json.dumps(body).encode())
    assert recorder.certificate is not None
    with raw_serving(refusal, recorder.certificate) as upstream:
        gateway = gateway_to(upstream.port, ALLOW)
        with pytest.raises(ParametersError) as caught:
            await gateway.call(Request(path="/nodes/pve1/qemu/101/config", method="PUT", data={"cipassword": secret}))
        await gateway.aclose()
    error: BaseException | None = caught.value
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    shown = "".join(f"{each}{each!r}{vars(each)}" for each in chain)
    assert "[secret]" in shown
    assert secret not in shown


async def test_a_statement_too_long_for_an_answer_waits_as_an_approval_that_shows_it_whole(gateway: Gateway) -> None:
    command = ["sh", "-c", "echo " + "x" * 20_000 + "; id"]
    path = "/nodes/pve1/qemu/100/agent/exec"
    with pytest.raises(ConfirmationNeededError) as caught:
        await gateway.call(Request(path=path, method="POST", data={"command": command}))
    assert "too long to be confirmed here" in caught.value.message
    assert "If the user asked for exactly this" not in caught.value.advice
    (waiting,) = gateway.guard.approvals.pending()
    assert json.dumps(command) in waiting.statement
    gateway.guard.approvals.decide(waiting.number, approve=False, by="anna")


@pytest.mark.parametrize("at_once", [0, len(RESOURCES) - 1, len(RESOURCES)])
async def test_a_reduced_answer_is_told_without_secrets_wherever_it_is_reduced(gateway: Gateway, at_once: int) -> None:
    """A reduction that takes out none, and one that adds some: what it tells is looked through in any case."""
    told = [{"name": "web-01", "password": "correct-horse-battery"}, "PROXMOX_PASSWORD=correct-horse-battery"]
    reduced: list[int] = []

    def reduce(answer: Any, _: object) -> Any:
        reduced.append(len(answer))
        return told

    _, shown = await gateway.read(Request(path="/cluster/resources", reduce=reduce, reduced_at_once=at_once))
    assert reduced == [len(RESOURCES)]
    assert shown == [{"name": "web-01", "password": "[secret]"}, "PROXMOX_PASSWORD=[secret]"]
