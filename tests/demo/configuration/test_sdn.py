"""The software-defined network: what is configured, what runs, and who may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api


def test_the_sdn_runs_what_was_applied_and_rolls_back_to_it(root: Api) -> None:
    root.done("POST", "/cluster/sdn/zones", zone="dmz", type="simple")
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["state"] == "new"
    root.done("PUT", "/cluster/sdn")
    root.done("PUT", "/cluster/sdn/zones/dmz", mtu=1400)
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["pending"] == {"mtu": 1400}
    assert "mtu" not in root.get("/cluster/sdn/zones/dmz", running=1)
    root.done("POST", "/cluster/sdn/rollback")
    assert "mtu" not in root.get("/cluster/sdn/zones/dmz")
    root.done("DELETE", "/cluster/sdn/zones/dmz")
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["state"] == "deleted"


def test_who_holds_the_lock_writes_and_nobody_else(root: Api) -> None:
    token = root.done("POST", "/cluster/sdn/lock")
    assert root.refusal("POST", "/cluster/sdn/lock")[0] == 500
    for method, path, given in (
        ("POST", "/cluster/sdn/zones", {"zone": "held", "type": "simple"}),
        ("PUT", "/cluster/sdn", {}),
        ("DELETE", "/cluster/sdn/lock", {}),
    ):
        assert root.refusal(method, path, **given)[0] == 500
    root.done("POST", "/cluster/sdn/zones", zone="held", type="simple", **{"lock-token": token})
    root.done("POST", "/cluster/sdn/rollback", **{"lock-token": token})
    assert root.answer("GET", "/cluster/sdn/zones/held")[0] == 500
    assert root.done("POST", "/cluster/sdn/lock") != token, "a rollback gives the lock back"
    root.done("DELETE", "/cluster/sdn/lock", force=1)


def test_what_others_are_in_is_not_deleted_and_addresses_are_of_a_subnet(root: Api) -> None:
    zone, vnet = "/cluster/sdn/zones/lab", "/cluster/sdn/vnets/lan"
    root.done("POST", "/cluster/sdn/zones", zone="lab", type="simple", ipam="pve")
    assert "zone none don't exist" in root.refusal("POST", "/cluster/sdn/vnets", vnet="lan", zone="none")[1]
    root.done("POST", "/cluster/sdn/vnets", vnet="lan", zone="lab")
    subnet = {"subnet": "192.0.2.0/24", "type": "subnet", "gateway": "192.0.2.1"}
    root.done("POST", f"{vnet}/subnets", **subnet)
    (shown,) = root.get(f"{vnet}/subnets")
    assert (shown["cidr"], shown["zone"], shown["id"]) == ("192.0.2.0/24", "lab", "lab-192.0.2.0-24")
    assert "is used by vnet lan" in root.refusal("DELETE", zone)[1]
    assert "subnets exists" in root.refusal("DELETE", vnet)[1]

    mapped = {"zone": "lab", "ip": "192.0.2.7", "mac": "BC:24:11:00:00:07"}
    root.done("POST", f"{vnet}/ips", **mapped)
    assert "already exist" in root.refusal("POST", f"{vnet}/ips", **mapped)[1]
    outside = {**mapped, "ip": "198.51.100.7"}
    assert "can't find any subnet" in root.refusal("POST", f"{vnet}/ips", **outside)[1]
    root.done("PUT", f"{vnet}/ips", **{**mapped, "ip": "192.0.2.8"})
    known = [each["ip"] for each in root.get("/cluster/sdn/ipams/pve/status")]
    assert known == ["192.0.2.1", "192.0.2.8"]
    root.done("DELETE", f"{vnet}/ips", **{**mapped, "ip": "192.0.2.8"})

    root.done("DELETE", f"{vnet}/subnets/lab-192.0.2.0-24")
    root.done("DELETE", vnet)
    root.done("DELETE", zone)
    assert root.get("/cluster/sdn/ipams/pve/status") == []


def test_what_is_pending_is_told_apart_from_what_identifies_an_object(root: Api) -> None:
    path = "/cluster/sdn/zones/edge"
    root.done("POST", "/cluster/sdn/zones", zone="edge", type="simple", mtu=1450)
    new = root.get(path, pending=1)
    assert (new["state"], new["type"], new["pending"]["mtu"]) == ("new", "simple", 1450)
    assert "mtu" not in new
    assert root.answer("GET", path, running=1)[0] == 500
    root.done("PUT", "/cluster/sdn")
    assert "state" not in root.get(path, pending=1)
    root.done("PUT", path, delete="mtu")
    assert root.get(path, pending=1)["pending"]["mtu"] == "deleted"
    root.done("DELETE", path)
    root.done("PUT", "/cluster/sdn")
    assert root.answer("GET", path, pending=1)[0] == 500
