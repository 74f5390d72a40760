from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import DeniedError, FailedError, PermissionDeniedError
from proxmox_mcp.gateway.fan_out import gather
from proxmox_mcp.gateway.places import AT_A_TIME, Places
from proxmox_mcp.gateway.request import NO_CLIENT, NoClient, Reply
from proxmox_mcp.gateway.resolve import Target
from proxmox_mcp.policy.call import Call, Received
from proxmox_mcp.proxmox.inventory import Guest
from proxmox_mcp.render import Budget, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


pytestmark = pytest.mark.anyio

BUDGET = Budget.of(4000)


class Listening(NoClient):
    """A client that keeps the progress it is told."""

    can_be_asked = False
    follows_progress = True
    answer: Reply | None = None

    def __init__(self) -> None:
        self.told: list[tuple[float | None, str]] = []

    async def ask(self, question: str, token: str) -> bool:
        return False

    async def progress(self, done: float | None, text: str) -> None:
        self.told.append((done, text))


def on_node(name: str, *, online: bool = True) -> Target:
    return Target(ApiPath.parse(f"/nodes/{name}/tasks"), node=name, online=online)


def on_guest(vmid: int) -> Target:
    guest = Guest(vmid=vmid, type="qemu", name=f"vm-{vmid}", node="pve1")
    return Target(ApiPath.parse(f"/nodes/pve1/qemu/{vmid}/snapshot"), node="pve1", guest=guest)


def places(*targets: Target, total: int = 0, first: int = 0) -> Places:
    return Places(targets, total or len(targets), first, fanned=True)


def saying(answers: dict[str, Any]) -> Callable[[ApiPath], Awaitable[Call]]:
    async def ask(path: ApiPath) -> Call:
        if isinstance(said := answers[path.encoded], Exception):
            raise said
        return Call(method="GET", path=path, received=Received(data=said))

    return ask


async def told(answers: dict[str, Any], asked: Places, view: View | None = None, client: Any = NO_CLIENT) -> str:
    return (await gather(saying(answers), asked, view or View(), client)).text(view or View(), BUDGET)


async def test_what_only_the_inventory_knows_is_added_where_it_is_named() -> None:
    guest = Guest(vmid=200, type="lxc", name="forum", node="pve1", status="running", tags=("prod", "web"))
    target = Target(ApiPath.parse("/nodes/pve1/lxc/200/config"), node="pve1", guest=guest, kind="lxc")
    answers = {target.path.encoded: {"cores": 2, "tags": "own"}}
    view = View.of("vmid,kind,status,tags,cores", "status=running")
    assert await told(answers, places(target), view) == "vmid: 200\nkind: lxc\nstatus: running\ntags: own\ncores: 2"
    assert "status" not in await told(answers, places(target))


async def test_fields_keep_the_column_that_tells_the_places_apart() -> None:
    answers = {on_guest(v).path.encoded: {"cores": v} for v in (101, 102)}
    guests = places(on_guest(101), on_guest(102))
    assert (
        await told(answers, guests, View.of("cores"))
        == "vmid guest cores\n101 vm-101 101\n102 vm-102 102\n(all 2 rows)"
    )
    assert (await told(answers, guests, View.of("name,cores"))).startswith("vmid name cores\n")
    assert (await told(answers, guests, View.of("guest,cores"))).startswith("guest cores\n")
    assert (await told(answers, places(on_guest(101)), View.of("cores"))) == "cores: 101"
    nodes = places(on_node("a"), on_node("b"))
    of_nodes = {"/nodes/a/tasks": [{"id": 1}], "/nodes/b/tasks": [{"id": 3}]}
    assert (await told(of_nodes, nodes, View.of("id"))).startswith("node id\na 1\nb 3\n")


