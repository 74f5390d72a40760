"""A command line given as one text is told before it is sent; whatever may be a program's name is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.check import whole_command_line

if TYPE_CHECKING:
    from proxmox.raw_server import RawServer
    from proxmox_mcp.apidoc import Endpoint

PATH = "/nodes/pve1/qemu/100/agent/exec"


def endpoint(version: str = "9.2", method: str = "POST", path: str = PATH) -> Endpoint:
    found = load_bundled(version).check(method, path, {"command": ["x"]}).endpoint
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("ls -la", '["ls", "-la"]'),
        ("ls -la /tmp", '["ls", "-la", "/tmp"]'),
        ("systemctl restart nginx", '["systemctl", "restart", "nginx"]'),
        ("/bin/ls -la", '["/bin/ls", "-la"]'),
        ("cat /etc/passwd | wc -l", '["/bin/sh", "-c", "cat /etc/passwd | wc -l"]'),
        ("echo 'a b'", """["/bin/sh", "-c", "echo 'a b'"]"""),
        ("powershell -Command Get-Date", '["powershell", "-Command", "Get-Date"]'),
        (" ls  -la ", '["ls", "-la"]'),
    ],
)
def test_a_command_line_in_one_text_is_told_with_the_list_that_it_should_be(command: str, instead: str) -> None:
    fault = whole_command_line(endpoint(), {"command": command})
    assert fault is not None
    assert fault.parameter == "command"
    assert instead in fault.hint


@pytest.mark.parametrize(
    "command",
    ["ls", "/opt/my tool/run", "C:\\Program Files\\x.exe", ["ls -la"], ["ls", "-la"], ["my tool.exe"], "", None, 7, {}],
)
def test_what_may_name_one_program_is_no_fault(command: Any) -> None:
    assert whole_command_line(endpoint(), {"command": command}) is None


def test_where_proxmox_takes_a_text_apart_itself_and_elsewhere_it_is_no_fault() -> None:
    assert whole_command_line(endpoint("7.4"), {"command": "ls -la"}) is None
    other = endpoint(method="PUT", path="/nodes/pve1/qemu/100/config")
    assert whole_command_line(other, {"command": "ls -la"}) is None


@pytest.mark.anyio
async def test_nothing_is_sent_and_all_faults_are_told(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.requests)
    with pytest.raises(InvalidCallError) as caught:
        await gateway.call(Request(path=PATH.replace("100", "7"), method="POST", data={"command": "ls -la"}))
    assert "2 faults" in caught.value.message
    assert '["ls", "-la"]' in caught.value.message
    assert [each for each in recorder.requests[before:] if each.method == "POST"] == []
