from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.policy.effects import Cause, Judgement
from proxmox_mcp.policy.policy import Policy, mode_verdict
from proxmox_mcp.policy.rules import ABSENT, NO_FACTS, NO_NEEDS, GuestFacts, Needs, Rule, Verdict
from proxmox_mcp.policy.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Callable

READ_ONLY, GUARDED, FULL = Mode
ALLOW, CONFIRM, DENY = Verdict

QEMU = "/nodes/{node}/qemu/{vmid}"
CALLS: dict[str, tuple[Any, ...]] = {
    "read": ("GET", f"{QEMU}/config", "pve1", 102),
    "inside": ("GET", f"{QEMU}/agent/file-read", "pve1", 102),
    "change": ("POST", f"{QEMU}/status/start", "pve1", 102),
    "destroy": ("DELETE", QEMU, "pve1", 102),
    "access": ("PUT", "/access/acl"),
}
ANY = Rule(verdict=ALLOW)
ALLOW_INSIDE = Rule(verdict=ALLOW, effects=frozenset({Effect.INSIDE}))
ALLOW_DESTROY = Rule(verdict=ALLOW, effects=frozenset({Effect.DESTROY}))
CONFIRM_ALL = Rule(verdict=CONFIRM)
DENY_ALL = Rule(verdict=DENY)
BY_PERSON = Rule(verdict=CONFIRM, by_person=True, effects=frozenset({Effect.DESTROY}))
BY_PERSON_102 = Rule(verdict=CONFIRM, by_person=True, guests=(range(102, 103),))


@pytest.mark.parametrize(
    ("case", "server", "caller", "callers_rules", "rules", "call", "verdict", "person"),
    [
        ("a mode alone: read-only reads", READ_ONLY, FULL, (), (), "read", ALLOW, False),
        ("read-only denies reads inside guests", READ_ONLY, FULL, (), (), "inside", DENY, False),
        ("read-only denies changes", READ_ONLY, FULL, (), (), "change", DENY, False),
        ("guarded reads", GUARDED, FULL, (), (), "read", ALLOW, False),
        ("guarded confirms reads inside guests", GUARDED, FULL, (), (), "inside", CONFIRM, False),
        ("guarded changes", GUARDED, FULL, (), (), "change", ALLOW, False),
        ("guarded confirms destruction", GUARDED, FULL, (), (), "destroy", CONFIRM, False),
        ("guarded confirms rights", GUARDED, FULL, (), (), "access", CONFIRM, False),
        ("full destroys", FULL, FULL, (), (), "destroy", ALLOW, False),
        ("the caller's mode is the lower", FULL, GUARDED, (), (), "destroy", CONFIRM, False),
        ("the server's mode is the lower", GUARDED, FULL, (), (), "destroy", CONFIRM, False),
        ("a read-only caller on a full server", FULL, READ_ONLY, (), (), "change", DENY, False),
        ("allow never lifts read-only", READ_ONLY, FULL, (), (ANY,), "change", DENY, False),
        ("the caller's allow neither", READ_ONLY, FULL, (ANY,), (), "destroy", DENY, False),
        ("nor for a read-only caller", FULL, READ_ONLY, (ANY,), (ANY,), "destroy", DENY, False),
        ("read-only opens inside by name", READ_ONLY, FULL, (), (ALLOW_INSIDE,), "inside", ALLOW, False),
        ("but not by an allow of everything", READ_ONLY, FULL, (), (ANY,), "inside", DENY, False),
        ("an unnamed confirm opens nothing", READ_ONLY, FULL, (), (CONFIRM_ALL,), "inside", DENY, False),
        ("a person's confirm by guest opens nothing", READ_ONLY, FULL, (), (BY_PERSON_102,), "inside", DENY, False),
        ("and holds over what opens", READ_ONLY, FULL, (), (ALLOW_INSIDE, BY_PERSON_102), "inside", CONFIRM, True),
        ("rules bind plain reads in read-only too", READ_ONLY, FULL, (), (DENY_ALL,), "read", DENY, False),
        ("allow lifts guarded's confirmation", GUARDED, FULL, (), (ALLOW_DESTROY,), "destroy", ALLOW, False),
        ("and only where it matches", GUARDED, FULL, (), (ALLOW_DESTROY,), "access", CONFIRM, False),
        ("confirm adds one in full", FULL, FULL, (), (CONFIRM_ALL,), "change", CONFIRM, False),
        ("deny holds in full", FULL, FULL, (), (DENY_ALL,), "read", DENY, False),
        ("the first rule decides: allow", GUARDED, FULL, (), (ALLOW_DESTROY, DENY_ALL), "destroy", ALLOW, False),
        ("the first rule decides: deny", GUARDED, FULL, (), (DENY_ALL, ALLOW_DESTROY), "destroy", DENY, False),
        ("the caller's rules come first: allow", GUARDED, FULL, (ANY,), (DENY_ALL,), "destroy", ALLOW, False),
        ("the caller's rules come first: deny", FULL, FULL, (DENY_ALL,), (ANY,), "read", DENY, False),
        ("a person's confirmation in full", FULL, FULL, (), (BY_PERSON,), "destroy", CONFIRM, True),
        ("no allow before it lifts it", FULL, FULL, (), (ALLOW_DESTROY, BY_PERSON), "destroy", CONFIRM, True),
        ("nor the caller's own", FULL, FULL, (ANY,), (BY_PERSON,), "destroy", CONFIRM, True),
        ("nor a plain confirm before it", FULL, FULL, (CONFIRM_ALL,), (BY_PERSON,), "destroy", CONFIRM, True),
        ("a denial before it holds", FULL, FULL, (), (DENY_ALL, BY_PERSON), "destroy", DENY, False),
        ("a denial after it does not undo it", FULL, FULL, (), (BY_PERSON, DENY_ALL), "destroy", CONFIRM, True),
    ],
)
def test_precedence(
    action: Callable[..., Call],
    case: str,
    server: Mode,
    caller: Mode,
    callers_rules: tuple[Rule, ...],
    rules: tuple[Rule, ...],
    call: str,
    verdict: Verdict,
    person: bool,
) -> None:
    who = Caller(name="ops", mode=caller, rules=callers_rules)
    decision = Policy(server, rules).decide(replace(action(*CALLS[call]), caller=who))
    assert (decision.verdict, decision.person_only) == (verdict, person), case


