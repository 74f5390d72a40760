"""``/mcp`` from outside, as a client uses it: one message and its answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.doctor import dialogue, http
from proxmox_mcp.doctor.answers import UNBUFFERED, meaning
from proxmox_mcp.doctor.steps import Cure, Part, Step
from proxmox_mcp.doctor.target import HTTP
from proxmox_mcp.net.failures import RequestFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.target import Target
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.settings import ServerSettings

ANSWER_SECONDS = 6.0
NAME = "streamable HTTP"


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at ``/mcp``."""

    part: Part
    target: Target
    server: ServerSettings
    deadline: Deadline

    def steps(self) -> Iterator[Step]:
        where = f"{self.target.base}{HTTP}"
        try:
            with http.exchange(
                self.target.at(HTTP),
                "POST",
                headers=dialogue.posted(self.server),
                body=dialogue.INITIALIZE,
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
                yield self.part.fail(NAME, f"{where}: no answer came within {ANSWER_SECONDS:g} s.", *UNBUFFERED)
                return
            cure = Cure("Look into the log of the proxy and that of the server.")
            yield self.part.fail(NAME, f"{where}: the request failed ({http.reason(failed)}).", cure)

    def _judged(self, where: str, answer: http.Answer) -> Step:
        if answer.status == 200 and answer.content_type == dialogue.STREAM:
            data = (data for name, data in dialogue.events(answer, ANSWER_SECONDS) if name == "message")
            hello = next((found for text in data if (found := dialogue.hello_of(text))), None)
            body = ""
        else:
            body = answer.text()
            hello = dialogue.hello_of(body) if answer.status == 200 else None
        if hello is not None and hello.what_to_set:
            return dialogue.not_set_up(self.part, NAME, where, hello)
        if hello is not None:
            return self.part.ok(NAME, f"{where}: {hello.name} answers, after {answer.seconds:.2f} s")
        has_token = bool(self.server.mcp_auth_token.get_secret_value())
        told = meaning(answer, body, self.target, self.server, with_token=has_token)
        return self.part.fail(NAME, f"{where}: {told.found}", *told.cures)

    def _leave(self, session: str) -> None:
        """End the session that was opened: a courtesy, which no proxy need pass on."""
        sent = dialogue.posted(self.server) | {"Mcp-Session-Id": session}
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
