"""Secrets out of whatever is shown or kept: parameters, results, errors, log lines.

A value is recognised by its name, by the endpoint it belongs to, or by its own form (``secret_patterns``). What is
public stays: SSH and certificate keys, fingerprints, token ids, digests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from proxmox_mcp.record import secret_patterns
from proxmox_mcp.record.secret_patterns import HIDDEN, SHORTEST_MATCH, SecretsBelow, is_secret_name, secrets_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Keep = Callable[[str, Any], str]

_SHORTEST = 4
"""Shorter values are not taken out of texts: they would take too much else with them."""


class Redactor:
    """Takes secrets out. ``known`` are values that never may appear anywhere: our own credentials."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({value for value in known if len(value) >= _SHORTEST}, key=len, reverse=True)
        self._values = values
        self._known = re.compile("|".join(map(re.escape, values))) if values else None
        self._shortest = min((SHORTEST_MATCH, *map(len, values)))
        self._shortest_known = len(values[-1]) if values else 0

    def data(self, value: Any, template: str = "", keep: Callable[[str, Any], str] | None = None) -> Any:
        """Parameters or a result with secrets replaced, at any depth. ``template``: their endpoint's.

        ``value`` itself stays as it is; records of a list that hold no secret are in both.

        ``keep(name, value)`` is given each secret that is under a name, and says what replaces it: so
        what a call exists to give reaches the operator (``one_time_secrets.OneTimeSecrets.keeper``).
        """
        return self._value(value, secrets_below(template), keep or _hide)

    def text(self, text: str, also: Iterable[str] = ()) -> str:
        """Free text (an error, a log line) without secrets; ``also``: values of this call that are (``secrets_in``)."""
        if also and (there := {each for each in also if len(each) >= _SHORTEST and each in text}):
            longest_first = sorted(there, key=len, reverse=True)
            text = re.sub("|".join(map(re.escape, longest_first)), HIDDEN, text)
        return self._text(text)

    def _value(self, value: Any, local: SecretsBelow, keep: Keep) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | Mapping):
            return self._mapping(value, local, keep)
        if isinstance(value, list | tuple):
            if len(value) == 2 and isinstance(value[0], str) and value[0] in local.parts:
                return [value[0], self._value(_without_parts(value[0], value[1], local), local, keep)]
            return self._members(value, local, keep)
        return value

    def _members(self, members: Sequence[Any], local: SecretsBelow, keep: Keep) -> list[Any]:
        shown: list[Any] = []
        for start in range(0, len(members), _AT_ONCE):
            some = members[start : start + _AT_ONCE]
            plain = self._are_plain(some, local)
            shown += some if plain else [self._value(member, local, keep) for member in some]
        return shown

    def _mapping(self, value: Mapping[str, Any], local: SecretsBelow, keep: Keep) -> dict[str, Any]:
        if self._are_plain((value,), local):
            return dict(value)
        hidden, may_name_another = _secrets_among(frozenset(value), local)
        parts = local.parts
        if may_name_another and (subject := _subject(value, parts)):
            if is_secret_name(subject):
                hidden |= _VALUES_OF_SUBJECT & value.keys()
            else:
                parts = {**parts, **dict.fromkeys(_VALUES_OF_SUBJECT, parts[subject])}
        out = dict(value)
        for name, member in value.items():
            kind = type(member)
            if name in hidden and _shows_something(member):
                out[name] = keep(name, member)
                continue
            if kind is str:
                if len(member) >= self._shortest:
                    shown = parts[name].sub(rf"\1{HIDDEN}", member) if name in parts else member
                    out[name] = self._text(shown)
            elif kind not in _PLAIN:
                out[name] = self._value(member, local, keep)
        return out

    def _are_plain(self, records: Sequence[Any], local: SecretsBelow) -> bool:
        """Whether these are records that hold nothing nested, no name of a secret, and no text with anything of one.

        All names and texts are looked through together: record by record it took as long as parsing the answer.
        """
        if not all(type(record) is dict for record in records):
            return False
        names: frozenset[str] = frozenset().union(*records)
        hidden, may_name_another = _secrets_among(names, local)
        if hidden or may_name_another or not local.parts.keys().isdisjoint(names):
            return False
        texts = [member for record in records for member in record.values() if type(member) not in _PLAIN]
        try:
            whole = "\n".join(texts)
        except TypeError:  # One isn't text but something nested: asking each would take as long as all the rest.
            return False
        return not secret_patterns.may_hold(whole) and not any(known in whole for known in self._values)

    def _text(self, text: str) -> str:
        if len(text) < self._shortest:
            return text
        if self._known is not None and len(text) >= self._shortest_known:
            text = self._known.sub(HIDDEN, text)
        return secret_patterns.hide(text)


