"""Any order of calls, confirmations, reloads and failures: what the guard promises holds after each.

The model knows by hand what each call is and what each policy says of it; nothing is asked of the guard itself.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.from_thread import start_blocking_portal
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from msgspec.structs import replace

from fuzz.examples import examples
from fuzz.model import ALLOW, CALLERS, CONFIRM, DENY, GUESTS, KINDS, POLICIES, wanted
from fuzz.scripted import ScriptedPve, gateway_over
from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS, Confirmations, MemoryStore
from proxmox_mcp.errors import (
    AuditError,
    ConfirmationError,
    ConfirmationNeededError,
    DeniedError,
    FailedError,
    FrozenError,
    ProxmoxMcpError,
    UnreachableError,
)
from proxmox_mcp.gateway import Request
from proxmox_mcp.policy.caller import Mode

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway


@dataclass(frozen=True)
class Given:
    """A confirmation that was given out: for what, in which state of the guest, and when. ``number``: for a person."""

    text: str
    caller: str
    kind: str
    guest: int
    state: int
    at: float
    number: int = 0


@dataclass(frozen=True)
class Other:
    """In what a call differs from the one that was stated."""

    caller: str = ""
    kind: str = ""
    guest: int = 0
    data: bool = False


OWN = Other()
OTHER_DATA: dict[str, dict[str, Any] | None] = {
    "read": None,
    "look": {"file": "/etc/shadow"},
    "describe": {"description": "other"},
    "start": {"timeout": 5},
    "stop": {"timeout": 5},
    "destroy": {"purge": 1},
    "run": {"command": "false"},
}

callers, kinds, guests = st.sampled_from(sorted(CALLERS)), st.sampled_from(sorted(KINDS)), st.sampled_from(GUESTS)
policies = st.sampled_from(sorted(POLICIES))
others = st.one_of(
    st.just(OWN),
    callers.map(lambda caller: Other(caller=caller)),
    kinds.map(lambda kind: Other(kind=kind)),
    guests.map(lambda guest: Other(guest=guest)),
    st.just(Other(data=True)),
)


class AnyOrder(RuleBasedStateMachine):
    """``given`` holds the confirmations that were ever given out, those used and outdated among them."""

    given = Bundle("given")

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self._place = Path(self._directory.name)
        self._portal_context = start_blocking_portal()
        self._portal = self._portal_context.__enter__()
        self._now = 1000.0
        self._used: set[str] = set()
        self._decided: dict[int, bool] = {}
        self._state = dict.fromkeys(GUESTS, 0)
        self._calls = 0
        self._checked_writes = 0
        self._audit_works = True

    @initialize(mode=st.sampled_from([Mode.GUARDED] * 4 + [Mode.FULL, Mode.READ_ONLY]), policy=policies)
    def start(self, mode: Mode, policy: str) -> None:
        self._mode, self._policy = mode, POLICIES[policy]
        (self._place / "policy.toml").write_text(self._policy.text)
        self._pve = ScriptedPve()
        self._pve.on_write = self._write_is_on_record
        for guest in GUESTS:
            self._rename(guest)
        given = {
            "MCP_MODE": str(mode),
            "MCP_POLICY_FILE": str(self._place / "policy.toml"),
            "MCP_APPROVAL_WAIT": "0",
        }
        gateway = gateway_over(self._pve, self._place, **given)
        gateway.pipeline.guard = replace(
            gateway.guard, confirmations=Confirmations(MemoryStore(clock=lambda: self._now))
        )
        self._gateway: Gateway = gateway

    def teardown(self) -> None:
        self._portal_context.__exit__(None, None, None)
        self._gateway.guard.close()
        self._directory.cleanup()

    # What may happen.

    @rule(target=given, caller=callers, kind=kinds, guest=guests, dry=st.booleans(), by_get=st.booleans())
    def call(self, caller: str, kind: str, guest: int, dry: bool, by_get: bool) -> Any:
        """A call without a confirmation; ``by_get``: by the tool that only reads."""
        expected = self._expected(caller, kind, guest)
        reads = by_get and not KINDS[kind].writes
        written, error = self._make(caller, kind, guest, dry_run=dry, reads_only=reads)
        if dry:
            assert error is None
            assert written == 0
        elif expected == DENY or (reads and KINDS[kind].effect != "read"):
            assert isinstance(error, DeniedError)
        elif expected == CONFIRM:
            assert isinstance(error, ConfirmationNeededError)
            return self._given(error, caller, kind, guest)
        else:
            self._carried_out(kind, written, error)
        return multiple()

    @rule(
        target=given,
        caller=callers,
        kind=st.sampled_from(["stop", "destroy", "destroy", "run", "look", "describe"]),
        guest=guests,
        meanwhile=st.sampled_from(["nothing"] * 3 + ["rename", "expiry", "reload", "fault"]),
        yes=st.sampled_from([True, True, False]),
        instead=others,
        policy=policies,
    )
    def call_and_confirm_twice(
        self, caller: str, kind: str, guest: int, meanwhile: str, yes: bool, instead: Other, policy: str
    ) -> Any:
        """The whole story: stated, something happens, confirmed (rightly or for another call), confirmed again."""
        confirmation = self.call(caller, kind, guest, dry=False, by_get=False)
        if not isinstance(confirmation, Given):
            return multiple()
        self.a_person_decides(confirmation, yes)
        if meanwhile == "rename":
            self.rename(guest)
        elif meanwhile == "expiry":
            self.time_passes(LIFETIME_SECONDS + 1)
        elif meanwhile == "reload":
            self.reload(policy)
        elif meanwhile == "fault":
            self.reload_what_is_at_fault("rule = 3")
        self.confirm(confirmation, instead)
        self.confirm(confirmation, OWN)
        return confirmation

    @rule(confirmation=given, instead=others)
    def confirm(self, confirmation: Given, instead: Other) -> None:
        """A confirmation that was given out at any time, for its own call or for another."""
        caller, kind = instead.caller or confirmation.caller, instead.kind or confirmation.kind
        self._confirm(
            confirmation, caller, kind, instead.guest or confirmation.guest, OTHER_DATA[kind] if instead.data else None
        )

    @rule(confirmation=given)
    def confirm_twice_at_once(self, confirmation: Given) -> None:
        """The same confirmation in two calls at the same moment."""
        expected = self._expected(confirmation.caller, confirmation.kind, confirmation.guest)
        good = self._good(confirmation, confirmation.caller, confirmation.kind, confirmation.guest, None)
        call = self._as_call(confirmation.caller, confirmation.kind, confirmation.guest, confirm=confirmation.text)
        before = len(self._pve.written)
        self._portal.call(self._both, call)
        sent = len(self._pve.written) - before
        if expected == CONFIRM:
            self._use_up(confirmation, good=good)
            assert sent == int(good and self._audit_works and KINDS[confirmation.kind].writes)
        else:
            assert sent == (2 if expected == ALLOW and self._audit_works and KINDS[confirmation.kind].writes else 0)

    @precondition(lambda self: self._audit_works)
    @rule(confirmation=given)
    def confirm_while_frozen(self, confirmation: Given) -> None:
        """Nothing is sent, and what was confirmed or approved before stays as good as it was."""
        if not KINDS[confirmation.kind].writes:
            return
        freezes = self._gateway.guard.freezes
        freezes.freeze(by="lena")
        written, error = self._make(
            confirmation.caller, confirmation.kind, confirmation.guest, confirm=confirmation.text
        )
        assert written == 0
        assert isinstance(error, FrozenError | DeniedError)
        freezes.unfreeze(by="lena")

    @rule(
        caller=callers,
        kind=kinds,
        guest=guests,
        token=st.text(max_size=30) | st.sampled_from(["0", "1", "²", " 1 ", "-1"]),
    )
    def make_a_token_up(self, caller: str, kind: str, guest: int, token: str) -> None:
        if token.strip().isdecimal() and token.strip().isascii():
            token = str(10**9 + int(token))
        expected = self._expected(caller, kind, guest)
        written, error = self._make(caller, kind, guest, confirm=token)
        if expected == DENY:
            assert isinstance(error, DeniedError)
        elif expected == ALLOW:
            self._carried_out(kind, written, error)
        elif token:
            assert isinstance(error, ConfirmationError)
        else:
            assert isinstance(error, ConfirmationNeededError)

    @rule(confirmation=given, yes=st.booleans())
    def a_person_decides(self, confirmation: Given, yes: bool) -> None:
        """The operator approves or denies what waits."""
        if confirmation.number and confirmation.number not in self._decided:
            self._gateway.guard.approvals.decide(confirmation.number, approve=yes, by="lena")
            self._decided[confirmation.number] = yes

    @rule(caller=callers, kind=kinds, guest=guests)
    def call_it_off_before_it_is_sent(self, caller: str, kind: str, guest: int) -> None:
        """A client that leaves at once."""

        async def cancelled(call: Request) -> None:
            with anyio.move_on_after(0):
                try:
                    await self._gateway.call(call)
                except ProxmoxMcpError:
                    return

        before = len(self._pve.written)
        self._portal.call(cancelled, self._as_call(caller, kind, guest))
        assert len(self._pve.written) == before

    @rule(name=policies)
    def reload(self, name: str) -> None:
        (self._place / "policy.toml").write_text(POLICIES[name].text)
        assert self._gateway.guard.source.reload()
        self._policy = POLICIES[name]

    @rule(text=st.sampled_from(["rule = 3", "[[rule]]", '[[rule]]\nverdict = "alow"', "\x00", "[[rule]\n", "x = 1"]))
    def reload_what_is_at_fault(self, text: str) -> None:
        (self._place / "policy.toml").write_text(text)
        assert not self._gateway.guard.source.reload()

    @rule(guest=guests)
    def rename(self, guest: int) -> None:
        """What was stated of a guest no longer holds."""
        self._state[guest] += 1
        self._rename(guest)

    @rule(seconds=st.sampled_from([1, 60, LIFETIME_SECONDS + 1]))
    def time_passes(self, seconds: float) -> None:
        self._now += seconds

    @rule(error=st.sampled_from([None, FailedError("boom", status=500), UnreachableError("gone", sent=True)]))
    def the_node_fails(self, error: Any) -> None:
        self._pve.fails = error

    @rule()
    def the_audit_breaks(self) -> None:
        if self._audit_works:
            audit = self._place / "audit.jsonl"
            if audit.exists():
                audit.rename(self._place / f"audit-{self._calls}.jsonl")
            audit.mkdir()
            self._audit_works = False

    @precondition(lambda self: not self._audit_works)
    @rule()
    def the_audit_is_mended(self) -> None:
        (self._place / "audit.jsonl").rmdir()
        self._audit_works = True

    # What always holds.

    @invariant()
    def a_read_only_server_has_written_nothing(self) -> None:
        if getattr(self, "_mode", None) is Mode.READ_ONLY:
            assert self._pve.written == []

    @invariant()
    def every_write_was_put_on_record_before_it_was_sent(self) -> None:
        if hasattr(self, "_pve"):
            assert self._checked_writes == len(self._pve.written)

    # How it is done and looked at.

    def _expected(self, caller: str, kind: str, guest: int) -> str:
        return wanted(self._mode, self._policy, caller, KINDS[kind], guest)

    def _as_call(self, caller: str, kind: str, guest: int, **more: Any) -> Request:
        self._calls += 1
        what = KINDS[kind]
        data = {**dict(what.data), **(more.pop("data", None) or {})}
        call = Request(
            method=what.method,
            path=f"/nodes/pve1/qemu/{guest}{what.tail}",
            data=data,
            caller=CALLERS[caller],
            id=f"call-{self._calls}",
        )
        return replace(call, **more)

    def _make(self, caller: str, kind: str, guest: int, **more: Any) -> tuple[int, ProxmoxMcpError | None]:
        call, before = self._as_call(caller, kind, guest, **more), len(self._pve.written)
        error: ProxmoxMcpError | None = None
        try:
            self._portal.call(self._gateway.call, call)
        except ProxmoxMcpError as raised:
            error = raised
        written = self._pve.written[before:]
        assert all(method == call.method and path == call.path for method, path, _ in written)
        assert len(written) <= 1
        if isinstance(error, DeniedError | ConfirmationNeededError | ConfirmationError | AuditError):
            assert written == []
        return len(written), error

    async def _both(self, call: Request) -> None:
        async def one(each: Request) -> None:
            try:
                await self._gateway.call(each)
            except ProxmoxMcpError:
                return

        async with anyio.create_task_group() as group:
            group.start_soon(one, call)
            self._calls += 1
            group.start_soon(one, replace(call, id=f"call-{self._calls}"))

    def _confirm(self, confirmation: Given, caller: str, kind: str, guest: int, data: Any) -> None:
        expected = self._expected(caller, kind, guest)
        good = self._good(confirmation, caller, kind, guest, data)
        written, error = self._make(caller, kind, guest, confirm=confirmation.text, data=data)
        if expected == DENY:
            assert isinstance(error, DeniedError)
        elif expected == ALLOW:
            self._carried_out(kind, written, error)
        else:
            self._use_up(confirmation, good=good, by_person_only=self._policy.person(KINDS[kind], guest))
            if good:
                self._carried_out(kind, written, error)
            else:
                assert isinstance(error, ConfirmationError)

    def _good(self, confirmation: Given, caller: str, kind: str, guest: int, data: Any) -> bool:
        same = (confirmation.caller, confirmation.kind, confirmation.guest) == (caller, kind, guest)
        same = same and confirmation.state == self._state[guest] and confirmation.text not in self._used
        if data is not None and dict(KINDS[kind].data) | data != dict(KINDS[kind].data):
            same = False
        if confirmation.number:
            return same and self._decided.get(confirmation.number, False)
        in_time = self._now < confirmation.at + LIFETIME_SECONDS
        return same and in_time and not self._policy.person(KINDS[kind], guest)

    def _use_up(self, confirmation: Given, *, good: bool, by_person_only: bool = False) -> None:
        """A token is gone with any use, right or wrong, unless none counts; an approval with its right use only."""
        if good or (not confirmation.number and not by_person_only):
            self._used.add(confirmation.text)

    def _carried_out(self, kind: str, written: int, error: ProxmoxMcpError | None) -> None:
        if not KINDS[kind].writes:
            assert written == 0
            assert not isinstance(error, DeniedError | ConfirmationError)
        elif not self._audit_works:
            assert isinstance(error, AuditError)
            assert written == 0
        else:
            assert written == 1
            assert (error is None) is (self._pve.fails is None)

    def _given(self, error: ConfirmationNeededError, caller: str, kind: str, guest: int) -> Any:
        person = self._policy.person(KINDS[kind], guest)
        text = error.advice.rpartition("confirm: ")[2].split()[0]
        assert text.isdecimal() or not person
        number = int(text) if person else 0
        if number and (number in self._decided or text in self._used):
            return multiple()
        return Given(text, caller, kind, guest, self._state[guest], self._now, number)

    def _rename(self, guest: int) -> None:
        name = f"guest-{guest}-{self._state[guest]}"
        self._pve.answers[f"/nodes/pve1/qemu/{guest}/config"] = {"name": name, "scsi0": f"local:vm-{guest}-disk-0"}
        self._pve.answers[f"/nodes/pve1/qemu/{guest}/snapshot"] = []
        self._pve.answers[f"/nodes/pve1/qemu/{guest}/agent/file-read"] = {"content": "hosts"}
        self._pve.answers["/cluster/resources"] = [
            {"type": "node", "node": "pve1", "status": "online", "id": "node/pve1"},
            *(
                {
                    "type": "qemu",
                    "vmid": each,
                    "name": f"guest-{each}-{self._state[each]}",
                    "node": "pve1",
                    "status": "running",
                    "id": f"qemu/{each}",
                }
                for each in GUESTS
            ),
        ]

    def _write_is_on_record(self, method: str, path: str) -> None:
        """Called as a write arrives: its intent must be the last line of the audit that isn't matched yet."""
        records = [json.loads(line) for line in (self._place / "audit.jsonl").read_text().splitlines()]
        ended = {record["id"] for record in records if record["event"] == "outcome"}
        open_ = [r for r in records if r["event"] == "intent" and r["id"] not in ended]
        assert any(
            record["method"] == method
            and record["path"] == path
            and (record["decision"] == ALLOW or (record["decision"] == CONFIRM and record["confirmation"]))
            for record in open_
        ), records
        self._checked_writes += 1


AnyOrder.TestCase.settings = examples(150, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
