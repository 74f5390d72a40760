"""Backup and replication jobs: which guests they are for, and what a deletion leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_api import Api


@pytest.fixture
def job(root: Api) -> Iterator[str]:
    """A backup job of two guests."""
    root.done("POST", "/cluster/backup", id="nightly", schedule="02:00", storage="nas", vmid="103,104")
    yield "/cluster/backup/nightly"
    if root.answer("GET", "/cluster/backup/nightly")[0] == 200:
        root.done("DELETE", "/cluster/backup/nightly")


def selected(root: Api, job: str) -> dict[str, Any]:
    """How a job says which guests it is for."""
    return {key: str(value) for key, value in root.get(job).items() if key in ("all", "vmid", "pool", "exclude")}


def test_the_last_of_all_guests_some_and_a_pool_counts(root: Api, job: str) -> None:
    assert selected(root, job) == {"vmid": "103,104"}
    for given, then in (
        ({"all": 1, "exclude": "103"}, {"all": "1", "exclude": "103"}),
        ({"pool": "shop"}, {"pool": "shop"}),
        ({"vmid": "103"}, {"vmid": "103"}),
    ):
        root.done("PUT", job, **given)
        assert selected(root, job) == then


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no options specified"),
        ({"vmid": ""}, "vmid: property is missing"),
        ({"schedule": ""}, "schedule: property is missing"),
        ({"delete": "schedule"}, "schedule: property is missing"),
    ],
)
def test_a_job_keeps_its_schedule_and_is_not_changed_by_nothing(
    given: dict[str, str], said: str, root: Api, job: str
) -> None:
    assert said in root.refusal("PUT", job, **given)[1]
    assert selected(root, job) == {"vmid": "103,104"}


def test_jobs_are_listed_with_their_next_run_where_their_schedule_tells_it(root: Api, job: str) -> None:
    root.done("PUT", job, schedule="hourly")
    (listed,) = [each for each in root.get("/cluster/backup") if each["id"] == "nightly"]
    assert listed["next-run"] % 3600 == 0
    root.done("PUT", job, schedule="2030-1-1 02:00")
    (listed,) = [each for each in root.get("/cluster/backup") if each["id"] == "nightly"]
    assert "next-run" not in listed


def test_a_replication_job_is_marked_to_be_removed_and_forced_to_go(root: Api) -> None:
    path = "/cluster/replication"
    assert "guest '999' does not exist" in root.refusal("POST", path, id="999-0", type="local", target="pve2")[1]
    root.done("POST", path, id="103-5", type="local", target="pve2")
    source = root.get(f"{path}/103-5")["source"]
    (state,) = [each for each in root.get(f"/nodes/{source}/replication") if each["id"] == "103-5"]
    assert (state["fail_count"], state["vmtype"], state["jobnum"]) == (0, "qemu", 5)
    root.done("DELETE", f"{path}/103-5", keep=1)
    assert root.get(f"{path}/103-5")["remove_job"] == "local"
    root.done("DELETE", f"{path}/103-5")
    assert root.get(f"{path}/103-5")["remove_job"] == "full"
    root.done("DELETE", f"{path}/103-5", force=1)
    assert root.answer("DELETE", f"{path}/103-5")[0] == 500
