"""Copies of audit lines to a syslog server as they are written: what was sent there can't be altered here any more.

RFC 5424 over UDP or TCP (RFC 6587, with counted octets), or a local socket. A thread of its own sends, so that no call
waits for it; where the server can't be reached, lines wait for it, the oldest are dropped first, and the log says so.
Lines are numbered by their chain: the server sees which are missing.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from proxmox_mcp.errors import SettingsError

_LOG = logging.getLogger("proxmox_mcp.audit.syslog")
_PRIORITY = 13 * 8 + 6
"""Facility 13 (log audit), severity 6 (informational), RFC 5424 section 6.2.1."""
_PORTS = {"udp": 514, "tcp": 601}
MOST_WAITING = 10_000
"""Lines that wait for a server that is away; of more the oldest are dropped."""
_CONNECT_SECONDS, _CLOSE_SECONDS = 5.0, 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two attempts to reach a server that is away: they double."""
_FORMS = "Write it as udp://host:514, tcp://host:601 or unix:///dev/log."


class SyslogAddress(Struct, frozen=True):
    """Where a syslog server listens; ``path`` is that of a local socket."""

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> SyslogAddress:
        """Raises ``SettingsError`` for another kind of URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise SettingsError("MCP_AUDIT_SYSLOG has an invalid port.", _FORMS) from None
        if parts.scheme == "unix" and parts.path and not host and hasattr(socket, "AF_UNIX"):
            return cls("unix", path=parts.path)
        if parts.scheme in _PORTS and host and parts.path in ("", "/"):
            return cls(parts.scheme, host, port or _PORTS[parts.scheme])
        raise SettingsError("MCP_AUDIT_SYSLOG is not the address of a syslog server.", _FORMS)

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.kind == "unix" else f"{self.kind}://{self.host}:{self.port}"


class Syslog:
    """Sends lines, in their order (``audit.Copies``)."""

    def __init__(self, address: SyslogAddress) -> None:
        self._address = address
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._dropped = 0
        self._head = f"{socket.gethostname() or '-'} proxmox-mcp {os.getpid()} audit -"

    def send(self, line: bytes) -> None:
        """Take one line; it is sent soon. The thread begins with the first."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(f"<{_PRIORITY}>1 {now} {self._head} ".encode() + line.rstrip(b"\n"))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit-syslog", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, as far as that takes no more than a moment. The next line begins another thread."""
        atexit.unregister(self.close)
        with self._changed:
            thread = self._thread
            self._closing = thread is not None
            self._changed.notify()
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        connection: socket.socket | None = None
        pause = 0.0
        while (message := self._next(pause)) is not None:
            try:
                connection = connection or self._connected()
                self._transmit(connection, message)
            except OSError as error:
                if connection is not None:
                    connection.close()
                    connection = None
                if not pause:
                    _LOG.error("audit lines can't be sent to %s, and wait: %s", self._address, error)
                pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
                continue
            if pause:
                _LOG.info("audit lines are sent to %s again", self._address)
                pause = 0.0
            if dropped := self._sent(message):
                _LOG.error("%d audit lines were not sent to %s: too many waited", dropped, self._address)
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _next(self, pause: float) -> bytes | None:
        """The oldest line, after a pause where the last could not be sent; None when there is nothing more to do."""
        with self._changed:
            if pause:
                self._changed.wait_for(lambda: self._closing, pause)
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if self._closing and (pause or not self._waiting):
                self._thread, self._closing = None, False
                return None
            return self._waiting[0]

    def _sent(self, message: bytes) -> int:
        """Take a line that was sent from those that wait; how many were dropped since this was last asked."""
        with self._changed:
            if self._waiting and self._waiting[0] is message:
                self._waiting.popleft()
            dropped, self._dropped = self._dropped, 0
            return dropped

    def _connected(self) -> socket.socket:
        address = self._address
        where: Any
        if address.kind == "tcp":
            return socket.create_connection((address.host, address.port), timeout=_CONNECT_SECONDS)
        if address.kind == "udp":
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
            connection, where = socket.socket(*found[:3]), found[4]
        else:
            connection, where = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), address.path
        try:
            connection.connect(where)
        except OSError:
            connection.close()
            raise
        return connection

    def _transmit(self, connection: socket.socket, message: bytes) -> None:
        if self._address.kind == "tcp":
            connection.sendall(b"%d %b" % (len(message), message))
        else:
            connection.send(message)
