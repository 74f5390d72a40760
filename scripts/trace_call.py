#!/usr/bin/env python3
"""How much one guarded write passes through: scripts/trace_call.py

A DELETE of a VM by the tool ``proxmox_api_call``, under a policy that looks up tags and storages, asked about at a
client whose person agrees. From the tool to the hand-over to the HTTP client everything is the server's own code; the
cluster's answers come from memory, and the schema is loaded before. It prints:

files     modules of ``src`` that take part: a function of theirs runs between the tool and the hand-over
spine     those of them in ``server``, ``gateway``, ``policy``, ``confirm`` and ``record``: the steps of a call; the
          others are libraries that a step uses (the check of values, text, the way to the cluster)
returns   results that one module hands to a module of the spine that called it: functions called across modules
GETs      what is read from the cluster until the DELETE is sent
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.assembly import cluster_of, connection_of, guard_of
from proxmox_mcp.gateway import Gateway
from proxmox_mcp.gateway.pipeline import NOBODY, Pipeline
from proxmox_mcp.gateway.request import NoClient
from proxmox_mcp.policy.caller import LOCAL
from proxmox_mcp.proxmox.access import Reader, Writer
from proxmox_mcp.proxmox.answers import Answer
from proxmox_mcp.proxmox.client import Permit, Proxmox
from proxmox_mcp.render import Budget
from proxmox_mcp.server.tools import tools_for
from proxmox_mcp.server.tools.tool import ToolCall
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parents[1] / "src" / "proxmox_mcp"
SPINE = ("server", "gateway", "policy", "confirm", "record")
GUEST = "/nodes/pve1/qemu/101"
RULES = """
[[rule]]
verdict = "confirm"
by = "person"
tag = "prod"
effect = "destroy"

[[rule]]
verdict = "deny"
storage = "vault"
"""
_STORAGE = {"type": "storage", "node": "pve1", "status": "available", "plugintype": "dir", "content": "backup"}
ANSWERS: dict[str, Any] = {
    "/cluster/resources": [
        {"type": "node", "node": "pve1", "id": "node/pve1", "status": "online"},
        {"type": "qemu", "vmid": 101, "name": "web", "node": "pve1", "id": "qemu/101", "status": "stopped"}
        | {"tags": "prod"},
        *({**_STORAGE, "storage": name, "id": f"storage/pve1/{name}"} for name in ("local", "nas")),
    ],
    "/access/permissions": {"/": {"VM.Audit": 1}},
    f"{GUEST}/config": {"name": "web", "scsi0": "local:vm-101-disk-0,size=8G", "digest": "a1"},
}


class InMemory(Proxmox):
    """A cluster that answers from memory, and keeps what it was asked."""

    asked: list[tuple[str, str]]

    async def answer(
        self,
        method: str,
        path: str,
        params: Any = None,  # noqa: ARG002
        *,
        deadline: float | None = None,  # noqa: ARG002
        permit: Permit | None = None,  # noqa: ARG002
    ) -> Answer:
        self.asked.append((method, path))
        return Answer(ANSWERS.get(path, [] if method == "GET" else None))


class Agreeing(NoClient):
    """A client whose person says yes."""

    can_be_asked, follows_progress, answer = True, False, None

    async def ask(self, question: str, token: str) -> bool:  # noqa: ARG002
        return True

    async def progress(self, done: float | None, text: str) -> None:
        """Nobody listens."""


class Trace:
    """The functions of ``src`` that run, and which module called them."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.crossings: set[tuple[str, str]] = set()
        self.ended = False
        """Threads that the call has begun keep the trace as their profile until they end."""

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG002
        module = module_of(frame.f_code)
        if self.ended or event != "call" or not module:
            return
        caller = frame.f_back
        while caller is not None and not module_of(caller.f_code):
            if is_ours(caller.f_code):
                return  # A module is imported when it is first needed, which runs functions of it.
            caller = caller.f_back
        self.modules.add(module)
        came_from = module_of(caller.f_code) if caller is not None else ""
        if came_from and came_from != module:
            self.crossings.add((module, frame.f_code.co_name))

    @property
    def spine(self) -> list[str]:
        return sorted(module for module in self.modules if module.startswith(SPINE))

    @property
    def returns(self) -> int:
        return len([module for module, _ in self.crossings if module in self.spine])


def is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(f"{ROOT}/")


def module_of(code: CodeType) -> str:
    """The module of ``src`` that a function is of, such as ``gateway/pipeline.py``; empty for other code, and for the
    body of a module or a class."""
    is_function = code.co_flags & inspect.CO_OPTIMIZED
    return code.co_filename.removeprefix(f"{ROOT}/") if is_function and is_ours(code) else ""


def gateway_in(directory: Path) -> tuple[Gateway, InMemory]:
    policy = directory / "policy.toml"
    policy.write_text(RULES)
    settings = load_settings(
        {
            "PROXMOX_HOST": "127.0.0.1",
            "PROXMOX_USER": "root@pam",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
            "PROXMOX_APIDOC": "bundled",
            "MCP_CACHE_DIR": str(directory),
            "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
            "MCP_POLICY_FILE": str(policy),
        }
    )
    (each,) = settings.clusters.values()
    proxmox = InMemory(connection_of(each))
    proxmox.asked = []
    cluster = cluster_of("default", each, None, Reader(proxmox))
    cluster.schema.load().index.check("DELETE", GUEST)
    guard = guard_of(settings)
    writers = {"default": Writer(proxmox, guard.freezes.refuse_if_frozen)}
    pipeline = Pipeline(guard, writers, validation="auto", task_wait=0.0, observer=NOBODY)
    return Gateway({"default": cluster}, pipeline, budget=Budget.of(4000)), proxmox


async def traced(directory: Path) -> tuple[Trace, list[tuple[str, str]]]:
    """The trace of one call, and what was asked of the cluster."""
    gateway, proxmox = gateway_in(directory)
    tool = tools_for(LOCAL, gateway)["proxmox_api_call"]
    trace = Trace()
    arguments = {"method": "DELETE", "path": GUEST}
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        await tool.run(ToolCall(tool.name, gateway, arguments, client=Agreeing()))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        trace.ended = True
        await gateway.aclose()  # Else what waits to be written would make the directory again once it is gone.
    return trace, proxmox.asked


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        trace, asked = anyio.run(traced, Path(directory))
    gets = [path for method, path in asked if method == "GET"]
    print(f"files    {len(trace.modules):4}   {' '.join(sorted(trace.modules))}")
    print(f"spine    {len(trace.spine):4}   {' '.join(trace.spine)}")
    print(f"returns  {trace.returns:4}")
    print(f"GETs     {len(gets):4}   {' '.join(gets)}")


if __name__ == "__main__":
    main()
