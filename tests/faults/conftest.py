"""A Proxmox, a proxy before it that does harm, and servers of ours behind that."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from certificates import make_certificate
from faults.proxy import Proxy
from faults.table import Table
from patience import PATIENCE
from serving import TOKEN, Served, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from fakepve import FakePve

SECRET = "11111111-2222-3333-4444-555555555555"
PASSWORD = "a-password-of-these-tests"


HERE = Path(__file__).parent
_TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """What all the faults came to."""
    return pytestconfig.stash.setdefault(_TABLE, Table())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what was skipped."""
    report = yield
    if report.skipped:
        item.config.stash.setdefault(_TABLE, Table()).incomplete = True
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note what was left out, such as the slow ones."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.config.stash.setdefault(_TABLE, Table()).incomplete = True


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Two self-signed certificates for loopback, with their keys."""
    return [make_certificate(tmp_path_factory.mktemp("pki")) for _ in range(2)]


@pytest.fixture(scope="session")
def pve(fakepve_session: FakePve) -> FakePve:
    """A Proxmox of two nodes with a few guests; its tasks end at once."""
    fakepve_session.apitokens["root@pam!mcp"] = SECRET
    fakepve_session.password = PASSWORD
    fakepve_session.nodes["pve2"] = {"online": True}
    for vmid, node in ((100, "pve1"), (101, "pve1"), (200, "pve2")):
        fakepve_session.add_vm(vmid, f"guest-{vmid}", node=node, status="stopped")
    return fakepve_session


@pytest.fixture(scope="session")
def proxy(pve: FakePve, certificates: list[tuple[Path, Path]]) -> Iterator[Proxy]:
    running = Proxy(pve.port, certificates[0])
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clusters(proxy: Proxy, certificates: list[tuple[Path, Path]]) -> dict[str, dict[str, str]]:
    """Ways to talk to the one Proxmox: with patience, in a hurry, by password, and with its certificate pinned.

    ``quick`` is for what ends by its ``PROXMOX_TIMEOUT`` only: a busy machine may take as long for a sound answer.
    """
    base = {
        "PROXMOX_HOST": f"127.0.0.1:{proxy.port}",
        "PROXMOX_USER": "root@pam",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": SECRET,
        "PROXMOX_TIMEOUT": f"{PATIENCE:g}",
        "PROXMOX_APIDOC": "bundled",
    }
    der = ssl.PEM_cert_to_DER_cert(certificates[0][0].read_text())
    return {
        "patient": base,
        "quick": {**base, "PROXMOX_TIMEOUT": "2"},
        "password": {**base, "PROXMOX_TOKEN_ID": "", "PROXMOX_PASSWORD": PASSWORD},
        "pinned": {**base, "PROXMOX_FINGERPRINT": hashlib.sha256(der).hexdigest()},
    }


@pytest.fixture(scope="session")
def server(clusters: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server that most faults are tried on, one after the other, by whichever of the ways."""
    directory = tmp_path_factory.mktemp("faults")
    lines = []
    for name, values in clusters.items():
        lines += [f"[{name}]", *(f'{key} = "{value}"' for key, value in values.items())]
    (directory / "clusters.toml").write_text("\n".join(lines))
    settings = {
        "MCP_CLUSTERS_FILE": str(directory / "clusters.toml"),
        "MCP_AUTH_TOKEN": TOKEN,
        "MCP_MODE": "full",
        "MCP_RATE_LIMIT": "0",
        "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
        # What glibc keeps for each thread that ever allocated (26 to 40 MB here) is not what the server holds.
        "MALLOC_ARENA_MAX": "1",
    }
    with serving(directory, **settings) as served:
        yield served
