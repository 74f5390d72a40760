"""Checks ``/mcp`` as a client uses it: one message and its answer."""

# Tested through tests/doctor/test_client_view.py.

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.doctor import http, mcp_handshake
from proxmox_mcp.doctor.client_url import HTTP
from proxmox_mcp.doctor.proxy_responses import UNBUFFERED, diagnose
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.net.failures import RequestFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.settings import ServerSettings

ANSWER_SECONDS = 6.0
NAME = "streamable HTTP"


class StreamableHttpProbe(Struct, frozen=True):
    """One check of ``/mcp``."""

    part: ReportSection
    target: ClientUrl
    server: ServerSettings
    deadline: Deadline

    def steps(self) -> Iterator[CheckStep]:
        where = f"{self.target.base}{HTTP}"
        try:
            with http.exchange(
                self.target.at(HTTP),
                "POST",
                headers=mcp_handshake.posted(self.server),
                body=mcp_handshake.INITIALIZE,
                tls=self.target.tls,
                patience=ANSWER_SECONDS,
                deadline=self.deadline,
            ) as answer:
                yield self._judged(where, answer)
                session = answer.headers.get("Mcp-Session-Id")
            if session:
                self._leave(session)
        except RequestFailedError as failed:
            if failed.timed_out:
                yield self.part.fail(NAME, f"{where}: no answer within {ANSWER_SECONDS:g} s.", *UNBUFFERED)
                return
            fix = Fix("See the logs of the proxy and of the server.")
            yield self.part.fail(NAME, f"{where}: the request failed ({http.reason(failed)}).", fix)

    def _judged(self, where: str, answer: http.HttpAnswer) -> CheckStep:
        if answer.status == 200 and answer.content_type == mcp_handshake.STREAM:
            data = (data for name, data in mcp_handshake.events(answer, ANSWER_SECONDS) if name == "message")
            hello = next((found for text in data if (found := mcp_handshake.parse_initialize_answer(text))), None)
            body = ""
        else:
            body = answer.text()
            hello = mcp_handshake.parse_initialize_answer(body) if answer.status == 200 else None
        if hello is not None and hello.what_to_set:
            return mcp_handshake.wrong_settings_step(self.part, NAME, where, hello)
        if hello is not None:
            return self.part.ok(NAME, f"{where}: {hello.name} answers, after {answer.seconds:.2f} s")
        has_token = bool(self.server.mcp_auth_token.get_secret_value())
        told = diagnose(answer, body, self.target, self.server, with_token=has_token)
        return self.part.fail(NAME, f"{where}: {told.found}", *told.fixes)

    def _leave(self, session: str) -> None:
        """End the session that was opened. A failure does not matter: it ends anyway when idle."""
        sent = mcp_handshake.posted(self.server) | {"Mcp-Session-Id": session}
        with (
            suppress(RequestFailedError),
            http.exchange(
                self.target.at(HTTP),
                "DELETE",
                headers=sent,
                tls=self.target.tls,
                deadline=self.deadline.within(2.0),
            ),
        ):
            pass
