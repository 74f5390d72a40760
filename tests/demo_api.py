"""Plain calls to the demo cluster, past any server."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


class Reachable(Protocol):
    """A demo cluster, in whichever process: its address, and secrets by token id."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def tokens(self) -> Mapping[str, str]: ...


class Api:
    """Plain calls with a token: one of the cluster's, or another with its ``secret``."""

    def __init__(self, cluster: Reachable, token: str = "root@pam!mcp", secret: str = "") -> None:
        self._cluster = cluster
        self._kept: http.client.HTTPSConnection | None = None
        self.headers = {"Authorization": f"PVEAPIToken={token}={secret or cluster.tokens[token]}"}

    @classmethod
    def by_ticket(cls, cluster: Reachable, ticket: dict[str, str]) -> Api:
        """Calls with the answer of a login."""
        api = cls(cluster)
        api.headers = {
            "Cookie": f"PVEAuthCookie={ticket['ticket']}",
            "CSRFPreventionToken": ticket["CSRFPreventionToken"],
        }
        return api

    def answer(self, method: str, path: str, /, **parameters: Any) -> tuple[int, Any]:
        """Status and body."""
        connection = self._kept or self._connection()
        target, body, headers = f"/api2/json{path}", None, dict(self.headers)
        if method in ("GET", "DELETE"):
            target += f"?{urlencode(parameters)}" if parameters else ""
        else:
            body = urlencode(parameters, doseq=True)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            if connection is not self._kept:
                connection.close()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """One connection for all calls of a block: a TLS handshake takes as long as several calls."""
        self._kept = self._connection()
        try:
            yield
        finally:
            self._kept.close()
            self._kept = None

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._cluster.host, self._cluster.port, timeout=PATIENCE, context=UNVERIFIED)

    def get(self, path: str, /, **parameters: Any) -> Any:
        status, body = self.answer("GET", path, **parameters)
        assert status == 200, body
        return body["data"]

    def done(self, method: str, path: str, /, **parameters: Any) -> Any:
        """The data of a call that has to succeed."""
        status, body = self.answer(method, path, **parameters)
        assert status == 200, body
        return body["data"]

    def refusal(self, method: str, path: str, /, **parameters: Any) -> tuple[int, str]:
        """Status and message of a call that has to fail."""
        status, body = self.answer(method, path, **parameters)
        assert status != 200, body
        return status, str(body["message"]).strip()

    def run(self, path: str, node: str, method: str = "POST", **parameters: Any) -> tuple[str, list[str]]:
        """Start a task and wait for its end: the exit status and the log."""
        status, body = self.answer(method, path, **parameters)
        assert status == 200, body
        upid = body["data"]
        for _ in range(300):
            task = self.get(f"/nodes/{node}/tasks/{upid}/status")
            if task["status"] == "stopped":
                lines = self.get(f"/nodes/{node}/tasks/{upid}/log", limit=500)
                return task["exitstatus"], [line["t"] for line in lines]
            time.sleep(0.02)
        raise AssertionError(f"{upid} does not end")
