"""An index from a file or a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import bundled_versions, load_index, nearest_bundled, parse_apidoc
from proxmox_mcp.apidoc.snapshot import write_snapshot
from proxmox_mcp.errors import ApidocFormatError, ApidocSourceError

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = document(node("/a", GET=method()))


def test_an_apidoc_and_a_snapshot_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(DOCUMENT)
    (tmp_path / "other").write_bytes(write_snapshot(parse_apidoc(DOCUMENT), prose=True))

    assert load_index(tmp_path / "one").endpoints == load_index(str(tmp_path / "other")).endpoints


@pytest.mark.parametrize(
    ("version", "full"), [("9.2", "9.2"), ("9.1", "9.1.3"), ("8.4.9", "8.4.5"), ("7.4-16", "7.4-16")]
)
def test_a_version_is_the_bundled_one_of_the_same_minor_release(version: str, full: str) -> None:
    assert load_index(version).version == full


def test_a_version_that_is_not_bundled_is_refused_with_those_that_are() -> None:
    with pytest.raises(ApidocSourceError, match=r"8\.4, 9\.1.*nearest is 8\.4"):
        load_index("8.2")


@pytest.mark.parametrize("source", ["/no/such/apidoc.js", "", "pve-9.2", "\0", "~nobody-at-all/x"])
def test_a_file_that_is_not_there_is_a_clear_error(source: str) -> None:
    with pytest.raises(ApidocSourceError, match="can't be read") as refused:
        load_index(source)

    assert "9.2" in refused.value.advice


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.js").write_bytes(DOCUMENT[:50])

    with pytest.raises(ApidocFormatError):
        load_index(tmp_path / "cut.js")


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
