from __future__ import annotations

from typing import Any

import pytest

from proxmox.problems.conftest import HEALTHY, NOW, Lab, backup, guest, storage
from proxmox_mcp.errors import FailedError
from proxmox_mcp.proxmox.problems import ProblemReport, examine
from proxmox_mcp.proxmox.problems.backup_checks import days_between

pytestmark = pytest.mark.anyio

NAS = "/nodes/pve1/storage/nas/content"
JOBS = "/cluster/backup"


async def report(answers: dict[str, Any]) -> ProblemReport:
    return await examine(Lab(answers).read, NOW, NOW)


async def told(answers: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.kind, each.subject) for each in (await report(answers)).problems]


async def test_a_guest_without_a_backup_one_with_an_old_one_and_one_in_no_job_are_told_apart() -> None:
    answers = {
        "/cluster/resources": [*HEALTHY["/cluster/resources"], guest(102, "new"), guest(900, "golden", template=1)],
        NAS: [backup(100, 0.4), backup(101, 2.5)],
        "/cluster/backup-info/not-backed-up": [{"vmid": 900}],
    }
    assert await told(answers) == [("no-backup", "102 new"), ("old-backup", "101 db")]
    answers["/cluster/backup-info/not-backed-up"] = [{"vmid": 900}, {"vmid": 101}]
    found = (await report(answers)).problems
    assert [(each.kind, each.subject, each.when) for each in found] == [
        ("no-backup", "102 new", None),
        ("no-backup-job", "101 db", NOW - 2.5 * 86_400),
    ]


@pytest.mark.parametrize(
    ("job", "old"),
    [
        ({"all": 1, "schedule": "daily"}, ["101 db"]),
        ({"all": 1, "schedule": "sat 04:00"}, []),
        ({"all": 1, "schedule": "daily", "enabled": 0}, []),
        ({"all": 1, "schedule": "daily", "exclude": "101"}, []),
        ({"vmid": "100,101", "schedule": "*/6:00"}, ["101 db"]),
        ({"vmid": "100", "schedule": "daily"}, []),
        ({"pool": "shop", "schedule": "daily"}, ["101 db"]),
        ({"pool": "office", "schedule": "daily"}, []),
        ({"all": 1, "node": "pve1", "schedule": "daily"}, []),
        ({"all": 1, "schedule": "daily", "type": "other"}, []),
    ],
)
async def test_a_backup_is_old_by_the_rhythm_of_the_jobs_that_cover_its_guest(
    job: dict[str, Any], old: list[str]
) -> None:
    healthy = HEALTHY["/cluster/resources"]
    in_pool = [*healthy[:3], guest(101, "db", "pve2", pool="shop"), *healthy[4:]]
    jobs = [{"id": "slow", "all": 1, "schedule": "sun 01:00"}, job]
    answers = {"/cluster/resources": in_pool, JOBS: jobs, NAS: [backup(100, 0.4), backup(101, 5)]}
    assert [subject for _, subject in await told(answers)] == old


async def test_where_jobs_can_not_be_read_a_week_and_a_day_is_old() -> None:
    answers = {JOBS: FailedError("denied"), NAS: [backup(100, 7.5), backup(101, 8.5)]}
    assert await told(answers) == [("old-backup", "101 db")]
    answers["/cluster/backup-info/not-backed-up"] = FailedError("denied")
    assert await told(answers) == [("old-backup", "101 db")]


async def test_without_the_list_of_uncovered_guests_the_jobs_tell_them() -> None:
    answers = {"/cluster/backup-info/not-backed-up": FailedError("no"), JOBS: [{"vmid": "100", "schedule": "daily"}]}
    assert await told(answers) == [("no-backup-job", "101 db")]


async def test_nothing_is_said_of_the_age_of_backups_where_their_storage_was_not_read() -> None:
    answers = {NAS: FailedError("NFS is away"), "/cluster/backup-info/not-backed-up": [{"vmid": 101}]}
    found = await report(answers)
    assert [(each.kind, each.subject) for each in found.problems] == [("no-backup-job", "101 db")]
    assert [(each.what, each.of, each.why) for each in found.unread] == [("backups", "nas", "NFS is away")]


async def test_a_local_storage_that_was_not_read_leaves_the_guests_of_other_nodes_judged() -> None:
    answers = {
        "/cluster/resources": [
            *HEALTHY["/cluster/resources"][:4],
            storage("local", "pve1"),
            storage("local", "pve2"),
        ],
        "/nodes/pve1/storage/local/content": [],
        "/nodes/pve2/storage/local/content": FailedError("away"),
    }
    assert await told(answers) == [("no-backup", "100 web")]


async def test_a_shared_storage_is_read_where_it_is_available() -> None:
    shared = [storage("nas", "pve1", shared=1, status="unknown"), storage("nas", "pve2", shared=1)]
    answers = {
        "/cluster/resources": [*HEALTHY["/cluster/resources"][:4], *shared],
        "/nodes/pve2/storage/nas/content": HEALTHY[NAS],
    }
    assert await told(answers) == [("storage-unavailable", "nas on pve1")]


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("02:00", 1), ("*/6:00", 1), ("daily", 1), ("hourly", 1), ("weekly", 7), ("monthly", 31), ("yearly", 366),
        ("sat 02:00", 7), ("mon..fri 21:00", 3), ("mon,thu", 4), ("sun", 7), ("sat,sun 1:00", 6), ("fri..mon", 4),
        ("*-1 03:00", 31), ("2026-12-24 18:00", 31), ("sat *-1..7 15:00", 31), ("", 7), ("whenever", 7),
    ],
)  # fmt: skip
def test_the_longest_time_between_two_runs_of_a_schedule(schedule: str, days: float) -> None:
    assert days_between(schedule) == days
