from __future__ import annotations

import pytest

from proxmox_mcp.proxmox.progress import fraction, last_words, warnings


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("transferred 1.2 GiB of 32.0 GiB (3.75%)", 0.0375),
        ("transferred 0.0 B of 32.0 GiB (0.00%)", 0.0),
        ("drive-scsi0: transferred 2.1 GiB of 32.0 GiB (6.56%) in 5s", 0.0656),
        ("drive-scsi0: transferred 32.0 GiB of 32.0 GiB (100.00%) in 1m 4s, ready", 1.0),
        ("transferred: 1000 bytes remaining: 31000 bytes progression: 3.13 % busy: 1 ready: 0", 0.0313),
        ("INFO:  12% (3.9 GiB of 32.0 GiB) in 12s, read: 333.3 MiB/s, write: 120.1 MiB/s", 0.12),
        ("INFO: 100% (32.0 GiB of 32.0 GiB) in 1m 33s, read: 1.0 GiB/s, write: 2.7 MiB/s", 1.0),
        ("INFO: status: 7% (2415919104/34359738368), sparse 3% (1288490188), duration 10", 0.07),
        ("progress 34% (read 11677990912 bytes, duration 25 sec)", 0.34),
        ("migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 112.3 MiB/s", 0.25),
        ("migration active, transferred 512.0 MiB of 2.0 GiB VM-state, 112.3 MiB/s", 0.25),
        ("migration status: active (transferred 1000, remaining 3000), total 4000)", 0.25),
        ("  51200K .......... .......... .......... 43% 11.1M 42s", 0.43),
        ("    1,234,567  12%    1.20MB/s    0:00:12", 0.12),
        ("    (45.20/100%)", None),
        ("INFO: archive file size: 1.10GB", None),
        ("starting VM 100 on cpu with 50% weight", None),
        ("INFO: Finished Backup of VM 100 (00:01:33)", None),
        ("", None),
    ],
)
def test_percent_is_read_from_what_proxmoxs_programs_write(line: str, share: float | None) -> None:
    assert fraction([line]) == (pytest.approx(share) if share is not None else None)


def test_the_last_line_that_tells_it_counts() -> None:
    log = ["transferred 1.0 GiB of 2.0 GiB (50.00%)", "transferred 2.0 GiB of 2.0 GiB (100.00%)", "done", ""]
    assert fraction(log) == 1.0
    assert fraction(["nothing", "here"]) is None


def test_warnings_are_the_lines_that_warn_and_not_the_last_verdict() -> None:
    log = [
        "INFO: starting new backup job",
        "WARN: no CRL found",
        "WARNING: You have not turned on protection against thin pools running out of space.",
        "warning: unable to delete",
        "INFO: WARN: fs-freeze failed",
        "TASK WARNINGS: 4",
        "forewarned is forearmed",
    ]
    assert warnings(log) == [
        "no CRL found",
        "You have not turned on protection against thin pools running out of space.",
        "unable to delete",
        "fs-freeze failed",
    ]


def test_the_last_words_are_those_that_say_something() -> None:
    assert last_words(["create full clone of drive scsi0", "", "TASK OK"]) == "create full clone of drive scsi0"
    assert last_words([]) == ""