async def test_what_comes_is_one_table_with_the_places_as_columns() -> None:
    answers = {"/nodes/a/tasks": [{"id": 1}, {"id": 2}], "/nodes/b/tasks": [{"id": 3}]}
    assert await told(answers, places(on_node("a"), on_node("b"))) == "node id\na 1\na 2\nb 3\n(all 3 rows)"


async def test_a_record_by_itself_and_a_bare_value_are_rows_too() -> None:
    answers = {"/nodes/a/tasks": {"cores": 4}, "/nodes/b/tasks": "text"}
    text = await told(answers, places(on_node("a"), on_node("b")))
    assert "cores" in text
    assert "text" in text


async def test_a_guest_is_told_by_number_and_name_and_by_what_differs_from_its_place() -> None:
    answers = {on_guest(101).path.encoded: [{"vmid": 101, "name": "before"}, {"vmid": 7, "name": "odd"}]}
    text = await told(answers, places(on_guest(101)))
    assert text.startswith("all: guest=vm-101 node=pve1\n")
    assert "101 before" in text
    assert "7 odd" in text


async def test_failures_are_listed_beside_what_came_in_the_order_of_the_places() -> None:
    broken = {f"/nodes/n{i}/tasks": FailedError(f"broken {i}\nmore lines") for i in range(10)}
    nodes = [on_node(f"n{i}") for i in range(10)]
    text = await told({**broken, "/nodes/good/tasks": [{"id": 1}]}, places(*nodes, on_node("good")))
    assert "/nodes/n0/tasks failed: broken 0\n/nodes/n1/tasks failed: broken 1\n" in text
    assert text.endswith("and 2 more failed.")
    assert "more lines" not in text


async def test_what_is_denied_at_one_place_leaves_the_others() -> None:
    answers = {"/nodes/a/tasks": DeniedError("Not allowed: rule 1."), "/nodes/b/tasks": [{"id": 3}]}
    text = await told(answers, places(on_node("a"), on_node("b")))
    assert "/nodes/a/tasks failed: Not allowed: rule 1." in text


async def test_where_every_place_fails_the_first_failure_is_raised() -> None:
    answers = {"/nodes/a/tasks": PermissionDeniedError("no a"), "/nodes/b/tasks": FailedError("no b")}
    with pytest.raises(PermissionDeniedError, match="no a"):
        await told(answers, places(on_node("a"), on_node("b")))


async def test_a_node_that_is_offline_is_not_asked_and_named() -> None:
    text = await told({"/nodes/a/tasks": [{"id": 1}]}, places(on_node("a"), on_node("b", online=False)))
    assert text.endswith("Not asked, offline: b.")


async def test_nowhere_to_ask_is_an_empty_list() -> None:
    assert await told({}, places()) == "(an empty list)"


async def test_progress_tells_how_many_places_have_answered() -> None:
    client = Listening()
    await told({f"/nodes/{n}/tasks": [] for n in "abcd"}, places(*map(on_node, "abcd")), client=client)
    assert client.told[-1] == (1.0, "4 of 4 places")
    assert len(client.told) == 4


async def test_the_rest_of_many_places_comes_by_cursor() -> None:
    targets = [on_guest(vmid) for vmid in range(1000, 1000 + AT_A_TIME)]
    answers = {target.path.encoded: [{"name": "s"}] for target in targets}
    text = await told(answers, places(*targets, total=1200, first=500), View.of(limit=3))
    assert text.splitlines()[-1] == "Places 501-1000 of 1200 were asked; the rest: cursor=places-1000"
    assert "(rows 1-3 of 500, next: cursor=places-500/3-" in text


async def test_a_view_applies_to_the_merged_table() -> None:
    answers = {on_guest(v).path.encoded: [{"name": f"s{v}", "snaptime": v}] for v in (101, 102, 103)}
    text = await told(answers, places(*map(on_guest, (101, 102, 103))), View.of("guest,name", "snaptime>101", 1))
    assert text.startswith("guest: vm-102\nname: s102\n(record 1 of 2; 2 of 3 match")
