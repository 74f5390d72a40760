"""One demo cluster and a few servers, shared by all tests that go through real clients."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import hold, settled
from proxmox_mcp.confirm.operators import Operators
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.store import Store
from serving import CALLERS, TOKEN, Served, callers_file, serving
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoCluster]:
    """The cluster that all of them work on; a copying task takes 0.4 seconds."""
    with start_demo_cluster(task_seconds=0.4) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def on_demo(demo: DemoCluster) -> dict[str, str]:
    """The settings of a server on the demo cluster, behind a token."""
    return {**demo.environment, "MCP_AUTH_TOKEN": TOKEN}


RESERVED = """
[[rule]]
verdict = "confirm"
by = "person"
path = "/nodes/{node}/qemu/{vmid}/status/reset"
guest = 134
reason = "ask Lena"
"""


@pytest.fixture(scope="session")
def upstream(demo: DemoCluster) -> Upstream:
    """The cluster, past the server."""
    return Upstream(demo)


@pytest.fixture
def resets(upstream: Upstream) -> Callable[[], int]:
    """How often guest 133 was reset since the test began."""
    before = upstream.tasks("qmreset", 133)
    return lambda: upstream.tasks("qmreset", 133) - before


@pytest.fixture(scope="session")
def server(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The plain server: ``guarded``, with an audit file, and one guest whose reset is reserved for people."""
    directory = tmp_path_factory.mktemp("server")
    (directory / "policy.toml").write_text(RESERVED)
    files = {"MCP_AUDIT_FILE": str(directory / "audit.jsonl"), "MCP_POLICY_FILE": str(directory / "policy.toml")}
    with serving(directory, **on_demo, **files, MCP_APPROVAL_WAIT="0") as served:
        served.wait_for_the_schema()
        yield served


@pytest.fixture(scope="session", autouse=True)
def _the_schema_is_known(server: Served) -> None:
    """Servers that start after this one work from the schema of the cluster at once."""


@pytest.fixture(scope="module", autouse=True)
def _the_plain_server_is_left_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """No module leaves in ``server`` what changes the answers of the next: who has an open console is asked before a
    token is given, and nothing is sent while writes are frozen."""
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    if not any("server" in item.fixturenames for item in here):
        yield
        return
    directory = request.getfixturevalue("server").directory / "state" / "state"
    yield
    with closing(Store.in_directory(directory)) as store, store.reading() as db:
        assert not Operators(store=store).can_hear(), "somebody is signed in to the console of `server`"
        frozen = db.row(db.tables.freezes.select().where(db.tables.freezes.c.ended.is_(None)))
        assert not frozen, "the writes of `server` are frozen"


_MOVING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b([0-9A-F]{2}:){31}[0-9A-F]{2}\b"), "<fingerprint>"),
    (re.compile(r"\b(after|within) [\d.]+ ?s\b"), r"\1 <seconds>"),
    (re.compile(r"\bin \d+s$", re.MULTILINE), "in <seconds>"),
    (re.compile(r"\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d"), "<time>"),
    (re.compile(r"\(now \d{4}-\d\d-\d\d \d\d:\d\d "), "(now <time> "),
    (re.compile(r"\bChange \d+, "), "Change <number>, "),
    (re.compile(r"^confirm: \S+$", re.MULTILINE), "confirm: <token>"),
)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Holds what a model reads to its golden file, but for what is another at every run."""

    def check(name: str, text: str) -> None:
        hold(Path(__file__).parent / "golden" / f"{name}.txt", settled(text, _MOVING))

    return check


@pytest.fixture(scope="session")
def several(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with several callers (``viewer`` only reads), names of its own, and all its log lines in JSON."""
    directory = tmp_path_factory.mktemp("several")
    file = directory / "callers.toml"
    file.write_text(callers_file(ops="guarded", dev="guarded", viewer="read-only"))
    with serving(
        directory,
        **demo.environment,
        MCP_CALLERS_FILE=str(file),
        MCP_ALLOWED_HOSTS="pve.example.org, [::1], 127.0.0.1,exact.example.org:8443",
        MCP_ALLOWED_ORIGINS="https://chat.example.org",
        MCP_AUDIT_FILE=str(directory / "audit.jsonl"),
        MCP_LOG_LEVEL="DEBUG",
        MCP_LOG_FORMAT="json",
    ) as served:
        served.wait_for("the node runs 9.1.9")
        yield served


@pytest.fixture(scope="session")
def tokens() -> dict[str, str]:
    """The tokens of the callers of ``several``."""
    return CALLERS
