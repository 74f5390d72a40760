"""Nothing that is added to a call makes a policy say less of it, whatever its rules."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from example_counts import share_of
from proxmox_mcp.apidoc import Route, bundled_versions, load_index
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect, indexed_name
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.policy.policy import Decision, Policy
from proxmox_mcp.policy.rules import Rule, Verdict

INDEX = load_index(bundled_versions()[-1])
REVIEWS = bundled_effects()
PLACES = {"node": "pve1", "vmid": "100", "storage": "nas", "userid": "paul@pve", "poolid": "lab", "id": "job1"}
STRICTNESS = {Verdict.ALLOW: 0, Verdict.CONFIRM: 1, Verdict.DENY: 2}
VALUES = st.sampled_from(
    (
        *("", "0", "1", 0, 1, True, "none", "keep-all=1", "local-lvm:32", "/dev/sdb", "scsi0,net0", "none,media=cdrom"),
        *("local:101/vm-101-disk-0.raw", "Administrator", "ACCEPT", "insecure", "100", "101", "prod", "nas", "pve2"),
    )
)
ENDPOINTS = [each for each in INDEX.endpoints if each.parameters]


def names_what_is_hit(name: str) -> bool:
    """Parameters that name more of what is hit: where a call named nothing of a kind, a rule that allows by that kind
    has nothing to cover before, and something afterwards."""
    return indexed_name(name) in NAMING or name in NAMING


NAMING = frozenset(
    (
        *("node", "node_id", "target", "target_node", "nodes", "vmid", "vms", "newid", "target-vmid", "guest", "sid"),
        *("resources", "storage", "storages", "target-storage", "targetstorage", "statestorage", "vmstatestorage"),
        *("import-working-storage", "fleecing", "pool", "poolid", "upid", "id", "volume", "archive", "ostemplate"),
        *("scsi[n]", "virtio[n]", "sata[n]", "ide[n]", "efidisk0", "tpmstate0", "unused[n]", "mp[n]", "rootfs"),
        *("cdrom", "exitnodes", "exitnodes-primary", "check-node", "migratedfrom", "node-list", "map", "base"),
        *("cicustom", "hookscript", "vmstate", "path", "name"),
    )
)

any_rule = st.builds(
    lambda **given: Rule(**given),  # hypothesis can't resolve the annotations of a Struct
    verdict=st.sampled_from(Verdict),
    by_person=st.booleans(),
    effects=st.frozensets(st.sampled_from(Effect), max_size=4),
    parameters=st.sampled_from([(), ("delete",), ("scsi*", "net0"), ("args",), ("*",)]),
    methods=st.sampled_from([frozenset[str](), frozenset({"PUT", "POST"})]),
    guests=st.sampled_from([(), (range(100, 101),), (range(100, 200),), (range(5),)]),
    nodes=st.sampled_from([(), ("pve1",), ("pve*",)]),
    storages=st.sampled_from([(), ("nas",), ("local*",)]),
    tags=st.sampled_from([(), ("prod",)]),
    pools=st.sampled_from([(), ("lab",)]),
    paths=st.sampled_from([(), ("/**",), ("/nodes/**",), ("/access/**",)]),
).map(lambda made: replace(made, by_person=made.by_person and made.verdict is Verdict.CONFIRM))


def defaults_that_act(method: str, template: str, name: str) -> bool:
    """Whether giving this parameter puts a value in place of a default that acts; each is listed in test_effects."""
    review = REVIEWS.of(method, template)
    found = review.parameters.items() if review else ()
    return any(
        condition.test == "absent" and (condition.parameter or of) in (name, indexed_name(name))
        for of, findings in found
        for finding in findings
        for condition in finding.conditions
    )


def strictness(decision: Decision) -> tuple[int, bool]:
    return STRICTNESS[decision.verdict], decision.person_only


@settings(max_examples=share_of(600))
@given(st.data(), st.lists(any_rule, max_size=6).map(tuple), st.sampled_from(Mode), st.sampled_from(Mode))
def test_adding_any_parameter_to_any_call_never_weakens_a_verdict(
    data: st.DataObject, rules: tuple[Rule, ...], server: Mode, mode: Mode
) -> None:
    endpoint = data.draw(st.sampled_from(ENDPOINTS))
    path = "/".join(PLACES.get(part[1:-1], "x") if part.startswith("{") else part for part in endpoint.path.split("/"))
    route = INDEX.route(path)
    assert isinstance(route, Route)
    free = sorted(name.replace("[n]", "0") for name in endpoint.parameters if f"{{{name}}}" not in endpoint.path)
    plain = [
        name for name in free
        if not names_what_is_hit(name) and not defaults_that_act(endpoint.method, endpoint.path, name)
    ]  # fmt: skip
    known: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from([*free, "surprise"]), VALUES, max_size=3))
    more = data.draw(st.sampled_from([*(name for name in plain if name not in known), "unheard-of"]))
    policy = Policy(server, rules)

    def decided(params: dict[str, Any]) -> Decision:
        call = Call(
            method=endpoint.method,
            path=ApiPath.parse(path),
            template=endpoint.path,
            path_params=route.params,
            data=params,
            caller=Caller(name="ops", mode=mode),
        )
        return policy.decide(judge(call, REVIEWS))

    before, after = decided(known), decided({**known, more: data.draw(VALUES)})
    assert after.verdict is Verdict.DENY or strictness(after) >= strictness(before), (before.reason, after.reason)


@settings(max_examples=share_of(300))
@given(st.data(), st.lists(any_rule, min_size=1, max_size=6), st.sampled_from(Mode))
def test_removing_a_rule_that_denies_never_turns_allow_into_deny(
    data: st.DataObject, rules: list[Rule], mode: Mode
) -> None:
    denying = [rule for rule in rules if rule.verdict is Verdict.DENY]
    if not denying:
        return
    call = judge(
        Call(
            method="PUT",
            path=ApiPath.parse("/nodes/pve1/qemu/100/config"),
            template="/nodes/{node}/qemu/{vmid}/config",
            path_params={"node": "pve1", "vmid": "100"},
            data=data.draw(st.dictionaries(st.sampled_from(["scsi0", "delete", "args", "memory"]), VALUES, max_size=3)),
        ),
        REVIEWS,
    )
    gone = data.draw(st.sampled_from(denying))
    before = Policy(mode, rules).decide(call)
    after = Policy(mode, [rule for rule in rules if rule is not gone]).decide(call)
    assert before.verdict is not Verdict.ALLOW or after.verdict is not Verdict.DENY
