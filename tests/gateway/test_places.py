from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, TargetError, ViewError
from proxmox_mcp.gateway import Request
from proxmox_mcp.gateway.places import AT_A_TIME, find_places, place_of, split_cursor
from proxmox_mcp.gateway.resolve import Target
from proxmox_mcp.render import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio


async def paths(scripted: Scripted, path: str, method: str = "GET", **call: Any) -> list[str]:
    cluster, _ = scripted()
    found = await find_places(ApiPath.given(path), Request(path=path, method=method, **call), method, cluster)
    return [target.path.encoded for target in found.targets]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("/nodes", "/nodes"),
        ("nodes", "/nodes"),
        ("//nodes/", "/nodes/"),
        (" /nodes\n", "/nodes"),
        ("/api2/json/nodes", "/nodes"),
        ("api2/json/nodes", "/nodes"),
        ("/api2/json/api2/json/nodes", "/api2/json/nodes"),
        ("", "/"),
        ("https://pve1:8006/api2/json/nodes", "/nodes"),
        ("https://10.0.0.1:8006/api2/json/nodes/pve1/tasks?limit=5", "/nodes/pve1/tasks?limit=5"),
        ("HTTPS://root:pw@[fd00::1]:8006/api2/extjs/nodes", "/nodes"),
        ("/api2/extjs/cluster/tasks", "/cluster/tasks"),
        ("/storage/x/https://pve1:8006/api2/json/nodes", "/storage/x/https://pve1:8006/api2/json/nodes"),
        ("https://pve1:8006/nodes", "/https://pve1:8006/nodes"),
    ],
)
def test_a_path_loses_what_does_no_harm_and_nothing_else(written: str, plain: str) -> None:
    assert ApiPath.given(written) == ApiPath.parse(plain)


async def test_a_concrete_path_is_not_looked_up(scripted: Scripted) -> None:
    cluster, script = scripted()
    found = await find_places(
        ApiPath.given("/nodes/pve1/qemu/100/config"), Request(path="/nodes/pve1/qemu/100/config"), "GET", cluster
    )
    assert [target.path.encoded for target in found.targets] == ["/nodes/pve1/qemu/100/config"]
    assert script.asked == []
    assert not found.fanned


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/nodes/*/qemu/100/config", "/nodes/pve1/qemu/100/config"),
        ("/nodes/*/qemu/web-01/config", "/nodes/pve1/qemu/100/config"),
        ("/nodes/pve1/qemu/WEB-01", "/nodes/pve1/qemu/100"),
        ("/nod%65s/%2A/q%65mu/100/config", "/nodes/pve1/qemu/100/config"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_guest_is_found_by_name_and_without_its_node(
    path: str, place: str, method: str, scripted: Scripted
) -> None:
    cluster, _ = scripted()
    found = await find_places(ApiPath.given(path), Request(path=path, method=method), method, cluster)
    assert [target.path.encoded for target in found.targets] == [place]
    assert not found.fanned


async def test_a_star_stands_for_every_node_guest_or_storage(scripted: Scripted) -> None:
    assert await paths(scripted, "/nodes/*/tasks") == [f"/nodes/pve{n}/tasks" for n in (1, 2, 3)]
    assert await paths(scripted, "/nodes/pve1/qemu/*/config") == [f"/nodes/pve1/qemu/{n}/config" for n in (100, 101)]
    assert await paths(scripted, "/nodes/*/lxc/*/config") == [f"/nodes/pve2/lxc/{n}/config" for n in (103, 104)]
    assert await paths(scripted, "/nodes/*/storage/*/content") == [
        "/nodes/pve1/storage/local/content",
        "/nodes/pve2/storage/local/content",
        "/nodes/pve1/storage/nas/content",
    ]


async def test_a_call_that_changes_something_never_fans_out(scripted: Scripted) -> None:
    for path in ("/nodes/*/qemu/*/status/stop", "/nodes/*/tasks", "/nod%65s/%2a/tasks", "/storage/*"):
        with pytest.raises(TargetError, match="goes to one"):
            await paths(scripted, path, "POST")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nodes/*/lxc/twin/config", "2 guests are named twin"),
        ("/nodes/*/qemu/nobody/config", "There is no guest nobody"),
        ("/nodes/*/lxc/100/config", "No lxc guest 100 on any node, but 100 (web-01, qemu on pve1)"),
        ("/nodes/pve9/qemu/web-01/config", "There is no node pve9"),
        ("/nodes/*/storage/nass/content", "There is no storage nass"),
        ("/access/users/*", "A * is not possible"),
    ],
)
async def test_what_is_unknown_or_borne_twice_is_refused_with_the_candidates(
    path: str, said: str, scripted: Scripted
) -> None:
    with pytest.raises(TargetError) as caught:
        await paths(scripted, path)
    assert said in str(caught.value)
    assert caught.value.advice


