"""One endpoint in full, as text for a model.

Proxmox's description is given only where we have no line of our own: descriptions are long, and a call needs the facts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reference.parameters import folded, keys_of, plain, property_string, shared_shapes, together
from proxmox_mcp.apidoc.reference.privileges import needed, needed_besides
from proxmox_mcp.apidoc.validation.structures import structures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint, Schema

_PLAIN_TEXT = {
    ("POST", "/access/openid/auth-url"),
    ("POST", "/cluster/sdn/lock"),
    ("POST", "/nodes/{node}/qemu/{vmid}/monitor"),
    ("POST", "/nodes/{node}/storage/{storage}/content"),
    ("POST", "/nodes/{node}/wakeonlan"),
}
_NOTATION = (
    (r"\w\*(?=[:,;} ]|$)", "* required"),
    (r"(?<=[\w/)>])=\w", "=1 default"),
    (r"\w\|\w", "a|b one of"),
    (r"\w\{[,_-]", "a{,-b} is a|a-b"),
    (r"\w\*\|", "a* several that begin so"),
    (r" <", "<x> a format"),
    (r" /", "/x/ a pattern"),
    (r"\\h", r"\h a hex digit"),
    (r" \{", "{..} a property string k=v,k=v"),
    (r"\[[\w-]+=\]", "[k=] a key that may be left out"),
    (r"\{@", "@x keys of x"),
)


def starts_task(endpoint: Endpoint) -> bool:
    """Whether a call answers with a UPID: with text, except where we know that the text is something else."""
    reads = endpoint.method == "GET" or (endpoint.method, endpoint.path) in _PLAIN_TEXT
    return endpoint.returns.type == "string" and not reads


def render_reference(endpoint: Endpoint, does: str = "", version: str = "") -> str:
    """One endpoint with all its facts: parameters, answer and privileges.

    ``does`` is the line of ``apidoc/intents``; ``version`` selects the keys of named property strings.
    """
    head = [f"{endpoint.method} {endpoint.path}"]
    if text := does or endpoint.description:
        head.append(text)
    head.append(f"Needs: {needed(endpoint)}{'' if endpoint.allow_token else '; no API token may call it'}")
    head += needed_besides(endpoint)
    head.append(f"Answers: {_answer(endpoint)}")
    return "\n".join([*head, *_parameters(endpoint, structures(version))])


def _answer(endpoint: Endpoint) -> str:
    returns = endpoint.returns
    if starts_task(endpoint):
        return "the UPID of the task that it starts"
    if returns.type == "null":
        return "nothing"
    if returns.type == "array":
        return f"a list of {_fields(returns.items)}"
    return _fields(returns)


def _fields(schema: Schema | None) -> str:
    if schema is None:
        return "values"
    if not schema.properties:
        return plain(schema)
    return "{" + ", ".join(f"{name}{'?' if each.optional else ''}" for name, each in schema.properties.items()) + "}"


def _parameters(endpoint: Endpoint, known: Mapping[str, Mapping[str, Schema]]) -> list[str]:
    own = {name: each for name, each in endpoint.parameters.items() if name not in endpoint.path_parameters}
    in_path = {name: each for name, each in endpoint.parameters.items() if name in endpoint.path_parameters}
    lines = [f"Path: {', '.join(f'{name} {plain(each)}' for name, each in in_path.items())}"] if in_path else []
    if not own:
        return [*lines, "Parameters: any" if endpoint.open else "Parameters: none"]
    spelled = {name: keys for name, each in own.items() if (keys := keys_of(each, known))}
    shapes = shared_shapes(spelled)
    simple = [(_marked(name, each), plain(each)) for name, each in own.items() if name not in spelled]
    strings = [(_marked(name, own[name]), property_string(keys, shapes.get(name))) for name, keys in spelled.items()]
    open_end = ["any other parameter is taken too"] if endpoint.open else []
    body = [*together(simple), *together(strings), *open_end]
    return [*lines, f"Parameters{_notation(body)}:", *body]


def _notation(body: Sequence[str]) -> str:
    """The legend of the signs that occur in the text."""
    text = "\n".join(body)
    meanings = [meaning for sign, meaning in _NOTATION if re.search(sign, text, re.MULTILINE)]
    return f" ({'; '.join(meanings)})" if meanings else ""


def _marked(name: str, schema: Schema) -> str:
    return folded(name) + ("" if schema.optional else "*")
