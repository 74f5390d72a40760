"""Tokens and passwords against fakepve, which issues, checks and expires tickets as Proxmox does."""

from __future__ import annotations

import traceback
import weakref
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import eventually
from proxmox.raw_server import reply, serving
from proxmox_mcp.errors import AnswerError, AuthenticationError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox import login
from proxmox_mcp.proxmox.client import Proxmox
from proxmox_mcp.proxmox.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakepve import FakePve

    Connect = Callable[..., Connection]

pytestmark = pytest.mark.anyio


def by_password(fake: FakePve, **given: Any) -> Connection:
    values: dict[str, Any] = {"user": "root@pam", "secret": "secret", "timeout": 10.0} | given
    return Connection(hosts=(HostPort(fake.host, fake.port),), **values)


def calls(fake: FakePve, method: str, ending: str) -> int:
    return sum(1 for m, path, _ in fake.requests if m == method and path.endswith(ending))


async def test_a_password_signs_in_once_for_many_calls_and_writes_carry_the_csrf_token(fakepve: FakePve) -> None:
    fakepve.add_vm(100, "web", status="stopped")
    pve = Proxmox(by_password(fakepve))
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(pve.request, "GET", "/nodes")
    assert str(await pve.request("POST", "/nodes/pve1/qemu/100/status/start")).startswith("UPID:")
    await pve.aclose()
    assert calls(fakepve, "POST", "/access/ticket") == 1


async def test_a_ticket_is_renewed_by_itself_before_it_expires(
    fakepve: FakePve, monkeypatch: pytest.MonkeyPatch
) -> None:
    pve = Proxmox(by_password(fakepve))
    await pve.request("GET", "/nodes")
    monkeypatch.setattr(login, "RENEW_AFTER", 0.0)
    assert await pve.request("GET", "/nodes")
    await pve.aclose()
    assert calls(fakepve, "POST", "/access/ticket") == 3  # the first, the ticket as password, the password anew


async def test_a_dead_ticket_is_replaced_and_the_read_goes_through(fakepve: FakePve) -> None:
    pve = Proxmox(by_password(fakepve))
    await pve.request("GET", "/nodes")
    fakepve.revoke_tickets()
    assert await pve.request("GET", "/nodes")
    await pve.aclose()
    assert calls(fakepve, "POST", "/access/ticket") == 2


async def test_a_write_that_meets_a_dead_ticket_is_not_repeated_but_the_next_one_signs_in(fakepve: FakePve) -> None:
    fakepve.add_vm(100, "web", status="stopped")
    pve = Proxmox(by_password(fakepve))
    await pve.request("GET", "/nodes")
    fakepve.revoke_tickets()
    with pytest.raises(AuthenticationError) as caught:
        await pve.request("POST", "/nodes/pve1/qemu/100/status/start")
    assert "repeat the call" in caught.value.advice
    assert calls(fakepve, "POST", "/status/start") == 1
    assert str(await pve.request("POST", "/nodes/pve1/qemu/100/status/start")).startswith("UPID:")
    await pve.aclose()


async def test_a_wrong_password_is_said_once_and_not_hammered(fakepve: FakePve) -> None:
    pve = Proxmox(by_password(fakepve, secret="wrong"))
    for _ in range(3):
        with pytest.raises(AuthenticationError) as caught:
            await pve.request("GET", "/nodes")
        assert "root@pam or the password is wrong" in caught.value.advice
        assert "wrong" not in caught.value.message
    await pve.aclose()
    assert calls(fakepve, "POST", "/access/ticket") == 1


async def test_a_refusal_that_is_kept_is_told_as_another_error_each_time_and_none_of_these_is_the_one_kept(
    fakepve: FakePve,
) -> None:
    """The traceback of an error holds all its frames, and in them what somebody has sent."""
    pve = Proxmox(by_password(fakepve, secret="wrong"))

    async def refused() -> AuthenticationError:
        with pytest.raises(AuthenticationError) as caught:
            await pve.request("POST", "/nodes/pve1/qemu", {"cipassword": "correct-horse-battery"})
        return caught.value

    told = [await refused() for _ in range(3)]
    assert calls(fakepve, "POST", "/access/ticket") == 1
    assert len({id(error) for error in told}) == 3
    assert len({str(error) for error in told}) == 1
    left = [weakref.ref(error) for error in told]
    while told:
        traceback.clear_frames(told.pop().__traceback__)
    await eventually(lambda: not any(error() for error in left), lambda: "the end of the errors")
    await pve.aclose()


async def test_a_login_that_asks_for_a_second_factor_is_explained(fakepve: FakePve) -> None:
    fakepve.tfa = True
    pve = Proxmox(by_password(fakepve))
    with pytest.raises(AuthenticationError, match="second factor") as caught:
        await pve.request("GET", "/nodes")
    await pve.aclose()
    assert "pveum user token add root@pam mcp" in caught.value.advice


async def test_a_token_needs_no_login(fakepve: FakePve) -> None:
    fakepve.apitokens["mcp@pve!t1"] = "s3cr3t"
    pve = Proxmox(by_password(fakepve, user="mcp@pve", token="t1", secret="s3cr3t"))
    assert await pve.request("GET", "/nodes")
    await pve.aclose()
    assert calls(fakepve, "POST", "/access/ticket") == 0


async def test_a_wrong_token_says_what_to_check(fakepve: FakePve) -> None:
    pve = Proxmox(by_password(fakepve, user="mcp@pve", token="t1", secret="nonsense"))
    with pytest.raises(AuthenticationError) as caught:
        await pve.request("GET", "/nodes")
    await pve.aclose()
    assert "pveum user token list mcp@pve" in caught.value.advice
    assert "is not a UUID" in caught.value.advice
    assert "nonsense" not in str(caught.value)


async def test_an_answer_to_the_login_without_a_ticket_is_no_login(
    certificate: tuple[Path, Path], connect: Connect
) -> None:
    with serving(reply({"username": "x"}), certificate) as server:
        pve = Proxmox(connect(server.port, token=""))
        with pytest.raises(AnswerError):
            await pve.request("POST", "/nodes")
        await pve.aclose()
    assert len(server.requests) == 1
