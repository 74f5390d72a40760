"""The API as values that don't change: endpoints, their parameters, and what a check says of a call.

The terms are those of ``PVE::JSONSchema`` and ``PVE::RESTHandler`` (pve-common), whose dump ``apidoc.js`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Method = Literal["GET", "POST", "PUT", "DELETE"]

Scalar = str | int | float | bool | None

Wire = dict[str, str | list[str]]
"""Parameters as they are sent: text, or a list of texts for a key that is repeated (``type: array``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One value, as ``PVE::JSONSchema`` describes it: a parameter, a member of a list, a key of a property string.

    ``format`` is a name (``pve-vmid``, ``pve-node-list``) or, for a property string, its keys.
    ``alias`` and ``key_alias`` belong to keys of property strings (``virtio=MAC`` is model and macaddr).
    ``one_of`` holds alternatives of 9.x, each for the instance types it names. ``enum`` members are text, as
    Proxmox compares them. ``description`` is empty where the schema comes from a bundled snapshot.
    """

    type: str = "string"
    optional: bool = False
    description: str = ""
    default: Scalar = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | Mapping[str, Schema] | None = None
    items: Schema | None = None
    properties: Mapping[str, Schema] | None = None
    additional_properties: bool = True
    requires: str | None = None
    default_key: bool = False
    alias: str | None = None
    key_alias: str | None = None
    type_property: str | None = None
    instance_types: tuple[str, ...] = ()
    one_of: tuple[Schema, ...] = ()
    all_of: tuple[Schema, ...] = ()


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


class Endpoint(Protocol):
    """One method of one path template, such as ``POST /nodes/{node}/qemu/{vmid}/clone``.

    ``parameters`` holds those of the path too; ``path_parameters`` names them in order. ``open`` is true where
    any parameter is taken. ``returns`` describes ``data`` of the answer. ``proxy_to`` names the path parameter
    whose node answers. ``download`` and ``upload`` mark what JSON can't carry.
    """

    @property
    def method(self) -> Method: ...
    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Schema]: ...
    @property
    def path_parameters(self) -> tuple[str, ...]: ...
    @property
    def open(self) -> bool: ...
    @property
    def returns(self) -> Schema: ...
    @property
    def permissions(self) -> Permissions: ...
    @property
    def allow_token(self) -> bool: ...
    @property
    def protected(self) -> bool: ...
    @property
    def proxy_to(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a call.

    ``parameter`` is the name of the parameter at fault, ``path`` for the path and ``method`` for the method.
    ``kind`` is ``endpoint``, ``method``, ``unknown`` (parameter), ``missing``, ``conflict`` (path against body),
    ``requires``, ``type``, ``format``, ``pattern``, ``length``, ``bound``, ``enum`` or ``index``.
    ``message`` says what is wrong, ``hint`` what is allowed and the nearest right thing; hints are made when read.
    """

    parameter: str
    kind: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What a check says of a call.

    ``data`` are the parameters encoded for the wire, without those of the path; ``path`` is the canonical path to
    send, each segment percent-encoded; both are only meaningful where ``ok``.
    """

    ok: bool
    endpoint: Endpoint | None
    path_params: Mapping[str, str]
    data: Wire
    path: str = ""
    problems: Sequence[Problem] = ()