async def test_a_cluster_that_can_not_be_asked_is_not_guessed_at(scripted: Scripted) -> None:
    cluster, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    with pytest.raises(FailedError, match="no quorum"):
        await find_places(
            ApiPath.given("/nodes/*/qemu/web-01/status/stop"),
            Request(path="/nodes/*/qemu/web-01/status/stop", method="POST"),
            "POST",
            cluster,
        )


async def test_conditions_on_the_place_narrow_what_is_asked(scripted: Scripted) -> None:
    async def narrowed(condition: str) -> list[str]:
        return await paths(scripted, "/nodes/*/qemu/*/config", view=View.of(filter=condition))

    assert await narrowed("node=pve2") == ["/nodes/pve2/qemu/102/config"]
    assert await narrowed("guest~web and vmid>100") == ["/nodes/pve1/qemu/101/config"]
    assert len(await narrowed("memory>1")) == 4


async def test_conditions_on_what_the_inventory_knows_are_met_before_a_guest_is_asked(scripted: Scripted) -> None:
    async def narrowed(path: str, condition: str) -> list[str]:
        return await paths(scripted, path, view=View.of(filter=condition))

    every = await narrowed("/nodes/*/guests/*/config", "")
    web = await narrowed("/nodes/*/guests/*/config", "name~web")
    assert 0 < len(web) < len(every)
    assert await narrowed("/nodes/*/guests/*/config", "name~web and memory>1") == web
    assert await narrowed("/nodes/*/guests/*/config", "name~web or memory>1") == every
    assert await narrowed("/nodes/*/guests/*/config", "status=running and name~web") == web
    assert all("/lxc/" in path for path in await narrowed("/nodes/*/guests/*/config", "kind=lxc"))
    assert await narrowed("/nodes/*/guests/*/snapshot", "name=base") == every_of(every, "snapshot"), "a snapshot's name"


def every_of(paths: list[str], end: str) -> list[str]:
    return [path.replace("/config", f"/{end}") for path in paths]


async def test_a_kind_that_lacks_the_endpoint_is_not_asked_and_that_is_said(scripted: Scripted) -> None:
    cluster, _ = scripted()
    path = "/nodes/*/guests/*/agent/get-osinfo"
    found = await find_places(ApiPath.given(path), Request(path=path), "GET", cluster)
    assert found.targets
    assert {target.kind for target in found.targets} == {"qemu"}
    assert found.notes[0].startswith("Containers have no agent/get-osinfo: ")


async def test_five_hundred_places_at_a_time(scripted: Scripted) -> None:
    many = [{"type": "qemu", "vmid": n, "name": f"vm-{n}", "node": "pve1"} for n in range(1000, 2200)]
    cluster, _ = scripted({"/cluster/resources": many})

    async def page(first: int) -> tuple[int, int, int]:
        found = await find_places(
            ApiPath.given("/nodes/*/qemu/*/config"),
            Request(path="/nodes/*/qemu/*/config", places=first),
            "GET",
            cluster,
        )
        return len(found.targets), found.total, found.following

    assert [await page(first) for first in (0, 500, 1000)] == [(500, 1200, 500), (500, 1200, 1000), (200, 1200, 0)]
    assert AT_A_TIME == 500
    with pytest.raises(ViewError, match="beyond the 1200"):
        await page(1500)


def test_the_columns_of_a_place_are_what_was_filled_in() -> None:
    assert place_of(Target(ApiPath.parse("/version"))) == {}
    content = ApiPath.parse("/nodes/a/storage/nas/content")
    assert place_of(Target(content, node="a", storage="nas")) == {
        "node": "a",
        "storage": "nas",
    }


@pytest.mark.parametrize(
    ("cursor", "place", "line"),
    [("", 0, ""), (" 12-3fa9 ", 0, "12-3fa9"), ("places-500", 500, ""), (" places-500/12-3fa9 ", 500, "12-3fa9")],
)
def test_a_cursor_names_a_line_or_a_place_or_both(cursor: str, place: int, line: str) -> None:
    assert split_cursor(cursor) == (place, line)


@pytest.mark.parametrize("cursor", ["places-", "places-x", "places--1", "places-99999999", "12", "next", "places-5/x"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ViewError, match="cursor"):
        View.of(cursor=split_cursor(cursor)[1])
