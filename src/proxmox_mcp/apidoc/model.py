"""The API as values that don't change: endpoints, their parameters, and what a check says of a call.

The terms are those of ``PVE::JSONSchema`` and ``PVE::RESTHandler`` (pve-common), whose dump ``apidoc.js`` is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from proxmox_mcp.apidoc.schema import Scalar, Schema, flat, is_open
from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Check", "Endpoint", "Method", "Permissions", "Problem", "Scalar", "Schema", "Wire"]

Method = Literal["GET", "POST", "PUT", "DELETE"]

Wire = dict[str, str | list[str]]
"""Parameters as they are sent: text, or a list of texts for a key that is repeated (``type: array``)."""

_PATH_PARAMETER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Who may call an endpoint.

    ``user`` is ``"all"`` (any login), ``"world"`` (no login) or empty. ``check`` is Proxmox's own expression,
    nested tuples such as ``("and", ("perm", "/vms/{vmid}", ("VM.Clone",)), ...)``; empty where there is none
    (then only root@pam passes, unless ``user`` says otherwise). See ``PVE::RPCEnvironment::exec_api2_perm_check``.
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
    """What of an endpoint is read on first use."""

    description: str
    schema: Schema
    parameters: Mapping[str, Schema]
    returns: Schema
    permissions: Permissions
    allow_token: bool
    protected: bool
    proxy_to: str
    download_allowed: bool


@dataclass(frozen=True)
class Endpoint:
    """One method of one path template, such as ``POST /nodes/{node}/qemu/{vmid}/clone``.

    ``facts`` is its line of the index (JSON); all but method, path and name is read from it on first use, and
    raises ApidocFormatError if the line is damaged.
    """

    method: Method
    path: str
    name: str
    facts: bytes = field(repr=False)

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
                permissions=Permissions.read(facts.get("permissions", {})),
                allow_token=facts.get("allowtoken", True),
                protected=facts.get("protected", False),
                proxy_to=facts.get("proxyto", ""),
                download_allowed=facts.get("download_allowed", False),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ApidocFormatError(
                f"The index holds no sound description of {self.method} {self.path}.",
                "Build the index again: proxmox-mcp index",
            ) from error

    @property
    def description(self) -> str:
        """Proxmox's own words; empty where the index comes from a bundled snapshot."""
        return self._details.description

    @property
    def schema(self) -> Schema:
        """All parameters as one object; its ``all_of`` and ``one_of`` are what ``parameters`` flattens."""
        return self._details.schema

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Every parameter by name, those of the path too; indexed ones as ``net[n]``.

        Where 9.2 gives alternatives, a parameter that not all of them have is optional and names its
        ``instance_types``; one that they describe differently has them as ``one_of``.
        """
        return self._details.parameters

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the parameters of the path, in order."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def open(self) -> bool:
        """Whether parameters that the schema doesn't name are taken."""
        return is_open(self._details.schema)

    @property
    def returns(self) -> Schema:
        """What ``data`` of the answer is."""
        return self._details.returns

    @property
    def permissions(self) -> Permissions:
        """Who may call it."""
        return self._details.permissions

    @property
    def allow_token(self) -> bool:
        """Whether an API token may call it at all (Proxmox answers 403 otherwise)."""
        return self._details.allow_token

    @property
    def protected(self) -> bool:
        """Whether it runs in the privileged daemon."""
        return self._details.protected

    @property
    def proxy_to(self) -> str:
        """The path parameter whose node answers; empty where any node does, or code decides."""
        return self._details.proxy_to

    @property
    def upload(self) -> bool:
        """Whether it takes a file as multipart (PVE::APIServer::AnyEvent hands it on as ``tmpfilename``)."""
        return "tmpfilename" in self.parameters

    @property
    def download(self) -> bool:
        """Whether it always answers with a file instead of JSON."""
        return self.path.endswith("/download")

    @property
    def download_allowed(self) -> bool:
        """Whether it may stream its answer as a file (the parameter ``download`` of task logs asks for it)."""
        return self._details.download_allowed

    @property
    def websocket(self) -> bool:
        """Whether it turns the connection into a websocket."""
        return self.path.endswith("websocket")


class Problem(NamedTuple):
    """One fault of a call.

    ``parameter`` is the name of the parameter at fault, ``path`` for the path and the method.
    ``kind`` is ``endpoint``, ``method``, ``unknown`` (parameter), ``missing``, ``conflict`` (path against body),
    ``requires``, ``type``, ``format``, ``pattern``, ``length``, ``bound``, ``enum``, ``index`` (beyond a bound that
    Proxmox doesn't publish), ``unpublished`` (against what older releases ask and this one doesn't publish), or
    ``unsendable`` (no HTTP request can carry it).
    ``message`` says what is wrong, ``hint`` what is allowed and the nearest right thing; it is made when it is read.
    """

    parameter: str
    kind: str
    message: str
    advice: str | Callable[[], str] = ""

    @property
    def hint(self) -> str:
        """What is allowed, and the nearest right thing."""
        return self.advice if isinstance(self.advice, str) else self.advice()


class Check(NamedTuple):
    """What a check says of a call.

    ``data`` are the parameters encoded for the wire, without those of the path; ``path`` is the canonical path to
    send, each segment percent-encoded. Where not ``ok`` they are the call as it would be sent nevertheless, without
    what can't be sent; ``endpoint`` is None where there is none.
    """

    ok: bool
    endpoint: Endpoint | None
    path_params: Mapping[str, str]
    data: Wire
    path: str = ""
    problems: Sequence[Problem] = ()
