"""What a caller asks for, in whose words it is answered, and who makes the call: the values that travel through the
gateway."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.errors import InvalidCallError, StoreError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.proxmox.paged import MOST_ROWS
from proxmox_mcp.render import WHOLE, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.gateway.agreement import Agreed
    from proxmox_mcp.guests import GuestExec
    from proxmox_mcp.render import Redact


class Wording(Struct, frozen=True, kw_only=True):
    """Sentences for the reader of an answer, a model that calls tools or a person at a terminal: who was asked, and how
    the next call is written.

    ``approve`` holds ``{number}`` and ``{where}`` (to approve it), ``wait`` and ``stop`` hold ``{path}`` (of a task),
    ``wait_for_plan`` and ``go_back`` hold ``{number}`` (of a plan), ``name_cluster`` holds ``{names}``.
    """

    denied: str
    declined: str
    after_declining: str
    approve: str
    wait: str
    stop: str
    wait_for_plan: str
    go_back: str
    name_cluster: str


FOR_MODELS = Wording(
    denied="The operator of this server decides that; don't try other ways.",
    declined="The question was declined or dismissed at the client.",
    after_declining=(
        "Ask the user what they want; a client that runs unattended dismisses questions without asking anybody."
    ),
    approve=(
        "Ask the operator to approve it {where}. "
        "To wait for that, and then to do it, repeat the same call with confirm: {number}"
    ),
    wait="To wait for it: proxmox_api_get path={path}/status wait=300",
    stop="To stop it: proxmox_api_call method=DELETE, the same path without /status",
    wait_for_plan="To wait for it: proxmox_api_plan plan={number}. To end it after the running step: add stop=true.",
    go_back='To go back: proxmox_api_plan undo="plan {number}".',
    name_cluster="Set `cluster` to one of: {names}.",
)

FOR_PEOPLE = Wording(
    denied="MCP_MODE and MCP_POLICY_FILE decide that; `proxmox-mcp policy explain METHOD PATH` names the rule.",
    declined="You did not agree.",
    after_declining="",
    approve="Approve it {where}, then repeat this command with --confirm {number}.",
    wait="To wait for it: proxmox-mcp call GET '{path}/status' --wait 300",
    stop="To stop it: proxmox-mcp call DELETE '{path}'",
    wait_for_plan="The activity page of the console shows how far it is, and stops it after the running step.",
    go_back="To go back: proxmox-mcp undo plan {number}",
    name_cluster="Name one with --cluster: {names}.",
)


class Request(Struct, frozen=True, kw_only=True):
    """One call as it was asked for, before anything is resolved or checked.

    ``wait`` is in seconds, None for the server's own measure. ``reads_only`` is set by the read tool: what does more
    than read the cluster is refused there. ``places`` is where a call that fans out goes on; ``alone`` is false for one
    place of many, about which nobody is asked. ``most_rows`` bounds what is read of a list that Proxmox pages.
    ``work`` is a command for a guest, in place of a call with ``data``. ``operator`` names the person at the console
    who asks for this call: their yes counts as an approval; with ``always_ask``
    they are asked also about what the policy allows. ``agreed`` is set for a step of a plan. ``undoes`` is the
    number of the change that the call undoes. ``reduce`` makes of what a GET gave what the tool tells of it: the rest
    is not searched for secrets. It is given the answer as it came, and what takes secrets out of any part of it.
    ``reduced_at_once`` is how many records it reduces so quickly that no thread is worth it.
    """

    path: str
    method: str = "GET"
    data: Mapping[str, Any] = field(default_factory=dict)
    view: View = WHOLE
    places: int = 0
    wait: float | None = None
    dry_run: bool = False
    confirm: str = ""
    reads_only: bool = False
    alone: bool = True
    most_rows: int = MOST_ROWS
    cluster: str = ""
    wording: Wording = FOR_MODELS
    work: GuestExec | None = None
    operator: str = ""
    always_ask: bool = False
    agreed: Agreed | None = None
    tool: str = ""
    caller: Caller = LOCAL
    client: str = ""
    id: str = ""
    undoes: int | None = None
    reduce: Callable[[Any, Redact], Any] | None = None
    reduced_at_once: int = 0


def call_of(request: Request, method: str, path: ApiPath, cluster: str) -> Call:
    """One call of a request, to one path, as the pipeline takes it."""
    return Call(
        method=method,
        path=path,
        caller=request.caller,
        cluster=cluster,
        tool=request.tool,
        client=request.client,
        id=request.id,
    )


WAIT_WITH_PROGRESS, WAIT_WITHOUT = 300.0, 50.0
"""Seconds to follow a task by default: some clients give up a call after 60 seconds without a sign of life."""


def patience(request: Request, setting: float, client: Client) -> float:
    """How long to wait for a task, in seconds: as asked, else by the ``setting`` (0: none), else by who listens."""
    if request.wait is not None:
        return max(0.0, request.wait)
    return setting or (WAIT_WITH_PROGRESS if client.follows_progress else WAIT_WITHOUT)


def method_of(request: Request) -> str:
    """The method, whatever its case. Raises InvalidCallError."""
    method = request.method.strip().upper()
    if method not in METHODS:
        raise InvalidCallError(f"Unsupported method `{request.method[:20]}`.", f"Allowed: {', '.join(METHODS)}.")
    return method


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Around what needs the store before anything is sent: where the store can't be used, its error says both."""
    try:
        yield
    except StoreError as error:
        raise error.with_advice(f"Nothing was sent. {error.advice}") from None


class Reply(Struct, frozen=True):
    """What a person said in the client: to the confirmation of this token, yes or no."""

    token: str
    agreed: bool


class Client(Protocol):
    """The MCP client behind a call, as far as the gateway needs it."""

    @property
    def can_be_asked(self) -> bool:
        """Whether the person at the client can be asked something (elicitation)."""
        ...

    @property
    def follows_progress(self) -> bool:
        """Whether the client wants to hear of progress."""
        ...

    @property
    def answer(self) -> Reply | None:
        """The answer that this very request brought, to a question of the request before."""
        ...

    async def ask(self, question: str, token: str) -> bool:
        """Ask the person. Where the protocol brings the answer with another request, this raises and never returns."""
        ...

    def link_shown(self, text: str, link: str, key: str) -> AbstractAsyncContextManager[None]:
        """Around a wait for what a person does in a browser: their client offers them the link, if it can.

        ``key`` identifies the question. It does nothing without a link. Where the protocol brings the answer with
        another request, this raises, and does nothing in that request.
        """
        ...

    async def progress(self, done: float | None, text: str) -> None:
        """Tell how far a call is: ``done`` from 0 to 1 where that is known."""
        ...


class NoClient:
    """Nobody to ask or tell: what our tools read on their own, and each place of a fan-out."""

    can_be_asked = False
    follows_progress = False
    answer: Reply | None = None

    async def ask(self, question: str, token: str) -> bool:  # noqa: ARG002
        return False

    def link_shown(self, text: str, link: str, key: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def progress(self, done: float | None, text: str) -> None:
        """Nobody listens."""


NO_CLIENT = NoClient()
