"""What is refused before it is sent: what JSON can't carry, and a command line given as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.errors import InvalidCallError, UnsupportedCallError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.check import reject_unsupported, whole_command_line

if TYPE_CHECKING:
    from proxmox.raw_server import RawServer
    from proxmox_mcp.apidoc import Endpoint

INDEX = load_index("9.1")
ENDPOINTS: dict[tuple[str, str], Endpoint] = {(e.method, e.path): e for e in INDEX.endpoints}
STORAGE = "/nodes/{node}/storage/{storage}"
PATH = "/nodes/pve1/qemu/100/agent/exec"


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", f"{STORAGE}/upload", "download-url"),
        ("GET", "/nodes/{node}/qemu/{vmid}/vncwebsocket", "agent/exec"),
        ("GET", "/nodes/{node}/vncwebsocket", "web interface"),
        ("GET", "/nodes/{node}/lxc/{vmid}/mtunnelwebsocket", "migrate"),
        ("GET", f"{STORAGE}/file-restore/download", "file-restore/list"),
    ],
)
def test_what_json_can_not_carry_is_refused_with_what_to_use_instead(method: str, path: str, instead: str) -> None:
    with pytest.raises(UnsupportedCallError) as caught:
        reject_unsupported(ENDPOINTS[method, path], {})
    assert instead in caught.value.advice


def test_a_log_is_read_as_lines_and_not_downloaded() -> None:
    log = ENDPOINTS["GET", "/nodes/{node}/tasks/{upid}/log"]
    reject_unsupported(log, {"start": "0", "download": "0"})
    with pytest.raises(UnsupportedCallError):
        reject_unsupported(log, {"download": "1"})


def test_all_other_endpoints_go_through() -> None:
    refused = set()
    for key, endpoint in ENDPOINTS.items():
        try:
            reject_unsupported(endpoint, {})
        except UnsupportedCallError:
            refused.add(key)
    assert len(refused) == 7


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
