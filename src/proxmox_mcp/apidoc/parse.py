"""Parses ``apidoc.js`` as Proxmox publishes it into an index.

The document is JavaScript: ``const apiSchema = [`` (7 and later) or ``var pveapi = [`` (6), a JSON array, then the
code of the viewer. Only the array is parsed, as JSON; nothing is evaluated.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn, cast

from proxmox_mcp.apidoc.facts import encode, endpoint_facts
from proxmox_mcp.apidoc.index import EndpointIndex, IndexSource
from proxmox_mcp.apidoc.model import METHODS, Endpoint, Method
from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROLOGUE = re.compile(r"\ufeff?(?:\s|//[^\n]*(?:\n|$)|/\*.*?\*/)*(?:(?:const|let|var)\s+\w+\s*=\s*)?(?=\[)", re.DOTALL)
_MARKUP = re.compile(r"\ufeff?\s*<")
_ADVICE = "An apidoc.js is at https://NODE:8006/pve-docs/api-viewer/apidoc.js on every Proxmox VE node."


def parse_apidoc(document: bytes, *, version: str = "") -> EndpointIndex:
    """The index of an ``apidoc.js``, sorted by path and method. The document does not contain its ``version``.

    Raises ApidocFormatError for a web page, another document, or a truncated one.
    """
    endpoints = tuple(sorted(_endpoints(_array(document)), key=_order))
    if not endpoints:
        raise ApidocFormatError("The document contains no endpoints.", _ADVICE)
    for one, other in pairwise(endpoints):
        if _order(one) == _order(other):
            raise ApidocFormatError(f"The document describes {one.method} {one.path} twice.", _ADVICE)
    digest = hashlib.sha256(document).hexdigest()
    return EndpointIndex(endpoints, IndexSource(version=version, digest=digest, prose=True))


def _order(endpoint: Endpoint) -> tuple[str, int]:
    return endpoint.path, METHODS.index(endpoint.method)


def _array(document: bytes) -> list[Any]:
    """The JSON array in the document."""
    try:
        text = document.decode()
    except UnicodeDecodeError as error:
        raise ApidocFormatError("The document is not an apidoc.js: it is not UTF-8 text.", _ADVICE) from error
    if not text.strip("\ufeff \t\r\n"):
        raise ApidocFormatError("The document is empty.", _ADVICE)
    if _MARKUP.match(text):
        raise ApidocFormatError("The document is a web page, not an apidoc.js.", _ADVICE)
    prologue = _PROLOGUE.match(text)
    if prologue is None:
        raise ApidocFormatError(
            "The document is not an apidoc.js: it does not start with const apiSchema = [ ...", _ADVICE
        )
    try:
        array, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text, prologue.end())
    except (ValueError, RecursionError) as error:
        raise ApidocFormatError(
            f"The document contains no complete JSON array: {error}. It may be truncated.", _ADVICE
        ) from error
    return cast("list[Any]", array)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _endpoints(array: list[Any]) -> Iterator[Endpoint]:
    """The endpoints of the tree, without recursion: a hostile document could be nested arbitrarily deep."""
    nodes = list(reversed(array))
    while nodes:
        node = nodes.pop()
        try:
            path = _path(node["path"])
            nodes.extend(reversed(node.get("children") or ()))
            methods = dict(node.get("info") or {})
            for method in METHODS:
                if method in methods:
                    yield _endpoint(method, path, methods[method])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            shown = node.get("path") if isinstance(node, dict) else node
            raise ApidocFormatError(
                f"The document does not have the structure of an apidoc.js, at {str(shown)[:80]!r}: {error}", _ADVICE
            ) from error


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("a path must start with a slash")
    return value


def _endpoint(method: Method, path: str, info: dict[str, Any]) -> Endpoint:
    facts = endpoint_facts(method, path, info)
    return Endpoint(method, path, facts["name"], encode(facts))
