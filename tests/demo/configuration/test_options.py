"""The options of the cluster and of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api


def test_options_of_the_cluster_and_of_a_node_are_kept(root: Api) -> None:
    root.done("PUT", "/cluster/options", keyboard="de", migration="secure,network=192.0.2.0/24")
    assert root.get("/cluster/options")["migration"] == {"type": "secure", "network": "192.0.2.0/24"}
    root.done("PUT", "/cluster/options", delete="keyboard,migration")
    assert "migration" not in root.get("/cluster/options")
    root.done("PUT", "/nodes/pve1/config", description="Rack 4")
    assert root.get("/nodes/pve1/config")["description"] == "Rack 4\n"
    assert "description" not in root.get("/nodes/pve2/config")


def test_tags_that_are_allowed_are_those_of_guests_and_options(root: Api) -> None:
    of_guests = root.get("/cluster/options")["allowed-tags"]
    root.done(
        "PUT", "/cluster/options",
        **{"registered-tags": "zz-one;zz-two", "user-tag-access": "user-allow=list,user-allow-list=zz-three"},
    )  # fmt: skip
    options = root.get("/cluster/options")
    assert options["registered-tags"] == ["zz-one", "zz-two"]
    assert options["user-tag-access"]["user-allow-list"] == ["zz-three"]
    assert options["allowed-tags"] == [*of_guests, "zz-one", "zz-three", "zz-two"]
    root.done("PUT", "/cluster/options", delete="registered-tags,user-tag-access")
    assert root.get("/cluster/options")["allowed-tags"] == of_guests


def test_a_node_keeps_its_hosts_names_servers_and_zone(root: Api) -> None:
    hosts = root.get("/nodes/pve2/hosts")
    root.done("POST", "/nodes/pve2/hosts", data="127.0.0.1 pve2\n", digest=hosts["digest"])
    assert root.get("/nodes/pve2/hosts")["data"] == "127.0.0.1 pve2\n"
    assert "detected modified" in root.refusal("POST", "/nodes/pve2/hosts", data="x\n", digest=hosts["digest"])[1]
    root.done("PUT", "/nodes/pve2/dns", search="example.org", dns1="192.0.2.53")
    assert root.get("/nodes/pve2/dns") == {"search": "example.org", "dns1": "192.0.2.53"}
    root.done("PUT", "/nodes/pve2/time", timezone="Asia/Tokyo")
    told = root.get("/nodes/pve2/time")
    assert (told["timezone"], told["localtime"] - told["time"]) == ("Asia/Tokyo", 9 * 3600)
    assert root.refusal("PUT", "/nodes/pve2/time", timezone="Moon/Crater")[0] == 400
    assert root.get("/nodes/pve1/time")["timezone"] == "UTC"
    root.done("PUT", "/nodes/pve2/time", timezone="UTC")


def test_the_options_of_a_node_have_a_digest_once_there_are_some(root: Api) -> None:
    path = "/nodes/pve3/config"
    assert root.get(path) == {}
    root.done("PUT", path, wakeonlan="BC:24:11:00:00:03", description="Rack 3\n\n", digest="0" * 40)
    assert root.get(path, property="description") | {"digest": ""} == {"description": "Rack 3\n", "digest": ""}
    assert "detected modified" in root.refusal("PUT", path, description="x", digest="0" * 40)[1]
    root.done("PUT", path, description="", delete="wakeonlan", digest=root.get(path)["digest"])
    assert root.get(path) == {}
