"""The privileges that Proxmox checks in code, beyond the published permissions: reviewed facts in ``privileges.toml``.

78 of the 140 endpoints with ``permissions: user all`` check more in their code (create a guest, back up, stop all), and
so do others for some of their parameters. ``apidoc.js`` mentions this only in descriptions, if at all.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.validation.perl import split_list
from proxmox_mcp.apidoc.validation.structures import indexed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Check = tuple[Any, ...]
"""A test of ``permissions``: ``("perm", "/vms/{vmid}", ("VM.Allocate",))``, ``("and", ...)``, ``("or", ...)``."""

PLACEHOLDER = re.compile(r"\{([\w-]+)(?:\|([\w=-]+))?\}")
"""``{vmid}`` is a parameter; ``{volume|owner}`` is a part of its value."""

_OWNER = re.compile(r"(?:^|[/:])(?:vm|base|subvol|basevol)-(\d+)-|vzdump-\w+-(\d+)-|backup/(?:vm|ct)/(\d+)/")
_MOST_NAMED = 4
_LONGEST_READ = 4096
"""Only this many characters of a value are matched, since not all patterns run in linear time."""
_SHOWN = {"vms": "vmid"}


class Need(Struct, frozen=True, kw_only=True):
    """One rule of ``privileges.toml``, which documents the keys. ``check`` is empty if ``root``."""

    check: Check = ()
    given: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    value: re.Pattern[str] | None = None
    when: str = ""
    root: bool = False
    unless_own: bool = False
    lists: bool = False
    unsure: bool = False
    plain: bool = False
    source: str = ""

    @property
    def always(self) -> bool:
        """Whether every call needs it, regardless of the parameters."""
        return not (self.given or self.absent or self.lists or self.unsure)

    @property
    def circumstances(self) -> str:
        """When it is needed, in a few words; empty if always."""
        if self.when or not (self.given or self.absent):
            return self.when
        names = self.given or self.absent
        more = "" if len(names) <= _MOST_NAMED else f" and {len(names) - _MOST_NAMED} more"
        return f"{'with' if self.given else 'without'} {', '.join(names[:_MOST_NAMED])}{more}"

    def checks(self, params: Mapping[str, Any]) -> list[Check]:
        """The tests for a call with these parameters: one for each value that the rule is about, without duplicates.

        Where the object of the privilege is unknown, the path keeps its ``{name}``.
        """
        return list(dict.fromkeys(bound(self.check, {**params, "given": value}) for value in self.values(params)))

    def values(self, params: Mapping[str, Any]) -> Iterator[str]:
        """The values that the rule is about; one empty text if it is about the call; empty if it does not apply."""
        if any(params.get(name) not in (None, "", []) for name in self.absent):
            return
        if not self.given:
            yield ""
            return
        for name, value in params.items():
            if value is None or not self._is_about(name):
                continue
            text = (",".join(map(str, value)) if isinstance(value, list) else str(value))[:_LONGEST_READ]
            if self.value is not None and not self.value.fullmatch(text):
                continue
            if not (self.unless_own and values_from("owner", text) == [str(params.get("vmid"))]):
                yield text
        if self.value is None or self.value.fullmatch(""):
            yield from ("" for name in values_from("each", params.get("delete")) if self._is_about(name))

    def _is_about(self, name: str) -> bool:
        found = indexed(name)
        return name in self.given or (found is not None and found[0] in self.given)


@lru_cache(maxsize=4096)
def needs_of(method: str, template: str) -> tuple[Need, ...]:
    """The privileges that an endpoint checks in code, beyond its published permissions, as far as reviewed."""
    call = f"{method} {template}"
    rules = "".join(f"[[rule]]\n{rule}\n" for rule in _rules().get(call, ()))
    return tuple(_need(table, call) for table in tomllib.loads(rules).get("rule", ()))


def bound(check: Check, params: Mapping[str, Any], *, missing: Callable[[str], str] | None = None) -> Check:
    """Fill the parameters of a call into the paths of a test.

    An unknown parameter keeps its placeholder, or becomes ``missing(name)``. If a placeholder has several values, the
    test must hold for each.
    """
    kind = check[0]
    if kind in ("and", "or"):
        return (kind, *(bound(part, params, missing=missing) for part in check[1:]))
    if kind not in ("perm", "perm-modify"):
        return check
    paths = [""]
    position = 0
    for found in PLACEHOLDER.finditer(check[1]):
        name, how = found.groups()
        texts = values_from(how or "", params.get(name))
        shown = found[0] if missing is None else missing(name)
        before = check[1][position : found.start()]
        paths = [f"{path}{before}{text}" for path in paths for text in texts or [shown]]
        position = found.end()
    tests = tuple((kind, path + check[1][position:], *check[2:]) for path in paths)
    return tests[0] if len(tests) == 1 else ("and", *tests)


def values_from(how: str, value: object) -> list[str]:
    """The parts of a value that a placeholder refers to; empty if the value has none."""
    if value in (None, "", []):
        return []
    if how == "each":
        return [str(each) for each in value] if isinstance(value, list) else split_list(str(value))
    text = str(value)
    if how == "storage":
        volume = re.sub(r"^(?:file|volume)=", "", text.partition(",")[0])
        storage, colon, _ = volume.partition(":")
        return [storage] if colon and storage else []
    if how == "owner":
        owner = _OWNER.search(text.partition(",")[0])
        return [next(each for each in owner.groups() if each)] if owner else []
    if how == "guest":
        return [text.partition("-")[0]]
    if how.startswith("="):
        pairs = dict(part.partition("=")[::2] for part in text.split(","))
        return [pairs[how[1:]]] if pairs.get(how[1:]) else []
    return [text]


def plain(path: str) -> str:
    """A path for people: ``/storage/{storage}`` for ``/storage/{given|storage}``."""
    return PLACEHOLDER.sub(_spoken, path)


def _spoken(found: re.Match[str]) -> str:
    name, how = found.groups()
    if how in (None, "each"):
        return f"{{{_SHOWN.get(name, name)}}}"
    return f"{{{how.lstrip('=')}}}"


def reviewed() -> Mapping[str, tuple[Need, ...]]:
    """All rules by ``METHOD /template``."""
    return {call: needs_of(*call.split(" ", 1)) for call in _rules()}


@cache
def _rules() -> Mapping[str, Sequence[str]]:
    """The rules of each call as TOML: to read all of them takes ten times as long, and an answer needs few.

    Each begins with the line of its ``calls``, an array of plain texts, which is JSON too.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    text = (data_directory() / "privileges.toml").read_text(encoding="utf-8")
    for rule in text.split("\n[[rule]]\n")[1:]:
        calls = json.loads(rule.partition("\n")[0].removeprefix("calls = "))
        for call in chain.from_iterable(map(_expanded, calls)):
            found[call].append(rule)
    return found


