"""Passwords of the console: what the setting may hold, and how long attempts wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from patience import PATIENCE, eventually
from proxmox_mcp.errors import RateLimitError, SettingsError
from proxmox_mcp.web import Passwords, Person, Role, entry
from proxmox_mcp.web.passwords import Delays

if TYPE_CHECKING:
    from clock import Clock

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse battery"


async def test_a_line_of_the_command_lets_its_person_in() -> None:
    lena, jo = Person("lena", Role.OPERATOR), Person("jo", Role.VIEWER)
    passwords = Passwords(f"{entry(lena, PASSWORD)},\n {entry(jo, 'another password')}\n")
    assert await passwords.person("lena", PASSWORD, "::1") == lena
    assert await passwords.person("jo", "another password", "::1") == jo
    assert await passwords.person("jo", PASSWORD, "::2") is None
    assert await passwords.person("nobody", PASSWORD, "::3") is None
    assert await passwords.person("lena", PASSWORD * 1000, "::4") is None


def test_a_line_does_not_hold_the_password_and_is_another_each_time() -> None:
    lines = {entry(Person("lena", Role.ADMIN), PASSWORD) for _ in range(2)}
    assert len(lines) == 2
    assert all(line.startswith("lena:admin:scrypt$32768$8$1$") and PASSWORD not in line for line in lines)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("2short", "shorter than 10 characters"),
        ("lena:operator:scrypt$32768$8$1$AAAA", "whose hash is not complete"),
        ("lena:operator:scrypt$2$8$1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cost is too low"),
        ("lena:operator:scrypt$9999999$999$99$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cost is too low"),
    ],
)
def test_a_setting_that_can_not_work_is_refused_without_showing_it(setting: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        Passwords(setting)
    assert setting not in str(raised.value)


def test_two_lines_for_one_name_and_a_line_beside_something_else_are_refused() -> None:
    line = entry(Person("lena", Role.ADMIN), PASSWORD)
    with pytest.raises(SettingsError, match="two entries for lena"):
        Passwords(f"{line},{line}")
    with pytest.raises(SettingsError, match="not NAME:ROLE:HASH"):
        Passwords(f"{line},{PASSWORD}")


async def fail(delays: Delays, name: str, address: str = "::1") -> None:
    async with delays.attempt(name, address):
        pass


def test_each_failure_doubles_the_wait_up_to_half_a_minute() -> None:
    delays = Delays()
    assert [delays.seconds(failures) for failures in (0, 1, 2, 3, 6, 1000)] == [0.0, 1.0, 2.0, 4.0, 30.0, 30.0]


@pytest.fixture
def delays(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Delays:
    """Whoever has to wait waits for longer than any test does; the clock stands still."""
    monkeypatch.setattr(Delays, "FIRST", 10 * PATIENCE)
    monkeypatch.setattr(Delays, "LONGEST", 10 * PATIENCE)
    return Delays(clock)


async def test_an_attempt_after_a_failure_waits_and_one_for_another_name_or_address_does_not(delays: Delays) -> None:
    await fail(delays, "lena")
    for name, address in (("jo", "::1"), ("lena", "::2")):
        with anyio.fail_after(PATIENCE):
            await fail(delays, name, address)
    with anyio.move_on_after(0.05) as waits:
        await fail(delays, "lena")
    assert waits.cancelled_caught


async def test_a_success_ends_the_wait(clock: Clock, delays: Delays) -> None:
    await fail(delays, "lena")
    clock.now += 10 * PATIENCE
    async with delays.attempt("lena", "::1") as attempt:
        attempt.succeeded = True
    async with delays.attempt("lena", "::1") as attempt:
        attempt.succeeded = True


async def test_attempts_at_the_same_time_are_few_and_wait_for_each_other(delays: Delays) -> None:
    """A thousand guesses sent at once must not be a thousand guesses made at once."""
    checked, refused = 0, 0

    async def guess() -> None:
        nonlocal checked, refused
        try:
            async with delays.attempt("lena", "::1"):
                checked += 1
                await anyio.lowlevel.checkpoint()
        except RateLimitError:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(guess)
        await eventually(lambda: refused == 997)
        group.cancel_scope.cancel()
    assert checked <= 1


async def test_one_address_can_not_keep_the_others_waiting_with_many_names(delays: Delays) -> None:
    under_way, refused = anyio.Event(), 0

    async def hold(name: str) -> None:
        nonlocal refused
        try:
            async with delays.attempt(name, "::bad"):
                await under_way.wait()
        except RateLimitError:
            refused += 1

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(hold, f"name-{number}")
        await eventually(lambda: refused == 44)
        with anyio.fail_after(PATIENCE):
            await fail(delays, "lena", "::good")
        under_way.set()
