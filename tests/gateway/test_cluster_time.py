from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.errors import FailedError, SettingsError
from proxmox_mcp.gateway.cluster_time import ClusterTime, zone_told
from proxmox_mcp.proxmox.inventory import Inventory
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio
BERLIN = {"timezone": "Europe/Berlin", "time": 1_795_863_600, "localtime": 1_795_867_200}


async def test_the_zone_of_a_node_is_read_once_for_a_cluster(scripted: Scripted) -> None:
    cluster, script = scripted({"/nodes/pve1/time": BERLIN})
    for _ in range(3):
        clock = await cluster.time.clock("pve1")
    assert clock.name == "Europe/Berlin"
    assert clock.moment(1_795_863_600) == "2026-11-28 12:00"
    assert script.paths == ["/nodes/pve1/time"]


async def test_without_a_node_at_hand_one_that_is_up_is_asked(scripted: Scripted) -> None:
    cluster, script = scripted({"/nodes/pve1/time": BERLIN})
    assert (await cluster.time.clock()).name == "Europe/Berlin"
    assert script.paths == ["/cluster/resources", "/nodes/pve1/time"]


@pytest.mark.parametrize("answer", [FailedError("permission denied"), None, [], {"timezone": "a\nb"}, {"time": 5}])
async def test_a_node_that_does_not_tell_its_zone_is_not_asked_again_at_once(scripted: Scripted, answer: Any) -> None:
    cluster, script = scripted({"/nodes/pve1/time": answer})
    assert [(await cluster.time.clock("pve1")).name for _ in range(2)] == ["UTC", "UTC"]
    assert script.paths == ["/nodes/pve1/time"]


async def test_a_configured_zone_needs_no_request(scripted: Scripted) -> None:
    cluster, script = scripted({"/nodes/pve1/time": BERLIN})
    clock = await ClusterTime(cluster.pve, Inventory(cluster.pve), "America/New_York").clock("pve1")
    assert (clock.name, script.paths) == ("America/New_York", [])


def test_a_zone_that_is_unknown_here_goes_by_the_clock_of_the_node() -> None:
    told = zone_told({"timezone": "Mars/Olympus", "time": 1_000_000, "localtime": 1_005_400})
    assert told is not None
    zone, name = told
    assert (zone.utcoffset(datetime.now(UTC)), name) == (timedelta(minutes=90), "Mars/Olympus")
    assert zone_told({"timezone": "Mars/Olympus", "time": 0, "localtime": 10**9}) is None


async def test_an_unknown_zone_in_the_settings_is_refused() -> None:
    needed = {"PROXMOX_HOST": "pve1", "PROXMOX_USER": "root@pam", "PROXMOX_PASSWORD": "x" * 12}
    assert load_settings({**needed, "MCP_TIMEZONE": "Europe/Berlin"}).server.mcp_timezone == "Europe/Berlin"
    with pytest.raises(SettingsError, match="MCP_TIMEZONE"):
        load_settings({**needed, "MCP_TIMEZONE": "Berlin"})
