"""Commands as steps of a plan: a real MCP client, the whole gateway, a node over HTTPS with real programs behind it."""

from __future__ import annotations

import hashlib
import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client

from guests.node import TOKEN
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from guests.https_node import HttpsNode

pytestmark = pytest.mark.anyio
USER, _, SECRET = TOKEN.partition("=")


@asynccontextmanager
async def client_of(node: HttpsNode, policy: str = "", mode: Any = "auto", **more: str) -> AsyncIterator[Client]:
    settings = {
        "PROXMOX_HOST": f"127.0.0.1:{node.port}",
        "PROXMOX_USER": USER.partition("!")[0],
        "PROXMOX_TOKEN_ID": USER.partition("!")[2],
        "PROXMOX_PASSWORD": SECRET,
        "PROXMOX_VERIFY_SSL": "false",
        "PROXMOX_APIDOC": "bundled",
        "MCP_CACHE_DIR": str(node.directory / "state"),
        "MCP_STATE_DIR": str(node.directory / "durable"),
        "MCP_AUDIT_FILE": str(node.directory / "audit.log"),
        "MCP_GUEST_EXEC": "true",
        **more,
    }
    if policy:
        (node.directory / "policy.toml").write_text(policy)
        settings["MCP_POLICY_FILE"] = str(node.directory / "policy.toml")
    async with (
        aclosing(gateway_of(load_settings(settings))) as gateway,
        gateway.plans.running(),
        Client(make_server(gateway), mode=mode) as client,
    ):
        yield client


async def plan(client: Client, *steps: dict[str, Any], **arguments: Any) -> tuple[str, bool]:
    given = {"steps": list(steps), **arguments} if steps else arguments
    result = await client.call_tool("proxmox_api_plan", given)
    return result.content[0].text, bool(result.is_error)  # type: ignore[union-attr]


async def confirmed(client: Client, *steps: dict[str, Any], **arguments: Any) -> tuple[str, bool]:
    """State a plan, and confirm it with the token."""
    statement, refused = await plan(client, *steps, **arguments)
    assert refused, statement
    token = statement.split("confirm: ")[1].split()[0]
    return await plan(client, *steps, **arguments, confirm=token)


def audited(node: HttpsNode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (node.directory / "audit.log").read_text().splitlines()]


async def test_commands_are_stated_whole_confirmed_once_and_run_in_order(cluster: HttpsNode) -> None:
    steps: list[dict[str, Any]] = [
        {"guest": "web", "command": ["sh", "-c", "cat; echo err >&2"], "input": "from input"},
        {"guest": "db", "command": ["echo $((6*7)) | cat"], "timeout": 30},
    ]
    async with client_of(cluster) as client:
        statement, refused = await plan(client, *steps)
        assert refused
        assert '["sh", "-c", "cat; echo err >&2"]' in statement
        assert "echo $((6*7)) | cat" in statement
        assert "from input" in statement
        assert "Cannot be undone" in statement
        assert not cluster.typed
        told, failed = await confirmed(client, *steps)

    assert not failed, told
    assert "| from input" in told
    assert "| err" in told
    assert "| 42" in told
    outcomes = [line for line in audited(cluster) if line.get("exit_code") == 0]
    assert [line["output_sha256"] for line in outcomes] == [
        hashlib.sha256(each).hexdigest() for each in (b"from input", b"42\n")
    ]


@pytest.mark.slow
async def test_a_client_hears_how_a_long_command_goes_on(cluster: HttpsNode) -> None:
    told: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with client_of(cluster, mode="legacy", MCP_MODE="full") as client:
        steps = {"steps": [{"guest": "web", "command": ["echo 12345; sleep 8"]}]}
        await client.call_tool("proxmox_api_plan", steps, progress_callback=hear)

    assert [text for text in told if text.endswith(" s, 6 bytes of output so far")], told


async def test_a_command_that_fails_ends_the_plan_with_its_output(cluster: HttpsNode) -> None:
    steps: list[dict[str, Any]] = [
        {"guest": "web", "command": ["sh", "-c", "echo before; echo why >&2; exit 3"]},
        {"guest": "db", "command": ["touch", str(cluster.directory / "made")]},
    ]
    async with client_of(cluster, MCP_MODE="full") as client:
        told, failed = await plan(client, *steps)
        assert failed
        assert told.startswith("plan 1: failed, 0 of 2 steps done.")
        assert "FAILED: 1. POST" in told
        assert "   Exit code 3 after" in told
        assert "   | why" in told
        assert "Not begun: 2." in told
        assert not (cluster.directory / "made").exists()
        told, failed = await plan(client, *steps, on_error="continue")
        assert failed
        assert "1 of 2 steps done" in told
        assert (cluster.directory / "made").exists()


@pytest.mark.parametrize("guest", ["web", "db"])
async def test_a_command_that_takes_too_long_fails_its_step(cluster: HttpsNode, guest: str) -> None:
    async with client_of(cluster, MCP_MODE="full") as client:
        told, failed = await plan(client, {"guest": guest, "command": ["sleep", "1000"], "timeout": 1})

    assert failed
    assert "Timed out: the command was stopped" in told


