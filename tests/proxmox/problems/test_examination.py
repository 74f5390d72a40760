"""What is wrong in a cluster, from what its API answers."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox.problems.conftest import DAY, HEALTHY, NOW, Lab, backup, guest, node, storage
from proxmox_mcp.errors import FailedError, PermissionDeniedError
from proxmox_mcp.proxmox.problems import TITLES, ClusterProblem, examine

pytestmark = pytest.mark.anyio

SINCE = NOW - 36 * 3600


async def found(answers: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Kind, severity, subject and words of each problem."""
    report = await examine(Lab(answers).read, NOW, SINCE)
    assert report.unread == ()
    return [(each.kind, each.severity, each.subject, each.said) for each in report.problems]


def resources(*more: dict[str, Any]) -> dict[str, Any]:
    return {"/cluster/resources": [*HEALTHY["/cluster/resources"], *more]}


async def test_a_healthy_cluster_has_no_problems_and_takes_few_requests() -> None:
    lab = Lab({})
    report = await examine(lab.read, NOW, SINCE)
    assert (report.problems, report.unread, report.taken) == ((), (), NOW)
    assert len(lab.asked) == 14
    assert ("/nodes/pve2/tasks", {"errors": "1", "since": str(int(SINCE)), "limit": "200"}) in lab.asked


async def test_a_lost_quorum_and_a_node_that_is_away_come_first() -> None:
    status = [
        {"type": "cluster", "name": "lab", "quorate": 0},
        {"type": "node", "name": "pve1", "online": 1},
        {"type": "node", "name": "pve2", "online": 0},
    ]
    report = await examine(
        Lab({"/cluster/status": status, **resources(guest(102, "x", lock="backup"))}).read, NOW, SINCE
    )
    assert [(each.kind, each.subject) for each in report.problems][:2] == [
        ("no-quorum", "lab"),
        ("node-offline", "pve2"),
    ]


async def test_a_node_that_is_offline_is_not_asked_and_its_storages_are_no_problems_of_their_own() -> None:
    lab = Lab(resources(node("pve3", "offline"), storage("local", "pve3", status="unknown")))
    report = await examine(lab.read, NOW, SINCE)
    assert [each.kind for each in report.problems] == ["node-offline"]
    assert not any(path.startswith("/nodes/pve3") for path, _ in lab.asked)
    assert [(each.what, each.of, each.why) for each in report.unread] == [
        ("backups", "pve3/local", "the storage is not available")
    ]


async def test_a_node_of_unknown_state_is_asked() -> None:
    lab = Lab({"/cluster/resources": [node("pve1", "unknown")]})
    await examine(lab.read, NOW, SINCE)
    assert "/nodes/pve1/services" in [path for path, _ in lab.asked]


async def test_storages_that_fill_up_are_told_once_with_their_share() -> None:
    answers = {
        "/cluster/resources": [
            *(node(name) for name in ("pve1", "pve2")),
            *(storage("nas", name, 0.86, shared=1, content="images") for name in ("pve1", "pve2")),
            storage("local", "pve1", 0.96, content="iso"),
            storage("local", "pve2", 0.85, content="iso"),
            storage("tank", "pve2", content="iso", status="unknown"),
        ]
    }
    assert await found(answers) == [
        ("storage-unavailable", "error", "tank on pve2", ""),
        ("storage-full", "error", "local on pve1", "96%"),
        ("storage-full", "warning", "nas", "86%"),
    ]


async def test_a_lock_is_a_problem_only_where_no_task_holds_it() -> None:
    locked = resources(guest(200, "a", lock="backup"), guest(201, "b", lock="clone"), guest(202, "c", lock="suspended"))
    answers = {**locked, "/cluster/tasks": [{"id": "200", "type": "vzdump"}, {"id": "201", "endtime": 5}]}
    answers["/nodes/pve1/storage/nas/content"] = [backup(vmid, 0.4) for vmid in (100, 101, 200, 201, 202)]
    assert await found(answers) == [("guest-locked", "warning", "201 b", "clone")]


async def test_resources_that_ha_gave_up_and_managers_that_are_dead_are_errors() -> None:
    answers = {
        "/cluster/ha/status/current": [
            {"type": "lrm", "id": "lrm:pve2", "status": "pve2 (old timestamp - dead?, Sat)"},
            {"type": "lrm", "id": "lrm:pve1", "status": "pve1 (idle, Sat)"},
            {"type": "service", "sid": "vm:100", "state": "error", "crm_state": "error"},
            {"type": "service", "sid": "vm:101", "state": "started", "crm_state": "started"},
            {"type": "service", "sid": "vm:102", "state": "stopped", "crm_state": "fence"},
        ]
    }
    assert await found(answers) == [
        ("ha-error", "error", "lrm:pve2", "pve2 (old timestamp - dead?, Sat)"),
        ("ha-error", "error", "vm:100", "error"),
        ("ha-error", "error", "vm:102", "fence"),
    ]


async def test_replication_is_asked_about_only_at_nodes_that_have_jobs() -> None:
    answers = {
        "/cluster/replication": [{"id": "101-0", "guest": 101}],
        "/nodes/pve2/replication": [
            {"id": "101-0", "fail_count": 3, "error": "no route", "last_sync": 5, "target": "pve1"},
            {"id": "101-1", "fail_count": 0},
        ],
    }
    lab = Lab(answers)
    report = await examine(lab.read, NOW, SINCE)
    (problem,) = report.problems
    assert (problem.subject, problem.said, problem.when) == ("101-0 on pve2", "no route", 5.0)
    assert "/nodes/pve1/replication" not in [path for path, _ in lab.asked]


