"""The console over real HTTP on loopback, and a visitor who keeps cookies as a browser does."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import uvicorn

from patience import PATIENCE, until
from proxmox_mcp.web import Person, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import ASGIApp

    from proxmox_mcp.web import Console


@dataclass(frozen=True)
class Page:
    """An answer to a visitor."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    text: str

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', self.text)
        assert found, self.text
        return found[1]

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass
class Visitor:
    """Somebody with a browser at ``http://HOST``; ``sent_to`` is where the requests really go."""

    sent_to: tuple[str, int]
    host: str
    scheme: str = "http"
    cookies: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    def get(self, path: str, **headers: str) -> Page:
        return self._ask("GET", path, headers)

    def post(self, path: str, fields: Mapping[str, str], *, origin: str | None = None, **headers: str) -> Page:
        """Send a form, as a page of ``origin`` would (by default this very site; empty: without the header)."""
        given = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        if origin != "":
            given["Origin"] = self.origin if origin is None else origin
        return self._ask("POST", path, given, urlencode(fields).encode())

    def signs_in(self, token: str) -> Page:
        """Redeem a link: as the script does, from the form of the sign-in page."""
        form = self.get("/console/sign-in")
        return self.post("/console/sign-in", {"form_token": form.form_token, "link": token})

    def submits(self, page: str, action: str, **fields: str) -> Page:
        """Load a page and send one of its forms."""
        return self.post(action, {"form_token": self.get(page).form_token, **fields})

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Page:
        connection = http.client.HTTPConnection(*self.sent_to, timeout=PATIENCE)
        try:
            given = {"Accept": "text/html", **self.extra, **{k.replace("_", "-"): v for k, v in headers.items()}}
            if self.cookies:
                given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request(method, path, body, {"Host": self.host, **given})
            response = connection.getresponse()
            text = response.read().decode()
            found = tuple(value for name, value in response.getheaders() if name.lower() == "set-cookie")
            for each in found:
                self._keep(each)
            received = {name.lower(): value for name, value in response.getheaders()}
            return Page(response.status, received, found, text)
        finally:
            connection.close()

    def _keep(self, cookie: str) -> None:
        """As a browser: ``__Host-`` and ``Secure`` count only over TLS."""
        name, _, value = cookie.partition(";")[0].partition("=")
        if ("secure" in cookie.lower() or name.startswith("__Host-")) and self.scheme != "https":
            return
        if "Max-Age=0" in cookie:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value.strip('"')


@dataclass(frozen=True)
class Site:
    """A console that is served."""

    console: Console
    port: int

    def visitor(self, host: str = "", scheme: str = "http") -> Visitor:
        return Visitor(("127.0.0.1", self.port), host or f"127.0.0.1:{self.port}", scheme)

    def person(self, name: str = "lena", role: Role = Role.OPERATOR, **at: str) -> Visitor:
        """A visitor who has signed in by a link."""
        visitor = self.visitor(**at)
        assert visitor.signs_in(self.console.sessions.make_link(Person(name, role))).status == 303
        return visitor


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """Serve an application on a free port of loopback, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started)
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