rules_of_any_kind = st.builds(
    lambda **given: Rule(**given),  # hypothesis can't resolve the annotations of a Struct
    verdict=st.sampled_from(Verdict),
    by_person=st.booleans(),
    effects=st.frozensets(st.sampled_from(Effect), max_size=3),
    guests=st.sampled_from([(), (range(102, 103),), (range(5),)]),
    tags=st.sampled_from([(), ("prod",)]),
    paths=st.sampled_from([(), ("/**",), ("/access/**",)]),
).map(lambda made: replace(made, by_person=made.by_person and made.verdict is CONFIRM))
many_rules = st.lists(rules_of_any_kind, max_size=5).map(tuple)


@given(st.sampled_from(Mode), st.sampled_from(Mode), many_rules, many_rules, st.sampled_from(list(CALLS)))
def test_whatever_the_rules_read_only_holds_and_people_are_asked(
    action: Callable[..., Call],
    server: Mode,
    mode: Mode,
    callers_rules: tuple[Rule, ...],
    rules: tuple[Rule, ...],
    call: str,
) -> None:
    who = Caller(name="ops", mode=mode, rules=callers_rules)
    made = replace(action(*CALLS[call]), caller=who)
    decision = Policy(server, rules).decide(made)
    if READ_ONLY in (server, mode) and not made.judgement.effects <= {Effect.READ, Effect.INSIDE, Effect.OUTREACH}:
        assert decision.verdict is DENY
    reserved = Policy(server, (*rules, Rule(verdict=CONFIRM, by_person=True))).decide(made)
    assert reserved.verdict is DENY or reserved.person_only
    assert (
        Policy(server, rules).decide(replace(made, caller=Caller(name="ops", mode=mode, rules=(DENY_ALL,)))).verdict
        is DENY
    )


