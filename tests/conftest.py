"""What all tests share."""

from __future__ import annotations

import gc
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from certificates import certificate
from clock import clock
from example_counts import register_profiles
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.policy.call import Call, judge
from redis_server import one_redis, redis, replicas
from stores import new_database, open_store, postgres, store
from webhook import webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "certificate",
    "clock",
    "new_database",
    "one_redis",
    "open_store",
    "postgres",
    "redis",
    "replicas",
    "store",
    "webhook",
]

register_profiles()

# What is collected here is mostly what stays: looking for garbage after every 700 objects took an eighth of the
# processor's time.
gc.set_threshold(50_000, 20, 20)

# ``scripts/test &`` ignores Ctrl-C, and ``nohup`` the end of the terminal. What the tests start would ignore them too,
# but for a handler, which no program hands down.
for _number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

WAITING = ("e2e", "faults", "guests")
"""Directories of tests that wait for processes, and for time-outs."""
SHARED = Path(__file__).parents[1].parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first: each file belongs to one process, and one that starts last is waited for alone."""
    long = {item.path for item in items if item.get_closest_marker("slow") or item.path.parent.name in WAITING}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands read the file that ``setup`` wrote: no test may find that of a real cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("no-settings")))
        yield


@pytest.fixture
def anyio_backend() -> str:
    """What runs the tests that are coroutines: the server runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _gateways_are_closed() -> Iterator[None]:
    """What a gateway runs in the background ends with its tests: hundreds of such threads once slowed all tests after
    them, and went on writing to directories that were gone."""
    yield
    left = [each.name for each in threading.enumerate() if each.name in ("activity", "audit-syslog")]
    assert not left, "a gateway was not closed (Gateway.aclose, Guard.close)"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The sample data beside the repository: real ``apidoc.js`` files, verdicts, questions, recordings."""
    if not SHARED.is_dir():
        pytest.skip("the sample data (../shared/data) is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def action() -> Callable[..., Call]:
    """Makes a call as the policy gets it: ``action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 102, purge=1)``.

    Positional values fill the template's parameters in their order. A template without braces that is not known to
    the schema is given with ``known=False``.
    """

    def make(
        method: str,
        template: str,
        *values: object,
        data: dict[str, Any] | None = None,
        known: bool = True,
        cluster: str = "",
        **more: Any,
    ) -> Call:
        names = [segment[1:-1] for segment in template.split("/") if segment.startswith("{")]
        assert len(names) == len(values), f"{template} takes {names}"
        path_params = {name: str(value) for name, value in zip(names, values, strict=True)}
        path = template
        for name, value in path_params.items():
            path = path.replace("{" + name + "}", quote(value, safe=""), 1)
        sent = {**(data or {}), **more}
        call = Call(
            method=method,
            template=template if known else "",
            path=ApiPath.parse(path),
            path_params=path_params if known else {},
            data=sent,
            cluster=cluster,
        )
        return judge(call, bundled_effects())

    return make
