"""Which parameters hold a list or pairs in one text, and how their members are joined."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import Schema, bundled_versions, load_index
from proxmox_mcp.apidoc.validation.separators import joined, separator_of, takes_pairs


@pytest.mark.parametrize(
    ("name", "schema", "separator"),
    [
        ("tags", Schema(format="pve-tag-list"), ","),
        ("dport", Schema(format="pve-fw-dport-spec"), ","),
        ("boot", Schema(format="pve-qm-boot"), ";"),
        ("nameserver", Schema(format="address-list"), " "),
        ("flags", Schema(pattern="(?:a)(;(?:a))*"), ";"),
        ("tags-of-tomorrow", Schema(pattern="(?:(?^i:[a-z]+);)*(?^i:[a-z]+)"), ";"),
        ("serial[n]", Schema(pattern="(/dev/[^,]+|socket)"), ""),
        ("name", Schema(format="dns-name"), ""),
        ("memory", Schema(type="integer"), ""),
    ],
)
def test_what_stands_between_members_is_what_proxmox_splits_at(name: str, schema: Schema, separator: str) -> None:
    assert separator_of(name, schema) == separator


def test_no_members_are_an_empty_list_or_the_word_for_none_or_can_not_be_said() -> None:
    assert joined([], ",", Schema(format="pve-tag-list")) == ""
    assert joined([], ",", Schema(format="pve-hotplug-features")) == "0"
    assert joined([], ";", Schema(format="pve-qm-boot")) is None


def test_pairs_are_told_by_format_or_pattern() -> None:
    assert takes_pairs(Schema(format="pve-startup-order"))
    assert takes_pairs(Schema(pattern=r"\w+=[^,]+(,\s*\w+=[^,]+)*"))
    assert not takes_pairs(Schema(pattern="(now|[0-9]+)"))
    assert not takes_pairs(Schema(format="dns-name"))


@pytest.mark.parametrize("version", bundled_versions())
def test_a_list_of_one_goes_through_as_its_member_wherever_a_text_is_taken(version: str) -> None:
    """A separator never changes what a single value means; ``boot`` names its order."""
    for endpoint in load_index(version).endpoints:
        for name, schema in endpoint.parameters.items():
            separator = separator_of(name, schema)
            if separator and schema.format != "pve-qm-boot":
                assert joined(["x"], separator, schema) == "x", (endpoint, name)