async def test_tasks_that_failed_in_the_same_way_are_one_problem_with_their_number() -> None:
    def task(kind: str, id_: str, status: str, start: int) -> dict[str, Any]:
        return {"type": kind, "id": id_, "status": status, "starttime": start, "upid": f"UPID:{start}"}

    answers = {
        "/nodes/pve1/tasks": [
            task("qmstart", "100", "timeout", 20),
            task("qmstart", "100", "timeout", 30),
            task("vncproxy", "100", "connection timed out", 40),
            task("vzdump", "", "job errors", 10),
            task("vzdump", "", "WARNINGS: 2", 11),
            task("qmstart", "100", "OK", 50),
        ]
    }
    report = await examine(Lab(answers).read, NOW, SINCE)
    assert [(each.subject, each.said, each.when, each.look) for each in report.problems] == [
        ("qmstart 100 web on pve1", "2 times, the last: timeout", 30.0, "/nodes/pve1/tasks/UPID:30/log"),
        ("vzdump on pve1", "job errors", 10.0, "/nodes/pve1/tasks/UPID:10/log"),
    ]


async def test_services_that_failed_and_needed_ones_that_are_stopped_are_errors() -> None:
    def service(name: str, state: str, active: str, unit: str = "enabled") -> dict[str, str]:
        return {"service": name, "state": state, "active-state": active, "unit-state": unit}

    answers = {
        "/nodes/pve1/services": [
            service("postfix", "exited", "failed"),
            service("corosync", "dead", "inactive"),
            service("pvestatd", "dead", "inactive"),
            service("pvescheduler", "dead", "inactive", "masked"),
            service("pveproxy", "running", "active"),
            {"service": "sshd", "state": "running"},
        ]
    }
    assert await found(answers) == [
        ("service-failed", "error", "postfix on pve1", "failed"),
        ("service-failed", "error", "pvestatd on pve1", "dead"),
    ]


async def test_certificates_are_told_three_weeks_ahead_and_as_errors_once_they_ran_out() -> None:
    answers = {
        "/nodes/pve1/certificates/info": [
            {"filename": "pve-root-ca.pem", "notafter": NOW + 3000 * DAY},
            {"filename": "pve-ssl.pem", "notafter": NOW + 20 * DAY},
            {"filename": "pveproxy-ssl.pem", "notafter": NOW - DAY},
        ]
    }
    assert await found(answers) == [
        ("certificate-expiry", "error", "pveproxy-ssl.pem on pve1", ""),
        ("certificate-expiry", "warning", "pve-ssl.pem on pve1", ""),
    ]


async def test_what_is_denied_is_told_once_for_all_nodes_as_unread() -> None:
    denied = {
        f"/nodes/{name}/services": PermissionDeniedError(f"Permission check failed (/nodes/{name}, Sys.Audit)")
        for name in ("pve1", "pve2")
    }
    report = await examine(Lab({**denied, "/cluster/status": FailedError("boom\nmore")}).read, NOW, SINCE)
    assert report.problems == ()
    assert {(each.what, each.of, each.why) for each in report.unread} == {
        ("quorum", "", "boom"),
        ("services", "pve1", "lacks Sys.Audit"),
        ("services", "pve2", "lacks Sys.Audit"),
    }


async def test_without_the_resources_there_is_no_report() -> None:
    with pytest.raises(FailedError, match="boom"):
        await examine(Lab({"/cluster/resources": FailedError("boom")}).read, NOW, SINCE)


async def test_a_node_that_does_not_answer_delays_the_report_by_its_limit_and_is_told() -> None:
    lab = Lab({})

    async def read(path: str, params: Any) -> Any:
        if path == "/nodes/pve2/services":
            await anyio.sleep_forever()
        return await lab.read(path, params)

    report = await examine(read, NOW, SINCE, within=0.2)
    assert [(each.what, each.of, each.why) for each in report.unread] == [("services", "pve2", "no answer in time")]


async def test_requests_are_bounded_in_number_and_at_a_time() -> None:
    many = [node(f"n{number:03}") for number in range(100)]
    lab, now_asked, most = Lab({"/cluster/resources": many}), 0, 0

    async def read(path: str, params: Any) -> Any:
        nonlocal now_asked, most
        now_asked += 1
        most = max(most, now_asked)
        await anyio.lowlevel.checkpoint()
        now_asked -= 1
        return await lab.read(path, params)

    report = await examine(read, NOW, SINCE)
    assert most <= 8
    assert len({path.split("/")[2] for path, _ in lab.asked if path.startswith("/nodes/")}) == 64
    assert sum(each.why == "too many nodes" for each in report.unread) == 36


_FIELDS = [
    *("type", "node", "status", "vmid", "storage", "disk", "maxdisk", "content", "lock", "id", "sid", "state", "name"),
    *("quorate", "online", "notafter", "ctime", "schedule", "all", "starttime", "upid", "fail_count", "template"),
    *("service", "active-state", "endtime", "shared", "guest", "error"),
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=6),
    max_leaves=12,
)


@given(answers=st.dictionaries(st.sampled_from(sorted(HEALTHY)), _JSON, max_size=5))
def test_answers_of_any_shape_give_a_report(answers: dict[str, Any]) -> None:
    report = anyio.run(examine, Lab(answers).read, NOW, SINCE)
    assert all(isinstance(each, ClusterProblem) and each.kind in TITLES for each in report.problems)
