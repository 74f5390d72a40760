from __future__ import annotations

import pytest

from proxmox_mcp.proxmox.task_log import ARCHIVES, FIRST_ERRORS, LAST_ERRORS, TaskLog, tells_of_an_error


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: Backup of VM 106 failed - mount error",
        "TASK ERROR: command 'lvcreate' failed: exit code 5",
        "syslog[err] VM is locked (create)",
        "qemu-img: error while writing at byte 21474836480: No space left on device",
        "kvm: -drive file=/x: Could not open '/x': No such file or directory",
        "rbd: error opening image vm-100-disk-0: (2) No such file or directory",
        "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
        "2026-11-20 09:00:11 ERROR: migration aborted (duration 00:00:10): storage 'x' is not available",
        "ssh: connect to host 10.0.0.2 port 22: Connection refused",
        "unable to parse volume ID ''",
        "mount.nfs: access denied by server",
    ],
)
def test_lines_that_tell_of_an_error(line: str) -> None:
    assert tells_of_an_error(line)


@pytest.mark.parametrize(
    "line",
    [
        "INFO: starting new backup job: vzdump 101 --storage nas",
        "INFO:  50% (16.0 GiB of 32.0 GiB) in 12s, read: 1.1 GiB/s",
        "transferred 3.2 GiB of 32.0 GiB (10.00%)",
        "INFO: Failed at 2026-11-20 09:00:11",
        "scrub repaired 0B with 0 errors",
        "Stopping VM 100 (timeout = 180 seconds)",
        "Waiting for 20 seconds (startup delay)",
        "migration finished successfully (duration 00:00:10)",
        "",
    ],
)
def test_lines_that_do_not(line: str) -> None:
    assert not tells_of_an_error(line)


def test_the_first_and_the_last_errors_are_kept_wherever_they_stand() -> None:
    log = TaskLog("imgcopy")
    log.add(["first: error 1", *(f"chunk {n}" for n in range(5000))])
    log.add([f"error: number {n}" for n in range(100)])
    log.add([f"chunk {n}" for n in range(5000)])
    assert log.errors[:2] == ("first: error 1", "error: number 0")
    assert log.errors[-1] == "error: number 99"
    assert len(log.errors) == FIRST_ERRORS + LAST_ERRORS
    assert log.errors_left_out == 101 - len(log.errors)
    assert log.tail[-1] == "chunk 4999"


def test_an_error_that_repeats_is_kept_once_at_the_end() -> None:
    log = TaskLog("imgcopy")
    log.add(["error: a"] * 3 + ["error: b"] * 50 + ["error: c"])
    assert log.errors[-2:] == ("error: b", "error: c")


def test_archives_are_kept_from_the_whole_log() -> None:
    log = TaskLog("vzdump")
    log.add([f"INFO: creating vzdump archive '/dump/{n}.vma.zst'" for n in range(ARCHIVES + 50)])
    log.add(["INFO: creating Proxmox Backup Server archive 'vm/101/x'"])
    assert next(iter(log.archives)) == "/dump/0.vma.zst"
    assert len(log.archives) == ARCHIVES


def test_only_tasks_for_many_tell_of_guests() -> None:
    lines = ["Starting VM 100 failed: boom"]
    many, one = TaskLog("startall"), TaskLog("qmstart")
    many.add(lines)
    one.add(lines)
    assert [each.vmid for each in many.guests] == [100]
    assert one.guests == ()
