"""The bundled releases, and the one that is nearest to a version."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import bundled_versions, nearest_bundled
from proxmox_mcp.errors import ApidocSourceError


@pytest.mark.parametrize(
    ("version", "nearest"),
    [
        ("9.1.9", "9.1"),
        ("9.2", "9.2"),
        ("9.7", "9.2"),
        ("9.0", "9.1"),
        ("8.0", "8.4"),
        ("8.4.14", "8.4"),
        ("7.0", "7.4"),
        ("6.4-15", "7.4"),
        ("5", "7.4"),
        ("10.0", "9.2"),
        ("10.1~beta1", "9.2"),
    ],
)
def test_the_nearest_bundled_version_is_of_the_same_major_release_if_there_is_one(version: str, nearest: str) -> None:
    assert nearest_bundled(version) == nearest


@pytest.mark.parametrize("version", ["", "nine", "9.x", "../9.1", "9.1\n"])
def test_what_is_no_version_has_no_nearest(version: str) -> None:
    with pytest.raises(ApidocSourceError, match="not a version"):
        nearest_bundled(version)


def test_bundled_versions_come_oldest_first() -> None:
    assert bundled_versions()[0] == "7.4"
    assert bundled_versions()[-1] == "9.2"
