"""Runs our command line as it meets a system without POSIX: ``python without_posix.py serve --stdio``.

Our modules see of ``os``, ``signal`` and ``socket`` only what Windows has (CPython 3.11), can't import what is not
there, can't open a directory, and get no signal handlers or readers of the event loop. Other libraries are left alone:
they look at ``sys.platform``, and are tested on Windows by those who write them.
"""

from __future__ import annotations

import asyncio
import builtins
import errno
import os
import runpy
import signal
import socket
import sys
import time
from types import ModuleType
from typing import Any

MISSING_MODULES = frozenset(
    "curses fcntl grp posix pty pwd readline resource syslog termios tty".split()  # noqa: SIM905
)
_OS = """
DirEntry EX_OK F_OK O_APPEND O_CREAT O_EXCL O_RDONLY O_RDWR O_TRUNC O_WRONLY P_NOWAIT P_WAIT PathLike R_OK SEEK_CUR
SEEK_END SEEK_SET TMP_MAX W_OK X_OK _exit abc abort access altsep chdir chmod close closerange cpu_count curdir defpath
device_encoding devnull dup dup2 environ error execl execle execlp execlpe execv execve execvp execvpe extsep fdopen
fsdecode fsencode fspath fstat fsync ftruncate get_exec_path get_inheritable get_terminal_size getcwd getcwdb getenv
getlogin getpid getppid isatty kill linesep link listdir lseek lstat makedirs mkdir name open pardir path pathsep pipe
popen putenv read readlink remove removedirs rename renames replace rmdir scandir sep set_inheritable spawnl spawnle
spawnv spawnve st stat stat_result statvfs_result strerror supports_bytes_environ supports_dir_fd supports_effective_ids
supports_fd supports_follow_symlinks symlink sys system terminal_size times times_result truncate umask uname_result
unlink unsetenv urandom utime waitpid waitstatus_to_exitcode walk write
"""
_SIGNAL = """
Handlers NSIG SIGABRT SIGFPE SIGILL SIGINT SIGSEGV SIGTERM SIG_DFL SIG_IGN Signals default_int_handler getsignal
raise_signal set_wakeup_fd signal strsignal valid_signals
"""
_NOT_OF_SOCKET = "AF_UNIX AF_NETLINK AF_PACKET MSG_DONTWAIT MSG_NOSIGNAL SO_REUSEPORT TCP_USER_TIMEOUT TCP_CORK"


def _only(module: ModuleType, names: frozenset[str], **instead: Any) -> ModuleType:
    seen = ModuleType(module.__name__, module.__doc__)
    kept = {name: value for name, value in vars(module).items() if name.startswith("__") or name in names}
    vars(seen).update(kept | instead)
    return seen


def _open(path: Any, *arguments: Any, **more: Any) -> int:
    """``os.open`` as on Windows, where a directory can't be opened."""
    if os.path.isdir(path):  # noqa: PTH112
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return os.open(path, *arguments, **more)


def _unavailable(*_: object, **__: object) -> None:
    raise NotImplementedError


SEEN = {
    "os": _only(os, frozenset(_OS.split()), name="nt", open=_open),
    "signal": _only(signal, frozenset(_SIGNAL.split())),
    "socket": _only(socket, frozenset(vars(socket)) - frozenset(_NOT_OF_SOCKET.split())),
    "time": _only(time, frozenset(vars(time)) - {"tzset", "clock_gettime", "pthread_getcpuclockid"}),
}
_import = builtins.__import__


def _import_as_seen(
    name: str,
    globals: Any = None,  # noqa: A002
    locals: Any = None,  # noqa: A002
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    importer = str((globals or {}).get("__package__", ""))
    if importer == "proxmox_mcp" or importer.startswith("proxmox_mcp."):
        if name in MISSING_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in SEEN and level == 0:
            return SEEN[name]
    return _import(name, globals, locals, fromlist, level)


def hide() -> None:
    """From here on."""
    builtins.__import__ = _import_as_seen
    for loop in (asyncio.BaseEventLoop, asyncio.SelectorEventLoop):
        for method in ("add_signal_handler", "remove_signal_handler", "add_reader", "remove_reader"):
            setattr(loop, method, _unavailable)


if __name__ == "__main__":
    hide()
    module = "proxmox_mcp"
    if sys.argv[1] == "-m":  # as for Python itself
        module = sys.argv[2]
        del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
