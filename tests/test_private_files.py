"""Files that only their user can read, and what others may have written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from proxmox_mcp.private_files import (
    make_private_directory,
    make_private_file,
    open_private,
    replace_file,
    why_maybe_public,
    why_untrusted,
)

needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners of files")
needs_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
ANOTHER = 12_345


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@needs_owners
def test_a_new_directory_is_private_and_an_old_one_is_left_as_it_is(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a" / "new")
    assert mode_of(tmp_path / "a" / "new") == 0o700
    (tmp_path / "old").mkdir(mode=0o755)
    (tmp_path / "old").chmod(0o755)
    make_private_directory(tmp_path / "old")
    assert mode_of(tmp_path / "old") == 0o755


@needs_owners
def test_a_file_is_private_whether_it_was_there_or_not(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    there.chmod(0o644)
    for path in (there, tmp_path / "new"):
        make_private_file(path)
        assert mode_of(path) == 0o600
    assert there.read_text() == "kept"


def test_a_link_is_no_private_file_and_its_target_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("of this user")
    target.chmod(0o644)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        make_private_file(tmp_path / "link")
    assert mode_of(target) == 0o644


@needs_owners
def test_an_opened_file_is_made_private_and_not_inherited(tmp_path: Path) -> None:
    handle = open_private(tmp_path / "file", os.O_WRONLY)
    try:
        assert not os.get_inheritable(handle)
    finally:
        os.close(handle)
    assert mode_of(tmp_path / "file") == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_a_file_is_replaced_whole_with_its_new_mode(there: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if there:
        path.write_text("old")
    replace_file(path, b"new\r\n", 0o640)
    assert path.read_bytes() == b"new\r\n"
    assert mode_of(path) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()  # A file can't take the place of a directory.
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


@needs_root
def test_a_replaced_file_stays_its_users(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, ANOTHER, ANOTHER)
    replace_file(path, b"new", 0o600)
    assert (path.stat().st_uid, path.stat().st_gid) == (ANOTHER, ANOTHER)


@needs_owners
@pytest.mark.parametrize(
    ("mode", "why"),
    [(0o700, ""), (0o755, ""), (0o775, "can be written by others"), (0o702, "can be written by others")],
)
def test_what_others_may_write_is_not_trusted(mode: int, why: str, tmp_path: Path) -> None:
    path = tmp_path / "directory"
    path.mkdir()
    path.chmod(mode)
    assert why_untrusted(path) == (f"{path} {why}" if why else "")


@needs_root
def test_what_is_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    os.chown(tmp_path, ANOTHER, ANOTHER)
    assert why_untrusted(tmp_path) == f"{tmp_path} belongs to another user"


@needs_owners
def test_with_owners_and_modes_no_place_is_doubtful() -> None:
    assert why_maybe_public(Path("/")) == ""


@needs_owners
def test_without_owners_only_the_profile_of_the_user_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    monkeypatch.setenv("HOME", str(profile))
    monkeypatch.delattr(os, "geteuid")  # as on Windows
    assert why_maybe_public(profile / "state" / "file") == ""
    assert why_maybe_public(tmp_path / "file").startswith(f"it is outside {profile}")
    assert why_untrusted(Path("/")) == ""