def _need(table: Mapping[str, Any], call: str) -> Need:
    return Need(
        check=_nested(table.get("check", ()), has_pool="{vmid}" not in call),
        given=tuple(table.get("given", ())),
        absent=tuple(table.get("absent", ())),
        value=re.compile(table["value"], re.DOTALL) if "value" in table else None,
        when=table.get("when", ""),
        root=table.get("root", False),
        unless_own=table.get("unless_own", False),
        lists=table.get("lists", False),
        unsure=table.get("unsure", False),
        plain=table.get("plain", False),
        source=table["source"],
    )


def _nested(check: Sequence[Any], *, has_pool: bool) -> Check:
    """A test as tuples; ``vm`` as in ``PVE::RPCEnvironment::check_vm_perm``: privileges on the pool count too."""
    if check and check[0] == "vm":
        privileges = tuple(check[1])
        guest = ("perm", "/vms/{vmid}", privileges)
        return ("or", guest, ("perm", "/pool/{pool}", privileges, "require_param", "pool")) if has_pool else guest
    return tuple(
        (_nested(part, has_pool=has_pool) if part and part[0] in _KINDS else tuple(part))
        if isinstance(part, list)
        else part
        for part in check
    )


_KINDS = frozenset({"perm", "perm-modify", "and", "or", "vm"})


def _expanded(written: str) -> Iterator[str]:
    """The calls that ``GET|PUT /cluster/(a|b)`` abbreviates."""
    methods, path = written.split(" ", 1)
    before, bracket, rest = path.partition("(")
    inside, _, after = rest.rpartition(")")
    templates = [f"{before}{each}{after}" for each in inside.split("|")] if bracket else [path]
    for method in methods.split("|"):
        yield from (f"{method} {template}" for template in templates)
