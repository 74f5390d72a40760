"""Endpoints as text for a model: hits in a few lines each, one endpoint in full.

No descriptions of Proxmox's are given but those that say what the facts don't: what counts is what a call needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reference.parameters import folded, keys_of, plain, property_string, shared_shapes, together
from proxmox_mcp.apidoc.reference.privileges import needed, needed_besides
from proxmox_mcp.apidoc.validation.structures import structures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint, Schema
    from proxmox_mcp.search.grouping import Group
    from proxmox_mcp.search.searcher import Hit

    May = Callable[[Endpoint], bool]
    """Whether the token in use may call an endpoint."""

_TELLING = 5
_LINE = 130
_NOT_ALLOWED = "not allowed to this token"
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
    """Whether a call answers with a UPID: text, but where we know that it is something else."""
    reads = endpoint.method == "GET" or (endpoint.method, endpoint.path) in _PLAIN_TEXT
    return endpoint.returns.type == "string" and not reads


def readings(mended: Sequence[tuple[str, str]]) -> str:
    """What unknown words of a question were read as: whoever asked sees where the answer went astray."""
    return f"Read {', '.join(f'`{word}` as `{meant}`' for word, meant in mended)}."


def render_hits(groups: Sequence[Group], may: May | None = None) -> str:
    """Groups of hits, each in two to four lines: method and path, what it does, what it takes and needs.

    Five of them stay within 450 cl100k tokens.
    """
    return "\n".join(_hit(number, group, may) for number, group in enumerate(groups, 1))


def _hit(number: int, group: Group, may: May | None) -> str:
    endpoint = group.best.endpoint
    twins = f" (also {', '.join(_twin(endpoint, each) for each in group.endpoints[1:])})" if group.twins else ""
    does = _cut(group.best.does or endpoint.description)
    is_task = starts_task(endpoint) and "task" not in does
    marks = [mark for mark, is_so in (("task", is_task), (_NOT_ALLOWED, may and not may(endpoint))) if is_so]
    lines = [f"{number}. {endpoint.method} {endpoint.path}{twins}"]
    if does or marks:
        lines.append(f"  {does}{' ' if does and marks else ''}{''.join(f'[{mark}]' for mark in marks)}")
    parameters = _telling(group.best)
    needs = needed(endpoint, short=True)
    lines.append(f"  {parameters + ' | ' if parameters else ''}{_cut(needs)}")
    return "\n".join(lines)


def _cut(text: str) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= _LINE else first[: first.rfind(" ", 0, _LINE)] + " …"


def _twin(best: Endpoint, other: Endpoint) -> str:
    """What tells a twin from the best: its method, the kind of guest, or the scope of its firewall."""
    method = "" if best.method == other.method else other.method
    if best.path == other.path:
        return method
    segments = other.path.split("/")
    kind = segments[3] if len(segments) > 3 and segments[3] in ("qemu", "lxc") else ""
    vnet = "vnet" if segments[1:4] == ["cluster", "sdn", "vnets"] else ""
    return f"{method} {kind or vnet or segments[1].removesuffix('s')}".strip()


def _telling(hit: Hit) -> str:
    """The parameters that are required (``*``), the one that was asked for, and those that people ask for most."""
    parameters = hit.endpoint.parameters
    required = [name for name, schema in parameters.items() if not schema.optional]
    required = [name for name in required if name not in hit.endpoint.path_parameters]
    asked = [name for name in (hit.parameter, *hit.telling) if name in parameters and name not in required]
    chosen = list(dict.fromkeys(asked))[: max(1, _TELLING - len(required))]
    left = len(parameters) - len(hit.endpoint.path_parameters) - len(required) - len(chosen)
    more = [f"+{left}"] if left > 0 else []
    return " ".join([*(f"{name}*" for name in required), *chosen, *more])


def render_reference(endpoint: Endpoint, does: str = "", version: str = "", may: May | None = None) -> str:
    """One endpoint, complete in facts: what it takes, answers and needs.

    ``does`` is the line of our intents, ``version`` that of the index (for the keys of named property strings).
    """
    head = [f"{endpoint.method} {endpoint.path}"]
    if text := does or endpoint.description:
        head.append(text)
    if may and not may(endpoint):
        head.append(f"This call is {_NOT_ALLOWED}.")
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
    """What the signs mean that occur."""
    text = "\n".join(body)
    meanings = [meaning for sign, meaning in _NOTATION if re.search(sign, text, re.MULTILINE)]
    return f" ({'; '.join(meanings)})" if meanings else ""


def _marked(name: str, schema: Schema) -> str:
    return folded(name) + ("" if schema.optional else "*")
