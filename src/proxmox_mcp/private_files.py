"""Files that only the user of this process may read, as far as the system can keep them so.

POSIX has owners, modes, ``O_NOFOLLOW`` and directories that can be synchronized; Windows has none of these names.
There a new directory is made for its owner alone (``os.mkdir`` with mode 0o700, from Python 3.11.10 on), and files take
over the access list of their directory, which is private below a user's profile.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_SHARED_WRITING = stat.S_IWGRP | stat.S_IWOTH


def has_owners() -> bool:
    """Whether this system says who owns a file and who else may read it (POSIX)."""
    return hasattr(os, "geteuid")


def make_private_directory(directory: Path) -> None:
    """Make a directory for this user alone, with its parents. One that is there already stays as it is."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_private(path: Path, flags: int) -> int:
    """Open a file, making it with mode 0600 where it is missing; child processes don't inherit the handle.

    ``O_BINARY`` keeps Windows from changing line ends.
    """
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)


def make_private_file(path: Path) -> None:
    """Make a file of mode 0600 where it is missing. Raises OSError for a symbolic link, which could be anybody's."""
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    os.close(open_private(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)))
    path.chmod(0o600)


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on the disk: without this a crash can lose a new file, and with it its lines.

    Windows can't open a directory; NTFS has its own journal of names.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why_untrusted(path: Path) -> str:
    """Why what is in a file or directory may be somebody else's; empty where it is not, or the system can't tell."""
    if not has_owners():
        return ""
    found = path.stat()
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user"
    return f"{path} can be written by others" if found.st_mode & _SHARED_WRITING else ""


def why_maybe_public(path: Path) -> str:
    """Why others may be able to read a private file on a system without owners and modes; empty where they can't."""
    if has_owners():
        return ""
    profile = Path.home().resolve()
    if path.resolve().is_relative_to(profile):
        return ""
    return f"it is not below {profile}, and this system does not tell who else may read it"