@pytest.mark.parametrize("mode", Mode)
@given(
    effects=st.lists(st.sampled_from(Effect), min_size=1, max_size=12),
    data=st.sampled_from([{}, {"memory": "1"}]),
)
def test_without_a_rule_the_strictest_verdict_of_the_mode_holds(
    mode: Mode, effects: list[Effect], data: dict[str, str]
) -> None:
    """As where a rule touches the call and lets nothing pass, since it is for one of the two guests."""
    causes = tuple(Cause(effect, f"because {number}") for number, effect in enumerate(effects))
    call = Call(method="POST", path=ApiPath.parse("/nodes"), data=data, judgement=Judgement(causes))
    call = replace(call, targets=Targets(guests=frozenset({1, 2})))
    decision = Policy(mode).decide(call)
    verdicts = [mode_verdict(mode, effect) for effect in effects]
    assert decision.verdict is max(verdicts, key=[ALLOW, CONFIRM, DENY].index)
    touching = Rule(verdict=ALLOW, guests=(range(1, 2),))
    assert touching.touched(call, NO_FACTS) == causes
    assert Policy(mode, (touching,)).decide(call) == decision
    if decision.reason != f"{mode} mode":
        assert decision.causes == tuple(
            each for each, verdict in zip(causes, verdicts, strict=True) if verdict is decision.verdict
        )
        assert decision.reason == f"{mode} mode: {', '.join(dict.fromkeys(each.effect for each in decision.causes))}"


@pytest.mark.parametrize("effect", Effect)
def test_a_mode_lets_no_more_through_than_the_next(effect: Effect) -> None:
    order = [DENY, CONFIRM, ALLOW]
    assert sorted(Mode) == [READ_ONLY, GUARDED, FULL]
    verdicts = [order.index(mode_verdict(mode, effect)) for mode in (READ_ONLY, GUARDED, FULL)]
    assert verdicts == sorted(verdicts)


def test_the_stricter_of_two_modes_holds() -> None:
    for server, own in itertools.product(Mode, repeat=2):
        effective = Policy(server, []).effective_mode(Caller(name="ops", mode=own))
        assert READ_ONLY not in (server, own) or effective is READ_ONLY
        assert effective in (server, own)
        assert effective <= server
        assert effective <= own


def rule(verdict: Verdict, **conditions: Any) -> Rule:
    return Rule(verdict=verdict, **conditions)


def verdict_of(made: Call, given: Rule, facts: GuestFacts | None = None, mode: Mode = FULL) -> Verdict:
    gathered = dict.fromkeys(range(100, 300), facts) if facts else NO_FACTS
    return Policy(mode, [given]).decide(made, facts=gathered).verdict


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({"methods": frozenset({"DELETE"})}, True),
        ({"methods": frozenset({"GET"})}, False),
        ({"paths": ("/nodes/{node}/qemu/{vmid}",)}, True),
        ({"paths": ("/nodes/*/qemu/*",)}, True),
        ({"paths": ("/nodes/{x}/qemu/{y}",)}, True),
        ({"paths": ("/nodes/**",)}, True),
        ({"paths": ("/nodes/*",)}, False),
        ({"paths": ("/nodes/pve1/qemu/102",)}, False),
        ({"paths": ("/access/**", "/nodes/{node}/{qemu}/{vmid}")}, False),
        ({"nodes": ("pve1",)}, True),
        ({"nodes": ("pve*",)}, True),
        ({"nodes": ("pve2",)}, False),
        ({"guests": (range(100, 200),)}, True),
        ({"guests": (range(103, 200),)}, False),
        ({"effects": frozenset({Effect.DESTROY})}, True),
        ({"effects": frozenset({Effect.CHANGE})}, False),
        ({"pools": ("prod",)}, True),
        ({"pools": ("dev",)}, False),
        ({"tags": ("WEB",)}, True),
        ({"tags": ("db",)}, False),
        ({"storages": ("nas",)}, True),
        ({"storages": ("local*",)}, False),
        ({"callers": ("loc*",)}, True),
        ({"callers": ("ops",)}, False),
        ({"clusters": ("lab",)}, True),
        ({"clusters": ("home",)}, False),
        ({"nodes": ("pve1",), "tags": ("db",)}, False),
    ],
)
@pytest.mark.parametrize("verdict", [ALLOW, DENY])
def test_conditions(action: Callable[..., Call], conditions: dict[str, Any], matches: bool, verdict: Verdict) -> None:
    facts = GuestFacts(node="pve1", pool="prod", tags=frozenset({"web", "x"}), storages=frozenset({"nas"}))
    made = action("DELETE", QEMU, "pve1", 102, cluster="lab")
    mode = GUARDED if verdict is ALLOW else FULL
    otherwise = mode_verdict(mode, Effect.DESTROY)
    assert verdict_of(made, rule(verdict, **conditions), facts, mode) is (verdict if matches else otherwise)


