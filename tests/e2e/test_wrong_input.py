"""What goes wrong is told in a few lines that say what to do, word for word; and the server stays up."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from cl100k import count_tokens
from clients import connect
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from serving import TOKEN, Served, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxmox_mcp.demo import DemoCluster

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

MOST_TOKENS = 170
CONFIG = "/nodes/pve1/qemu/100/config"

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown-path": ("proxmox_api_get", {"path": "/nodes/pve1/qemu/100/snapshots"}),
    "unknown-method": ("proxmox_api_call", {"path": "/cluster/resources", "method": "DELETE"}),
    "no-method-at-all": ("proxmox_api_call", {"path": "/cluster/resources", "method": "PATCH"}),
    "unknown-parameter": ("proxmox_api_call", {"path": CONFIG, "method": "PUT", "data": {"memroy": 2048}}),
    "wrong-type": ("proxmox_api_call", {"path": CONFIG, "method": "PUT", "data": {"cores": "four", "onboot": "yes"}}),
    "missing-parameter": ("proxmox_api_call", {"path": "/nodes/pve1/qemu/100/clone", "method": "POST"}),
    "unknown-node": ("proxmox_api_get", {"path": "/nodes/pve9/qemu/100/config"}),
    "unknown-guest": ("proxmox_api_get", {"path": "/nodes/*/qemu/web-1/config"}),
    "guest-on-another-node": ("proxmox_api_get", {"path": "/nodes/pve2/qemu/100/config"}),
    "unknown-storage": ("proxmox_api_get", {"path": "/nodes/pve1/storage/nass/content"}),
    "unknown-argument": ("proxmox_api_get", {"path": "/nodes", "feilds": "node"}),
    "parameter-beside-data": ("proxmox_api_call", {"path": CONFIG, "method": "PUT", "cores": 4}),
    "missing-argument": ("proxmox_api_call", {"path": CONFIG}),
    "broken-json": ("proxmox_api_call", {"path": CONFIG, "method": "PUT", "data": '{"cores": 4'}),
    "unknown-type": ("get_cluster_resources", {"type": "vms"}),
    "unknown-field": ("get_cluster_resources", {"type": "vm", "fields": "vmid,memory"}),
    "broken-filter": ("get_cluster_resources", {"filter": "status running"}),
    "blank-question": ("search_api", {"query": "  "}),
    "upload": ("proxmox_api_call", {"path": "/nodes/pve1/storage/local/upload", "method": "POST",
                                    "data": {"content": "iso", "filename": "a.iso"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_call_is_answered_with_what_is_allowed(name: str, server: Served, golden: Golden) -> None:
    tool, arguments = WRONG[name]
    async with connect(server) as session:
        answer = await session.call(tool, **arguments)
    assert answer.is_error
    assert count_tokens(answer.text) <= MOST_TOKENS
    golden(f"wrong/{name}", answer.text)


async def test_an_empty_list_of_an_unknown_node_says_that_there_is_no_such_node(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.get("/nodes/pvee1/qemu")
    assert answer.text == "(an empty list)\nThere is no node pvee1. There are: pve1, pve3, pve2."


async def test_a_schema_that_is_not_the_nodes_own_warns_of_what_it_does_not_know(troubled: Served) -> None:
    async with connect(troubled) as session:
        answer = await session.get("/nodes/pve1/qemu/100/snapshots", cluster="refused")
    assert answer.is_error
    assert "the node has not answered yet" in answer.text
    assert "The API has no path '/nodes/pve1/qemu/100/snapshots'." in answer.text
    assert "/snapshot" in answer.text
    assert "Use proxmox_api_call with method GET" in answer.text


async def test_the_json_text_of_an_object_is_taken_for_the_object(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.make("PUT", "/nodes/pve2/qemu/131/config", '{"cores": 4}')  # type: ignore[arg-type]
        limited = await session.get("/nodes", limit="2", fields=["node", "maxcpu"])
    assert answer.text.startswith("Done: PUT /nodes/pve2/qemu/131/config")
    assert limited.text.startswith("node maxcpu\npve1 16\npve2 32\n(rows 1-2 of 3")


async def test_an_argument_that_clients_add_by_themselves_is_passed_over(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.get("/version", fields="version", wait_for_previous=True, limit=None)
    assert answer.text == "version: 9.1.9"


@pytest.fixture(scope="module")
def troubled(
    demo: DemoCluster, certificate: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server of six clusters, five of which can't be talked to, each for a reason of its own."""
    directory = tmp_path_factory.mktemp("troubled")
    page = reply(body=b"<html><body>Welcome to nginx!</body></html>", Content_Type="text/html")
    with socket.create_server(("127.0.0.1", 0)) as silent, raw_serving(page, certificate) as web:
        base = {"PROXMOX_USER": "root@pam", "PROXMOX_TOKEN_ID": "mcp", "PROXMOX_PASSWORD": demo.secret}
        at_demo = {**base, "PROXMOX_HOST": f"127.0.0.1:{demo.port}"}
        clusters = {
            "sound": at_demo,
            "wrong-token": {**at_demo, "PROXMOX_PASSWORD": "00000000-0000-0000-0000-000000000000"},
            "refused": {**base, "PROXMOX_HOST": f"127.0.0.1:{free_port()}"},
            "silent": {**base, "PROXMOX_HOST": f"127.0.0.1:{silent.getsockname()[1]}", "PROXMOX_TIMEOUT": "1"},
            "web-page": {**base, "PROXMOX_HOST": f"127.0.0.1:{web.port}"},
            "self-signed": {**at_demo, "PROXMOX_VERIFY_SSL": "true"},
        }
        lines = []
        for name, values in clusters.items():
            lines += [f"[{name}]", *(f'{key} = "{value}"' for key, value in values.items())]
        (directory / "clusters.toml").write_text("\n".join(lines))
        with serving(directory, MCP_CLUSTERS_FILE=str(directory / "clusters.toml"), MCP_AUTH_TOKEN=TOKEN) as served:
            yield served


@pytest.mark.parametrize("cluster", ["wrong-token", "refused", "silent", "web-page", "self-signed"])
async def test_a_cluster_that_cannot_be_talked_to_is_told_with_its_cure(
    cluster: str, troubled: Served, golden: Golden
) -> None:
    async with connect(troubled) as session:
        answer = await session.get("/cluster/status", cluster=cluster)
        sound = await session.get("/version", fields="version", cluster="sound")
    assert answer.is_error
    assert count_tokens(answer.text) <= MOST_TOKENS
    assert "html" not in answer.text
    golden(f"trouble/{cluster}", answer.text)
    assert sound.text == "version: 9.1.9"


async def test_clusters_are_listed_side_by_side_and_none_holds_up_the_others(troubled: Served, golden: Golden) -> None:
    async with connect(troubled) as session:
        nodes = await session.call("list_nodes")
        unnamed = await session.get("/version")
        unknown = await session.get("/version", cluster="office")
    assert not nodes.is_error
    listed = re.sub(r"\d+/\d+$", "<guests>", nodes.text, flags=re.MULTILINE)
    golden("trouble/list-nodes", re.sub(r"now [0-9-]+ [0-9:]+ \S+", "now <time>", listed))
    assert unnamed.is_error
    golden("trouble/no-cluster-named", unnamed.text)
    golden("trouble/unknown-cluster", unknown.text)
