"""Files that only the user of this process can read, as far as the system supports it.

Windows has no owners, modes, ``O_NOFOLLOW`` or ``fsync`` of directories as POSIX does. There a new directory belongs to
its owner alone (``os.mkdir`` with mode 0o700, since Python 3.11.10), and files inherit the access list of their
directory, which is private within a user's profile.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

_SHARED_WRITING = stat.S_IWGRP | stat.S_IWOTH


def has_owners() -> bool:
    """Whether this system has file owners and modes (POSIX)."""
    return hasattr(os, "geteuid")


def make_private_directory(directory: Path) -> None:
    """Make a directory that only this user can use, and its parents. An existing one is not changed."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_private(path: Path, flags: int) -> int:
    """Open a file; create it with mode 0600 if it is missing. Child processes don't inherit the handle.

    ``O_BINARY``: otherwise Windows changes line ends.
    """
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)


def make_private_file(path: Path) -> None:
    """Create a file with mode 0600 if it is missing. Raises OSError for a symbolic link.

    In a directory that others can write, a link could point to a file of this user (symlink attack).
    """
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    os.close(open_private(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)))
    path.chmod(0o600)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put a whole new file in the place of another in one step: a crash leaves the old one or the new one.

    Run with ``sudo``, a file stays its user's. Raises OSError.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        if has_owners() and path.exists() and (owner := path.stat()).st_uid != os.geteuid():
            os.chown(temporary, owner.st_uid, owner.st_gid)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Sync the entries of a directory to disk: otherwise a crash can lose a new file with its content (fsync(2)).

    Windows can't open a directory; NTFS journals file names itself.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why_untrusted(path: Path) -> str:
    """Why another user may have written a file or directory; empty if not, or if the system has no owners."""
    if not has_owners():
        return ""
    found = path.stat()
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user"
    return f"{path} can be written by others" if found.st_mode & _SHARED_WRITING else ""


def why_maybe_public(path: Path) -> str:
    """Why others may be able to read a private file on a system without owners and modes; empty if they can't."""
    if has_owners():
        return ""
    profile = Path.home().resolve()
    if path.resolve().is_relative_to(profile):
        return ""
    return f"it is outside {profile}, and this system does not say who can read it"
