"""A real nginx with the faults that its own defaults make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.examined import TOKEN, examined, lines
from e2e.proxied import FRAME, running
from proxmox_mcp.doctor import client_view
from serving import Served, free_port, serving
from tools import needs, required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from doctor.certificates import Made

    Environment = Callable[..., dict[str, str]]

pytestmark = needs("nginx")

GOOD = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_buffering off;'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {
        "PROXMOX_HOST": f"127.0.0.1:{free_port()}",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
        "PROXMOX_APIDOC": "bundled",
        "MCP_AUTH_TOKEN": TOKEN,
    }
    with serving(tmp_path_factory.mktemp("server"), **settings) as served:
        yield served


def nginx(directory: Path, port: int, listen: str, location: str, before: str = "") -> AbstractContextManager[object]:
    """One server with one location. ``listen`` stands after its address, ``before`` before it."""
    server = f"{before} server {{ listen 127.0.0.1:{port} {listen}; location / {{ {location} }} }}"
    (directory / "nginx.conf").write_text(FRAME.format(directory=directory, server=server))
    command = [
        required("nginx"),
        "-p",
        str(directory),
        "-e",
        str(directory / "error.log"),
        "-c",
        str(directory / "nginx.conf"),
    ]
    return running(command, port)


def test_nginx_by_its_defaults_changes_the_host(server: Served, environment: Environment, tmp_path: Path) -> None:
    port = free_port()
    upstream = f"upstream ours {{ server 127.0.0.1:{server.port}; }}"
    with nginx(tmp_path, port, "", "proxy_pass http://ours;", upstream):
        report = examined(environment(free_port()), url=f"http://127.0.0.1:{port}/sse")
    assert "proxy_set_header Host $http_host;" in lines(report.step("SSE"))


def test_nginx_that_compresses_the_stream(
    server: Served, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    compressing = "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;"
    with nginx(tmp_path, port, "", f"{GOOD} {compressing} proxy_pass http://127.0.0.1:{server.port};"):
        report = examined(environment(free_port()), url=f"http://127.0.0.1:{port}/sse")
    warned, well = [step for step in report.steps if step["step"] == "SSE"]
    assert "compresses the stream (gzip)" in warned["found"]
    assert "gzip off;" in lines(warned)
    assert well["status"] == "ok"


def test_nginx_with_a_short_timeout_is_found_by_patience(
    server: Served, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_view, "HOLD", 6.0)
    port = free_port()
    with nginx(tmp_path, port, "", f"{GOOD} proxy_read_timeout 2s; proxy_pass http://127.0.0.1:{server.port};"):
        report = examined(environment(free_port()), url=f"http://127.0.0.1:{port}/sse", patient=True)
    assert "proxy_read_timeout 1h;" in lines(report.step("patience"))


def test_nginx_as_it_should_be_with_an_authority_of_ones_own(
    server: Served, environment: Environment, certificate: Made, tmp_path: Path
) -> None:
    port = free_port()
    listen = f"ssl; ssl_certificate {certificate.files[0]}; ssl_certificate_key {certificate.files[1]}"
    with nginx(tmp_path, port, listen, f"{GOOD} proxy_pass http://127.0.0.1:{server.port};"):
        known = environment(free_port(), NODE_EXTRA_CA_CERTS=str(certificate.files[0]))
        report = examined(known, url=f"https://127.0.0.1:{port}/sse")
    outer = [step for step in report.steps if step["part"] == f"https://127.0.0.1:{port}"]
    assert [step["step"] for step in outer if step["status"] in ("warn", "fail")] == []
    assert "proxmox-mcp" in report.step("SSE")["found"]
