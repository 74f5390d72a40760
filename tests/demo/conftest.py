"""One demo cluster for tests of what it keeps: each test makes what it changes, or puts it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo_api import Api
from proxmox_mcp.demo import DemoCluster, start_demo_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "a-long-password"


@pytest.fixture(scope="session")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.2) as running:
        yield running


@pytest.fixture
def root(cluster: DemoCluster) -> Iterator[Api]:
    api = Api(cluster)
    with api.kept_open():
        yield api


@pytest.fixture
def user(root: Api) -> Iterator[str]:
    """A user without rights, who is in a group and has the password PASSWORD."""
    root.done("POST", "/access/groups", groupid="staff")
    root.done("POST", "/access/users", userid="kim@pve", groups="staff", password=PASSWORD)
    yield "kim@pve"
    if root.answer("GET", "/access/users/kim@pve")[0] == 200:
        root.done("DELETE", "/access/users/kim@pve")
    root.done("DELETE", "/access/groups/staff")


@pytest.fixture
def by_password(cluster: DemoCluster, root: Api, user: str) -> Api:
    """The calls of that user, who has logged in with the password."""
    return Api.by_ticket(cluster, root.done("POST", "/access/ticket", username=user, password=PASSWORD))


def token_of(root: Api, user: str, name: str, **options: Any) -> str:
    """A new token; its secret."""
    return str(root.done("POST", f"/access/users/{user}/token/{name}", **options)["value"])