LIVE = [{"pools": ("dev",)}, {"tags": ("dev",)}, {"storages": ("dev",)}]


@pytest.mark.parametrize("conditions", LIVE)
def test_what_cannot_be_looked_up_counts_against_the_call(
    action: Callable[..., Call], conditions: dict[str, Any]
) -> None:
    made = action("DELETE", QEMU, "pve1", 102)
    assert verdict_of(made, rule(DENY, **conditions)) is DENY
    assert verdict_of(made, rule(CONFIRM, **conditions)) is CONFIRM
    assert verdict_of(made, rule(ALLOW, **conditions), mode=GUARDED) is CONFIRM


@pytest.mark.parametrize("conditions", LIVE)
def test_a_guest_about_to_be_made_has_no_pool_tag_or_storage_yet(
    action: Callable[..., Call], conditions: dict[str, Any]
) -> None:
    made = action("POST", "/nodes/{node}/qemu", "pve1", data={"vmid": "150"})
    assert verdict_of(made, rule(DENY, **conditions), ABSENT) is ALLOW


def test_tags_that_a_call_sets_count_for_a_denial_and_not_for_a_permission(action: Callable[..., Call]) -> None:
    made = action("PUT", f"{QEMU}/config", "pve1", 102, data={"tags": "prod;dev"})
    live = GuestFacts(node="pve1", tags=frozenset({"other"}))
    assert verdict_of(made, rule(DENY, tags=("prod",)), live) is DENY
    assert verdict_of(made, rule(ALLOW, tags=("dev",)), live, GUARDED) is CONFIRM


def test_one_protected_guest_among_several_is_enough_to_deny(action: Callable[..., Call]) -> None:
    made = action("POST", "/cluster/bulk-action/guest/shutdown", data={"vms": "101,102"})
    facts = {101: GuestFacts(tags=frozenset({"dev"})), 102: GuestFacts(tags=frozenset({"prod"}))}
    assert Policy(FULL, [rule(DENY, tags=("prod",))]).decide(made, facts=facts).verdict is DENY
    assert Policy(GUARDED, [rule(ALLOW, tags=("dev",))]).decide(made, facts=facts).verdict is CONFIRM


def test_guests_that_a_mass_action_does_not_name_are_protected_too(action: Callable[..., Call]) -> None:
    made = action("POST", "/nodes/{node}/stopall", "pve1")
    assert verdict_of(made, rule(DENY, guests=(range(102, 103),))) is DENY
    assert verdict_of(made, rule(DENY, tags=("prod",))) is DENY


def test_a_rule_about_a_node_can_not_be_passed_by_as_localhost(action: Callable[..., Call]) -> None:
    assert verdict_of(action("POST", "/nodes/{node}/status", "localhost"), rule(DENY, nodes=("pve1",))) is DENY


@pytest.mark.parametrize("node", ["PVE1", "Pve1"])
def test_a_rule_about_a_node_can_not_be_passed_by_in_another_case_since_its_name_is_a_hosts(
    action: Callable[..., Call], node: str
) -> None:
    assert verdict_of(action("DELETE", QEMU, node, 102), rule(DENY, nodes=("pve1",))) is DENY
    migrates = action("POST", f"{QEMU}/migrate", "pve2", 102, data={"target": node})
    assert verdict_of(migrates, rule(DENY, nodes=("pve1",))) is DENY


def test_a_rule_about_a_node_follows_the_guest_where_no_node_is_named(action: Callable[..., Call]) -> None:
    made = action("POST", "/cluster/bulk-action/guest/shutdown", data={"vms": "102"})
    assert verdict_of(made, rule(DENY, nodes=("pve1",)), GuestFacts(node="pve1")) is DENY
    assert verdict_of(made, rule(DENY, nodes=("pve1",)), GuestFacts(node="pve2")) is ALLOW


