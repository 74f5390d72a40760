"""What the guard must say, written down by hand: nothing here is asked of the guard itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.policy.rules import Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

ALLOW, CONFIRM, DENY = "allow", "confirm", "deny"
GUESTS = (100, 101)


@dataclass(frozen=True)
class Kind:
    """A kind of call with the effect that it has in ``apidoc/effects``, written down anew."""

    method: str
    tail: str
    effect: str
    data: tuple[tuple[str, Any], ...] = ()

    @property
    def writes(self) -> bool:
        return self.method != "GET"


KINDS = {
    "read": Kind("GET", "/config", "read"),
    "look": Kind("GET", "/agent/file-read", "inside", (("file", "/etc/hosts"),)),
    "describe": Kind("PUT", "/config", "change", (("description", "text"),)),
    "start": Kind("POST", "/status/start", "change"),
    "stop": Kind("POST", "/status/stop", "disrupt"),
    "destroy": Kind("DELETE", "", "destroy"),
    "run": Kind("POST", "/agent/exec", "execute", (("command", "true"),)),
}


@dataclass(frozen=True)
class Verdicts:
    """What a policy file says of a call: a verdict, or None; and whether a person is asked for."""

    text: str
    says: Callable[[Kind, int], str | None]
    person: Callable[[Kind, int], bool] = lambda _kind, _guest: False


POLICIES = {
    "none": Verdicts("", lambda _kind, _guest: None),
    "protected": Verdicts(
        '[[rule]]\nverdict = "deny"\nguest = 100\nmethod = ["POST", "PUT", "DELETE"]\n',
        lambda kind, guest: DENY if guest == 100 and kind.writes else None,
    ),
    "careful": Verdicts(
        '[[rule]]\nverdict = "confirm"\neffect = "change"\n',
        lambda kind, _: CONFIRM if kind.effect == "change" else None,
    ),
    "stopping": Verdicts(
        '[[rule]]\nverdict = "allow"\npath = "/nodes/{node}/qemu/{vmid}/status/stop"\n',
        lambda kind, _: ALLOW if kind is KINDS["stop"] else None,
    ),
    "reserved": Verdicts(
        '[[rule]]\nverdict = "confirm"\nby = "person"\neffect = "destroy"\n',
        lambda kind, _: CONFIRM if kind.effect == "destroy" else None,
        lambda kind, _: kind.effect == "destroy",
    ),
}
CALLERS = {
    "full": Caller(name="full"),
    "guarded": Caller(name="guarded", mode=Mode.GUARDED),
    "reader": Caller(name="reader", mode=Mode.READ_ONLY),
    "ruled": Caller(
        name="ruled", rules=(Rule(verdict=Verdict.DENY, guests=(range(101, 102),), methods=frozenset({"PUT"})),)
    ),
}


def wanted(server: Mode, policy: Verdicts, caller: str, kind: Kind, guest: int) -> str:
    """What must become of a call."""
    mode = min(server, CALLERS[caller].mode)
    if mode is Mode.READ_ONLY:
        return ALLOW if kind.effect == "read" else DENY
    if caller == "ruled" and guest == 101 and kind.method == "PUT":
        return DENY
    by_rule = policy.says(kind, guest)
    if by_rule is not None:
        return by_rule
    if mode is Mode.FULL or kind.effect in ("read", "change"):
        return ALLOW
    return CONFIRM
