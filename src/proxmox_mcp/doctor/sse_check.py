"""Checks ``/sse`` as a client uses it: the stream, the address for messages, an answer, an idle stream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from proxmox_mcp.doctor import http, mcp_handshake
from proxmox_mcp.doctor.client_url import SSE
from proxmox_mcp.doctor.proxy_responses import UNBUFFERED, diagnose
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.net.failures import RequestFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.settings import ServerSettings

EVENT_SECONDS = 5.0
LATE = 2.0
"""Seconds after which an event is late: the server sends it immediately."""
MESSAGES = "/messages/"
NAME = "SSE"


class SseProbe(Struct, frozen=True):
    """One check of ``/sse``. ``hold``: seconds to keep the stream open afterwards."""

    part: ReportSection
    target: ClientUrl
    server: ServerSettings
    deadline: Deadline
    hold: float = 0.0

    def steps(self) -> Iterator[CheckStep]:
        yield from self._attempt({"Accept-Encoding": "gzip, deflate, br"})

    def _attempt(self, encodings: dict[str, str]) -> Iterator[CheckStep]:
        sent = mcp_handshake.headers(self.server, mcp_handshake.STREAM) | encodings
        try:
            with http.exchange(
                self.target.at(SSE),
                headers=sent,
                tls=self.target.tls,
                patience=EVENT_SECONDS,
                deadline=self.deadline,
            ) as answer:
                yield from self._read(answer)
        except RequestFailedError as failed:
            if failed.timed_out:
                yield self._silent(f"no response within {EVENT_SECONDS:g} s")
            else:
                yield self.part.fail(NAME, f"{self._where}: the request failed ({http.reason(failed)}).", _LOOK)

    @property
    def _where(self) -> str:
        return f"{self.target.base}{SSE}"

    def _read(self, answer: http.HttpAnswer) -> Iterator[CheckStep]:
        if answer.status != 200 or answer.content_type != mcp_handshake.STREAM:
            told = diagnose(answer, answer.text(), self.target, self.server, with_token=self._has_token)
            yield self.part.fail(NAME, f"{self._where}: {told.found}", *told.fixes)
            return
        if encoding := answer.headers.get("Content-Encoding"):
            said = f"{self._where}: the proxy compresses the stream ({encoding[:20]}), which may delay events."
            fix = Fix("Exclude text/event-stream from compression. nginx, in its location:", ("gzip off;",))
            yield self.part.warn(NAME, said, fix)
            yield from self._attempt({})
            return
        began = time.monotonic()
        stream = mcp_handshake.events(answer, EVENT_SECONDS)
        try:
            endpoint = next((data for name, data in stream if name == "endpoint"), None)
        except RequestFailedError as failed:
            if not failed.timed_out:
                raise
            yield self._silent(f"the stream opens, but no event arrived within {EVENT_SECONDS:g} s")
            return
        if endpoint is None:
            yield self.part.fail(NAME, f"{self._where}: the stream ended before its first event.", _LOOK)
            return
        took = answer.seconds + time.monotonic() - began
        if took > LATE:
            yield self.part.warn(
                NAME,
                f"{self._where}: the first event arrived after {took:.1f} s: a proxy delays it.",
                *UNBUFFERED,
            )
        yield from self._talk(answer, endpoint, took)

    def _talk(self, answer: http.HttpAnswer, endpoint: str, took: float) -> Iterator[CheckStep]:
        try:
            url = urljoin(self._where, endpoint)
            path = urlsplit(url).path
        except ValueError:
            yield self.part.fail(NAME, f"{self._where}: the address for messages that clients get is invalid.", _LOOK)
            return
        expected = self.target.prefix + MESSAGES
        problem = self._post(url)
        if path != expected:
            given = path.removesuffix(MESSAGES) if path.endswith(MESSAGES) else path
            said = f"{self._where}: clients get the address {path} for messages instead of {expected}"
            fix = Fix(
                f"The server uses the prefix {given or '(none)'}. Set this and restart it:",
                (f"MCP_ROOT_PATH={self.target.prefix}",),
            )
            yield (self.part.fail if problem else self.part.warn)(NAME, f"{said}.", fix)
            if problem:
                return
        elif problem:
            yield problem
            return
        began = time.monotonic()
        try:
            answers = (data for name, data in mcp_handshake.events(answer, EVENT_SECONDS) if name == "message")
            hello = next((found for data in answers if (found := mcp_handshake.parse_initialize_answer(data))), None)
        except RequestFailedError as failed:
            if not failed.timed_out:
                raise
            yield self._silent(f"a message was accepted, but the stream brought no answer within {EVENT_SECONDS:g} s")
            return
        if hello is None:
            yield self.part.fail(
                NAME, f"{self._where}: the stream ended before the answer to the first message.", _LOOK
            )
            return
        if hello.what_to_set:
            yield mcp_handshake.wrong_settings_step(self.part, NAME, self._where, hello)
            return
        times = f"first event after {took:.2f} s, answer after {time.monotonic() - began:.2f} s"
        yield self.part.ok(NAME, f"{self._where}: {hello.name} answers; {times}")
        if self.hold:
            yield self._held(answer)

    def _post(self, url: str) -> CheckStep | None:
        """Send the first message; the step that says what went wrong, if anything did."""
        if not url.isascii() or urlsplit(url).netloc != urlsplit(self._where).netloc:
            return self.part.fail(
                NAME, f"{self._where}: the address for messages is on another server, which clients refuse.", _LOOK
            )
        parts = urlsplit(url)
        address = self.target.address.at(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        try:
            with http.exchange(
                address,
                "POST",
                headers=mcp_handshake.posted(self.server),
                body=mcp_handshake.INITIALIZE,
                tls=self.target.tls,
                patience=EVENT_SECONDS,
                deadline=self.deadline,
            ) as answer:
                if answer.status in (200, 202):
                    return None
                told = diagnose(answer, answer.text(), self.target, self.server, with_token=self._has_token)
        except RequestFailedError as failed:
            return self.part.fail(
                NAME, f"{self._where}: a message to {parts.path} got no answer ({http.reason(failed)}).", _LOOK
            )
        if answer.status == 404:
            return self.part.fail(
                NAME,
                f"{self._where}: the stream opens, but messages to {parts.path} get 404.",
                Fix(
                    f"The proxy must pass {self.target.prefix}{MESSAGES} to the server of {self.target.prefix}{SSE}, "
                    "because sessions of /sse are kept in one process."
                ),
            )
        return self.part.fail(NAME, f"{self._where}: a message to {parts.path}: {told.found}", *told.fixes)

    def _silent(self, what: str) -> CheckStep:
        """The step for a silent stream. The health check shows whether the server or a proxy is the cause."""
        name = f"{self._where}: {what}"
        try:
            with http.exchange(
                self.target.at("/livez"), tls=self.target.tls, patience=2.0, deadline=self.deadline
            ) as answer:
                alive = answer.status == 200
        except RequestFailedError:
            return self.part.fail(NAME, f"{name}; its health check does not answer either.", _LOOK)
        why = "the server is healthy, so a proxy buffers the stream" if alive else "a proxy may buffer the stream"
        return self.part.fail(NAME, f"{name}: {why}.", *UNBUFFERED)

    def _held(self, answer: http.HttpAnswer) -> CheckStep:
        name, began = "patience", time.monotonic()
        try:
            for _ in mcp_handshake.events(answer, self.hold):
                pass
        except RequestFailedError as failed:
            if failed.timed_out and time.monotonic() - began >= self.hold - 1:
                return self.part.ok(name, f"an idle stream stayed open for {self.hold:g} s")
        lasted = time.monotonic() - began
        return self.part.fail(
            name,
            f"An idle stream was closed after {lasted:.0f} s: calls that take longer fail.",
            Fix("nginx:", ("proxy_read_timeout 1h;", "proxy_send_timeout 1h;")),
            Fix(
                "Traefik, at the entry point:", ("--entrypoints.websecure.transport.respondingTimeouts.readTimeout=0",)
            ),
            Fix("If a tunnel or load balancer of a provider has such a limit, use /mcp, which needs no long stream."),
        )

    @property
    def _has_token(self) -> bool:
        return bool(self.server.mcp_auth_token.get_secret_value())


_LOOK = Fix("See the logs of the proxy and of the server (MCP_LOG_LEVEL=DEBUG).")