def test_a_call_that_nobody_reviewed_is_any_effect_to_a_denial_and_none_to_a_permission(
    action: Callable[..., Call],
) -> None:
    made = action("POST", "/nodes/{node}/brand-new", "pve1")
    assert verdict_of(made, rule(DENY, effects=frozenset({Effect.EXECUTE}))) is DENY
    assert verdict_of(made, rule(ALLOW, effects=frozenset(Effect)), mode=GUARDED) is CONFIRM
    assert verdict_of(made, rule(ALLOW, paths=("/nodes/{node}/brand-new",)), mode=GUARDED) is ALLOW


def test_a_path_that_the_schema_does_not_know_is_matched_by_its_segments(action: Callable[..., Call]) -> None:
    made = action("POST", "/nodes/pve1/qemu/102/agent/brand-new", known=False)
    assert verdict_of(made, rule(DENY, paths=("/nodes/{node}/qemu/{vmid}/agent/**",))) is DENY
    assert verdict_of(made, rule(DENY, paths=("/nodes/{node}/lxc/**",))) is ALLOW
    assert Policy(READ_ONLY).decide(made).verdict is DENY


@pytest.mark.parametrize(
    ("call", "data"),
    [
        (("PUT", f"{QEMU}/config", "pve1", 102), {"tags": "harmless"}),
        (("PUT", f"{QEMU}/config", "pve1", 102), {"delete": "tags"}),
    ],
)
def test_tags_that_rules_decide_by_are_not_changed_in_passing(
    action: Callable[..., Call], call: tuple[Any, ...], data: dict[str, str]
) -> None:
    protects = rule(DENY, tags=("prod",), effects=frozenset({Effect.DESTROY}))
    live = GuestFacts(tags=frozenset({"prod"}))
    assert verdict_of(action(*call, data=data), protects, live) is CONFIRM
    assert Policy(GUARDED).decide(action(*call, data=data)).verdict is ALLOW


def test_pool_members_that_rules_decide_by_are_not_changed_in_passing(action: Callable[..., Call]) -> None:
    made = action("PUT", "/pools/{poolid}", "prod", data={"vms": "102", "delete": "1"})
    protects = rule(DENY, pools=("prod",), effects=frozenset({Effect.DESTROY}))
    assert verdict_of(made, protects, GuestFacts(pool="prod")) is CONFIRM


def test_needs_names_only_guests_that_some_rule_asks_about(action: Callable[..., Call]) -> None:
    made = action("DELETE", QEMU, "pve1", 102)
    assert Policy(FULL).needs(made) == NO_NEEDS
    assert Policy(FULL, [rule(DENY, guests=(range(5),))]).needs(made) == NO_NEEDS
    assert Policy(FULL, [rule(DENY, nodes=("pve1",))]).needs(made) == NO_NEEDS
    assert Policy(FULL, [rule(DENY, tags=("prod",))]).needs(made) == Needs(guests=frozenset({102}))
    assert Policy(FULL, [rule(DENY, tags=("prod",), methods=frozenset({"GET"}))]).needs(made) == NO_NEEDS
    assert Policy(FULL, [rule(DENY, storages=("ceph",))]).needs(made).storages


def test_an_explanation_names_the_rule_its_line_and_what_the_others_lack(action: Callable[..., Call]) -> None:
    rules = [
        rule(ALLOW, guests=(range(1),), number=1, source="policy.toml", line=3),
        rule(DENY, nodes=("pve1",), number=2, source="policy.toml", line=8, reason="in service"),
    ]
    explained = Policy(GUARDED, rules).explain(action("DELETE", QEMU, "pve1", 102)).splitlines()
    assert explained == [
        "DELETE /nodes/{node}/qemu/{vmid}",
        "effect: destroy (the VM, its configuration and its volumes are gone; it has to be stopped)",
        "targets: guests 102; nodes pve1",
        "mode: guarded (server guarded, caller local full)",
        "rule 1 (policy.toml, line 3), allow: no, by its guest",
        "rule 2 (policy.toml, line 8), deny: matches",
        "decision: deny: rule 2 (policy.toml, line 8): in service",
    ]


def test_a_decision_without_a_rule_says_which_mode_made_it(action: Callable[..., Call]) -> None:
    decision = Policy(GUARDED).decide(action("DELETE", QEMU, "pve1", 102))
    assert (decision.rule, decision.reason) == (None, "guarded mode: destroy")