def _without_parts(name: str, value: Any, local: SecretsBelow) -> Any:
    return local.parts[name].sub(rf"\1{HIDDEN}", value) if isinstance(value, str) else value


def _hide(name: str, value: Any) -> str:  # noqa: ARG001
    return HIDDEN


_AT_ONCE = 25
"""Records looked through together. With more of them, one that holds something would have too many others looked
through one by one."""
_PLAIN = frozenset({int, float, bool, type(None)})
_VALUES_OF_SUBJECT = frozenset({"value", "pending", "old", "new", "default", "v"})


_MOST_NAMES_KEPT, _LONGEST_NAMES_KEPT = 100, 4_000
"""Records of more names are judged each time: what is remembered must not grow by what others write."""


def _secrets_among(names: frozenset[str], local: SecretsBelow) -> tuple[frozenset[str], bool]:
    """Which of a record's names are of secrets, and whether one of them may name another."""
    if len(names) <= _MOST_NAMES_KEPT and sum(map(len, names)) <= _LONGEST_NAMES_KEPT:
        return _secrets_among_few(names, local.names)
    return _judge_names(names, local.names)


def _judge_names(names: frozenset[str], local: frozenset[str]) -> tuple[frozenset[str], bool]:
    hidden = frozenset(name for name in names if name in local or is_secret_name(name))
    return hidden, not _VALUES_OF_SUBJECT.isdisjoint(names)


_secrets_among_few = lru_cache(maxsize=256)(_judge_names)
"""The names are alike in a whole list of records: 10,000 of them take 30 ms."""


def _subject(value: Mapping[str, Any], parts: Mapping[str, re.Pattern[str]]) -> str:
    """What an entry such as ``{"key": "cipassword", "value": ...}`` names by a value, where that holds secrets."""
    for name in ("key", "name", "k"):
        subject = value.get(name)
        if isinstance(subject, str) and (subject in parts or is_secret_name(subject)):
            return subject
    return ""


def secrets_in(data: Mapping[str, Any], template: str = "") -> frozenset[str]:
    """The secret values among the parameters of a call, for taking them out of what Proxmox answers."""
    return frozenset(text for text in _secret_texts(data, secrets_below(template)) if len(text) >= _SHORTEST)


def _secret_texts(value: Any, local: SecretsBelow) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if str(name) in local.names or is_secret_name(str(name)):
                yield from _leaves(member)
                continue
            if isinstance(member, str) and (pattern := local.parts.get(name)):
                yield from (found[0][len(found[1]) :] for found in pattern.finditer(member))
            yield from _secret_texts(member, local)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _secret_texts(member, local)
    elif isinstance(value, str):
        yield from secret_patterns.assigned(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _shows_something(value: Any) -> bool:
    """False for what tells only whether a secret is set: booleans, 0 and 1, nothing, Proxmox's own asterisks."""
    if value is None or isinstance(value, bool) or value in (0, 1, "", "0", "1"):
        return False
    return not (isinstance(value, str) and not value.strip("*"))