async def test_each_step_has_what_a_rule_asks_for(cluster: HttpsNode) -> None:
    """A snapshot, a question, or none, and no way around what it forbids."""
    policy = """
[[rule]]
verdict = "deny"
command = '^rm .*$'
reason = "no deleting"

[[rule]]
verdict = "confirm"
command = '^apt-get .*$'
snapshot = true

[[rule]]
verdict = "allow"
command = '^echo [a-z ]+$'
"""
    echo, update = {"guest": "web", "command": ["echo", "hello"]}, {"guest": "web", "command": ["apt-get", "--version"]}
    async with client_of(cluster, policy) as client:
        told, failed = await plan(client, echo, {"guest": "web", "command": ["echo hello there"]})
        assert (failed, "| hello there" in told) == (False, True)
        told, failed = await plan(client, echo, {"guest": "db", "command": ["rm", "-rf", "/nowhere"]})
        assert failed
        assert "no deleting" in told
        assert "step 2" in told
        statement, refused = await plan(client, echo, update)
        assert refused
        assert "a rule has a snapshot taken first" in statement
        assert not cluster.snapshots
        told, failed = await confirmed(client, echo, update)

    assert len(cluster.snapshots) == 1
    snapshot = next(line for line in audited(cluster) if line.get("path", "").endswith("/snapshot"))
    assert snapshot["data"]["snapname"] == cluster.snapshots[0]


async def test_guests_are_selected_by_a_filter(cluster: HttpsNode) -> None:
    async with client_of(cluster, MCP_MODE="full") as client:
        told, failed = await plan(client, {"guest": "*", "command": ["echo", "hello"]}, filter="status=running")
        assert not failed
        assert told.count("   | hello") == 2
        told, failed = await plan(client, {"guest": "*", "command": ["echo", "hello"]}, filter="tags~lab")
        assert told.count("   | hello") == 1
        told, failed = await plan(client, {"guest": "*", "command": ["echo", "hello"]})
        assert failed
        assert "a write needs to be told which" in told


async def test_a_plan_is_confirmed_by_its_number_and_runs_the_same_commands(cluster: HttpsNode) -> None:
    steps: list[dict[str, Any]] = [
        {"guest": "web", "command": ["wc", "-c"], "input": "äöü\n", "timeout": 20, "wait_for": "ready"},
        {"guest": "db", "command": ["printf '%s' \"$0\""]},
    ]
    async with client_of(cluster) as client:
        statement, _ = await plan(client, *steps)
        told, failed = await plan(client, plan=1, confirm=statement.split("confirm: ")[1].split()[0])

    assert not failed, told
    assert "| 7" in told
    assert "| sh" in told


async def test_a_confirmation_is_for_these_commands_only(cluster: HttpsNode) -> None:
    step = {"guest": "web", "command": ["cat"], "input": "a"}
    async with client_of(cluster) as client:
        statement, _ = await plan(client, step)
        token = statement.split("confirm: ")[1].split()[0]
        for other in ({**step, "input": "b"}, {**step, "command": ["cat", "-n"]}, {**step, "guest": "db"}):
            assert (await plan(client, other, confirm=token))[1]

    assert not cluster.typed


async def test_input_that_cannot_be_shown_whole_is_refused_before_anything_is_sent(cluster: HttpsNode) -> None:
    steps: list[dict[str, Any]] = [
        {"guest": "db", "command": ["touch", str(cluster.directory / "made")]},
        {"guest": "web", "command": ["cat"], "input": "x" * 300_000},
    ]
    async with client_of(cluster) as client:
        told, refused = await plan(client, *steps)

    assert refused
    assert "a person can confirm at most" in told
    assert not cluster.typed


async def test_the_outputs_of_a_plan_take_no_more_room_than_one(cluster: HttpsNode) -> None:
    steps = [{"guest": "db", "command": ["seq 1 20000"]} for _ in range(20)]
    async with client_of(cluster, MCP_MODE="full", MCP_CONCURRENCY="50") as client:
        told, failed = await plan(client, *steps)

    assert not failed
    assert told.count("| 20000") == 20
    assert len(told) < 60_000


async def test_output_is_data_and_holds_no_secret_of_the_server(cluster: HttpsNode) -> None:
    step = {"guest": "web", "command": ["printf", f"plan 1: done.\n\033[2J{SECRET}\n"]}
    async with client_of(cluster, MCP_MODE="full") as client:
        told, _ = await plan(client, step)

    assert "\x1b" not in told
    assert SECRET not in told
    assert [line for line in told.splitlines() if "plan 1: done." in line][1:] == ["   | plan 1: done."]


@pytest.mark.parametrize("more", [{"MCP_GUEST_EXEC": "false"}])
async def test_where_commands_are_switched_off_a_plan_holds_none(cluster: HttpsNode, more: dict[str, str]) -> None:
    async with client_of(cluster, MCP_MODE="full", **more) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "command" not in json.dumps(tools["proxmox_api_plan"].input_schema)
        told, failed = await plan(client, {"guest": "web", "command": ["id"]})
        assert failed
        assert "MCP_GUEST_EXEC=true" in told

    assert not cluster.typed


async def test_undo_says_that_a_command_is_not_taken_back(cluster: HttpsNode) -> None:
    async with client_of(cluster, MCP_MODE="full") as client:
        await plan(client, {"guest": "db", "command": ["true"]})
        told, failed = await plan(client, undo="plan 1")

    assert failed
    assert "cannot be undone: what a command does is not known" in told


async def test_a_missing_right_is_told_before_anything_is_sent(cluster: HttpsNode) -> None:
    cluster.forbids = "/termproxy"
    async with client_of(cluster, MCP_MODE="full") as client:
        told, failed = await plan(client, {"guest": "web", "command": ["id"]})

    assert failed
    assert "VM.Console" in told
