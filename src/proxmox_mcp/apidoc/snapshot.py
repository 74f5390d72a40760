"""An index as lines of JSON: a header, then one endpoint per line.

Bundled snapshots contain facts only; the cache uses the same format with Proxmox's descriptions. Order and keys are
stable, so that a diff between the snapshots of two versions shows the changes of the API.
"""

from __future__ import annotations

import json
import re
from typing import cast

from msgspec.structs import asdict, replace

from proxmox_mcp.apidoc.facts import facts_only
from proxmox_mcp.apidoc.index import EndpointIndex, IndexSource
from proxmox_mcp.apidoc.model import Endpoint, Method
from proxmox_mcp.errors import ApidocFormatError

START = b'{"product":'
"""The first bytes of every snapshot."""

_HEAD = re.compile(rb'\{"method":"(GET|POST|PUT|DELETE)","path":"(/[ !#-[\]-~]*)","name":"([ !#-[\]-~]*)"')
_ADVICE = "Build it again: proxmox-mcp index --snapshot FILE"


def write_snapshot(index: EndpointIndex, *, prose: bool = False) -> bytes:
    """The index as lines, without Proxmox's descriptions unless ``prose``."""
    keep = prose and index.origin.prose
    header = asdict(replace(index.origin, prose=keep)) | {"endpoints": len(index.endpoints)}
    lines = [endpoint.facts if keep else facts_only(endpoint.facts) for endpoint in index.endpoints]
    return b"\n".join([json.dumps(header, separators=(",", ":")).encode(), *lines, b""])


def read_snapshot(data: bytes, *, trusted: bool = False) -> EndpointIndex:
    """The index from the lines of ``write_snapshot``.

    Endpoints are parsed on first use; if the lines are not ``trusted``, all are parsed now to find errors.
    Raises ApidocFormatError.
    """
    first, *lines = data.removesuffix(b"\n").split(b"\n")
    origin, count = _header(first)
    if len(lines) != count:
        raise ApidocFormatError(f"The snapshot has {len(lines)} endpoints, but its header says {count}.", _ADVICE)
    endpoints = tuple(_endpoint(number, line) for number, line in enumerate(lines, 2))
    if not trusted:
        for endpoint in endpoints:
            _ = replace(endpoint).schema
    return EndpointIndex(endpoints, origin)


def _header(line: bytes) -> tuple[IndexSource, int]:
    try:
        header = json.loads(line)
        count = int(header.pop("endpoints"))
        origin = IndexSource(**header)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ApidocFormatError("The snapshot does not start with a valid header.", _ADVICE) from error
    return origin, count


def _endpoint(number: int, line: bytes) -> Endpoint:
    if (head := _HEAD.match(line)) is None or not line.endswith(b"}"):
        raise ApidocFormatError(f"Line {number} of the snapshot is not an endpoint.", _ADVICE)
    method, path, name = (part.decode() for part in head.groups())
    return Endpoint(cast("Method", method), path, name, line)
