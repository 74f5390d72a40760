"""An index from a file or a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import load_index, parse_apidoc
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
