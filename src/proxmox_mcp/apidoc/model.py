"""The API as frozen values: endpoints, their parameters, and the result of validating a call.

The terms are those of ``PVE::JSONSchema`` and ``PVE::RESTHandler`` (pve-common); ``apidoc.js`` is a dump of their data.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, get_args

from msgspec import Struct

from proxmox_mcp.apidoc.schema import Scalar, Schema, flat, is_open
from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["METHODS", "CallProblem", "Check", "Endpoint", "EndpointPermissions", "Method", "Scalar", "Schema", "Wire"]

Method = Literal["GET", "POST", "PUT", "DELETE"]
METHODS: tuple[Method, ...] = get_args(Method)

Wire = dict[str, str | list[str]]
"""Parameters as they are sent: text, or a list of texts for a repeated key (``type: array``)."""

_PATH_PARAMETER = re.compile(r"\{([^{}]+)\}")


class EndpointPermissions(Struct, frozen=True, kw_only=True):
    """Who may call an endpoint.

    ``user`` is ``"all"`` (any login), ``"world"`` (no login) or empty. ``check`` is Proxmox's own expression,
    nested tuples such as ``("and", ("perm", "/vms/{vmid}", ("VM.Clone",)), ...)``. If it is empty and ``user`` is too,
    only root@pam may call. See ``PVE::RPCEnvironment::exec_api2_perm_check``.
    """

    user: str = ""
    check: tuple[Any, ...] = ()
    description: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """The permissions that ``facts`` describe."""
        return cls(
            user=facts.get("user", ""),
            check=_nested_tuple(facts.get("check", ())),
            description=facts.get("description", ""),
        )


def _nested_tuple(value: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_nested_tuple(each) if isinstance(each, list) else each for each in value)


class _Details(NamedTuple):
    """The parts of an endpoint that are parsed on first use."""

    description: str
    schema: Schema
    parameters: Mapping[str, Schema]
    returns: Schema
    permissions: EndpointPermissions
    allow_token: bool
    protected: bool
    proxy_to: str
    download_allowed: bool


class Endpoint(Struct, frozen=True, dict=True):
    """One method of one path template, such as ``POST /nodes/{node}/qemu/{vmid}/clone``.

    ``facts`` is its line of the index (JSON). Everything except method, path and name is parsed on first use: parsing
    all endpoints of 9.2 takes 67 ms, reading only their heads 3 ms. Raises ApidocFormatError if the line is damaged.
    """

    method: Method
    path: str
    name: str
    facts: bytes

    def __repr__(self) -> str:
        return f"Endpoint({self.method} {self.path})"

    @cached_property
    def _details(self) -> _Details:
        try:
            facts = json.loads(self.facts)
            schema = Schema.read(facts["parameters"])
            return _Details(
                description=facts.get("description", ""),
                schema=schema,
                parameters=MappingProxyType(dict(flat(schema))),
                returns=Schema.read(facts["returns"]),
                permissions=EndpointPermissions.read(facts.get("permissions", {})),
                allow_token=facts.get("allowtoken", True),
                protected=facts.get("protected", False),
                proxy_to=facts.get("proxyto", ""),
                download_allowed=facts.get("download_allowed", False),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ApidocFormatError(
                f"The index entry of {self.method} {self.path} is damaged.",
                "Build the index again: proxmox-mcp index",
            ) from error

    @property
    def description(self) -> str:
        """Proxmox's description; empty if the index comes from a bundled snapshot."""
        return self._details.description

    @property
    def schema(self) -> Schema:
        """All parameters as one object; ``parameters`` flattens its ``all_of`` and ``one_of``."""
        return self._details.schema

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Every parameter by name, including those of the path; indexed ones as ``net[n]``.

        Where 9.2 has alternatives by type, a parameter that only some of them have is optional and has
        ``instance_types``; a parameter that they describe differently has the descriptions as ``one_of``.
        """
        return self._details.parameters

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the path parameters, in order."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def open(self) -> bool:
        """Whether it accepts parameters that the schema doesn't name."""
        return is_open(self._details.schema)

    @property
    def returns(self) -> Schema:
        """The schema of ``data`` in the response."""
        return self._details.returns

    @property
    def permissions(self) -> EndpointPermissions:
        """Who may call it."""
        return self._details.permissions

    @property
    def allow_token(self) -> bool:
        """Whether API tokens may call it (otherwise Proxmox responds 403)."""
        return self._details.allow_token

    @property
    def protected(self) -> bool:
        """Whether it runs in the privileged daemon (pvedaemon, as root)."""
        return self._details.protected

    @property
    def proxy_to(self) -> str:
        """The path parameter that names the node to answer; empty if any node does, or if code decides."""
        return self._details.proxy_to

    @property
    def upload(self) -> bool:
        """Whether it takes a file as multipart (PVE::APIServer::AnyEvent passes it on as ``tmpfilename``)."""
        return "tmpfilename" in self.parameters

    @property
    def download(self) -> bool:
        """Whether it always responds with a file instead of JSON."""
        return self.path.endswith("/download")

    @property
    def download_allowed(self) -> bool:
        """Whether it can stream its response as a file (the parameter ``download`` of task logs asks for this)."""
        return self._details.download_allowed

    @property
    def websocket(self) -> bool:
        """Whether it turns the connection into a websocket."""
        return self.path.endswith("websocket")


class CallProblem(NamedTuple):
    """One problem of a call.

    ``parameter`` is the name of the wrong parameter, ``path`` for the path and the method.
    ``kind`` is ``endpoint``, ``method``, ``unknown`` (parameter), ``missing``, ``conflict`` (path and body differ),
    ``requires``, ``type``, ``format``, ``pattern``, ``length``, ``bound``, ``enum``, ``index`` (above a limit that
    Proxmox doesn't publish), ``unpublished`` (violates a rule that is known from older releases and that this one
    doesn't publish), or ``unsendable`` (an HTTP request can't contain it).
    ``message`` says what is wrong, ``hint`` what is allowed and what was probably meant. A hint is built only when it
    is read: searching for similar names takes 2 ms, the check itself 60 µs.
    """

    parameter: str
    kind: str
    message: str
    advice: str | Callable[[], str] = ""

    @property
    def hint(self) -> str:
        """What is allowed, and what was probably meant."""
        return self.advice if isinstance(self.advice, str) else self.advice()


class Check(NamedTuple):
    """The result of validating a call.

    ``data`` holds the parameters encoded for sending, without those of the path; ``path`` is the canonical path to
    send, each segment percent-encoded. If not ``ok``, they are what would be sent anyway, without what can't be sent.
    ``endpoint`` is None if the path or method is unknown.
    """

    ok: bool
    endpoint: Endpoint | None
    path_params: Mapping[str, str]
    data: Wire
    path: str = ""
    problems: Sequence[CallProblem] = ()
