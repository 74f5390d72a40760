"""What the logs of tasks for many guests tell of each, in the lines of ``startall``, the bulk actions and vzdump."""

from __future__ import annotations

import pytest

from proxmox_mcp.proxmox.guest_results import MOST_GUESTS, GuestResults


def told(*lines: str) -> list[tuple[int, str, str]]:
    results = GuestResults()
    results.add(lines)
    return [(each.vmid, each.state, each.said) for each in results.all()]


def test_startall_names_what_it_begins_and_what_failed() -> None:
    assert told(
        "Starting VM 100", "Waiting for 20 seconds (startup delay)", "Starting CT 107",
        "Starting CT 107 failed: startup for container '107' failed", "TASK OK",
    ) == [(100, "begun", ""), (107, "failed", "startup for container '107' failed")]  # fmt: skip


def test_stopall_names_what_it_begins() -> None:
    assert told("Stopping CT 107 (timeout = 60 seconds)", "Stopping VM 100 (timeout = 180 seconds)") == [
        (100, "begun", ""),
        (107, "begun", ""),
    ]


def test_migrateall_says_which_conditions_a_guest_does_not_meet() -> None:
    assert told(
        "Migrating VM 100", "skip VM 101 - precondition check failed:", "  Has local disks: tank:vm-101-disk-0",
        "  Has local resources: usb0", "Migrating CT 102", "  Has local disks: not-its-own",
    ) == [
        (100, "begun", ""),
        (101, "failed", "precondition check failed: Has local disks: tank:vm-101-disk-0; Has local resources: usb0"),
        (102, "begun", ""),
    ]  # fmt: skip


def test_bulk_actions_warn_of_what_they_leave_out_and_of_what_failed() -> None:
    assert told(
        "Shutting down guests: 100, 101, 102", "Shutting down VM 100 (Timeout = 180 seconds)",
        "WARN: Skipping CT 101, not running.", "WARN: Stopping VM 100 failed: VM quit/powerdown failed - got timeout",
        "WARN: skipping 102, only VMs can be suspended", "WARN: VM 103 already on pve2, skipping.",
        "TASK ERROR: Some guests failed to shutdown 100",
    ) == [
        (100, "failed", "VM quit/powerdown failed - got timeout"),
        (101, "skipped", "not running."),
        (102, "skipped", "only VMs can be suspended"),
        (103, "skipped", "already on pve2"),
    ]  # fmt: skip


def test_a_backup_of_many_tells_each_end_and_who_is_not_here() -> None:
    assert told(
        "INFO: skip external VMs: 200, 201", "INFO: Starting Backup of VM 100 (qemu)",
        "INFO: Finished Backup of VM 100 (00:01:33)", "INFO: Starting Backup of VM 106 (lxc)",
        "ERROR: Backup of VM 106 failed - mount error", "INFO: Starting Backup of VM 108 (qemu)",
    ) == [
        (100, "ok", "00:01:33"),
        (106, "failed", "mount error"),
        (108, "begun", ""),
        (200, "skipped", "not on this node"),
        (201, "skipped", "not on this node"),
    ]  # fmt: skip


def test_a_failure_is_not_forgotten_when_the_guest_is_begun_again() -> None:
    assert told("Starting VM 100", "Starting VM 100 failed: boom", "Starting VM 100") == [(100, "failed", "boom")]


@pytest.mark.parametrize(
    "line",
    ["starting VM 100", "Starting VM 1", "hook: Starting VM 100 failed: no", "Finished VM x", "Starting VM 100x"],
)  # fmt: skip
def test_other_lines_tell_of_no_guest(line: str) -> None:
    assert told(line) == []


def test_results_are_bounded_in_number_and_length() -> None:
    assert len(told(*(f"Starting VM {vmid}" for vmid in range(100, 200 + MOST_GUESTS)))) == MOST_GUESTS
    assert len(told(f"Starting VM 100 failed: {'x' * 5000}")[0][2]) == 300
