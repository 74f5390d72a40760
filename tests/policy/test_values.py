"""Values as Proxmox reads them: several ways to write one value come out as one."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.policy.values import list_members, members, number, property_values, texts, volume_of


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, ["1"]),
        (False, ["0"]),
        (None, []),
        (0, ["0"]),
        ("", [""]),
        (["a", None, ("b", True)], ["a", "b", "1"]),
        ({"file": "local:8", "ssd": True, "none": None}, ["file=local:8,ssd=1"]),
    ],
)
def test_a_value_is_read_as_the_texts_that_are_sent(value: object, sent: list[str]) -> None:
    assert list(texts(value)) == sent


def test_a_list_is_separated_by_all_that_proxmox_takes_for_a_separator() -> None:
    assert members(" a,b;c  d\0e\n,;") == ["a", "b", "c", "d", "e"]
    assert members("") == []
    assert list_members(["100,101", 102, None, "103 104"]) == ["100", "101", "102", "103", "104"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("5", "5"),
        ("+05", "5"),
        ("-0", "0"),
        ("007", "7"),
        ("", ""),
        ("-", "-"),
        ("1.0", "1.0"),
        ("--1", "--1"),
        ("5 ", "5 "),
        ("1" * 20, "1" * 20),
    ],
)
def test_a_whole_number_is_one_however_it_is_written_and_other_text_is_itself(text: str, same: str) -> None:
    assert number(text) == same


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("scsi0", "local:8,ssd=on", {"file": ["local:8"], "ssd": ["1"]}),
        ("scsi0", {"file": "local:8", "ssd": True}, {"file": ["local:8"], "ssd": ["1"]}),
        ("scsi0", "volume=local:8", {"volume": ["local:8"], "file": ["local:8"]}),
        ("mp12", "local:8,mp=/srv", {"volume": ["local:8"], "file": ["local:8"], "mp": ["/srv"]}),
        ("net1", "virtio,bridge=vmbr0,firewall=No", {"model": ["virtio"], "bridge": ["vmbr0"], "firewall": ["0"]}),
        ("agent", "1,guest-fsfreeze=false", {"enabled": ["1"], "guest-fsfreeze": ["0"], "freeze-fs": ["0"]}),
        ("scsi0", " file = a ,, file=b", {"file": [" a ", "b"]}),
        ("nothing-special", "one,two=2", {"bare": ["one"], "two": ["2"]}),
        ("scsi0", None, {}),
        ("scsi0", "", {}),
    ],
)
def test_a_property_string_is_read_by_key_with_every_value(name: str, value: object, found: dict[str, Any]) -> None:
    assert property_values(name, value) == found


@pytest.mark.parametrize(
    ("name", "value", "volume"),
    [
        ("scsi0", "ssd=1,file=local:8", "local:8"),
        ("scsi0", "ssd=1,local:8", "local:8"),
        ("rootfs", "volume=local:8,size=4G", "local:8"),
        ("unknown", "local:8", "local:8"),
        ("scsi0", "ssd=1", ""),
        ("scsi0", None, ""),
    ],
)
def test_the_volume_of_a_drive_is_found_wherever_it_is_written(name: str, value: object, volume: str) -> None:
    assert volume_of(name, value) == volume
