"""A kind of configuration object as Proxmox keeps it: list, create, read, update, delete, with a digest.

Most of what a cluster keeps in /etc/pve behaves alike: sections of a file, one an object, with the file's SHA-1 as
digest. What differs from kind to kind (wording of the errors, what a GET shows, whether the digest is enforced) is the
data of a ``Kind``; what a kind does beyond that is a subclass of ``Collection``. The wording and the rules were
recorded from Proxmox VE 9.2.11's own code.
"""

# Tested through tests/demo/configuration/test_kinds.py.

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import DIGEST_CHANGED, split_list
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Collection as Container
    from collections.abc import Mapping

Values = dict[str, Any]


class Kind(Struct, frozen=True):
    """What is known of a kind of objects. ``{id}`` in a message stands for the object's identifier.

    ``key`` is the parameter that identifies an object; ``shown_key`` and ``listed_key`` are its names in the answers
    about one object and about all (empty: left out). A message that is empty means that Proxmox answers 200 and does
    nothing. ``listed`` names the options that a list shows (empty: all that one object shows).
    """

    path: str
    key: str
    unknown: str
    exists: str
    item: str = ""
    create_at_item: bool = False
    shown_key: str = ""
    listed_key: str = ""
    listed: Container[str] = ()
    constant: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    hidden: Container[str] = ()
    unknown_on_update: str = ""
    unknown_on_delete: str = ""
    unknown_option: str = "no such option '{key}'"
    required: Container[str] = ()
    required_on_update: Container[str] = ()
    create_failed: str = ""
    update_failed: str = ""
    delete_failed: str = ""
    digest_read: bool = True
    digest_listed: bool = True
    digest_enforced: bool = True
    digest_on_create: bool = False
    empty_is: str = "unset"
    refusal: int = 500
    missing: int = 500
    as_text: bool = False
    missing_as_parameter: bool = False
    result: str | None = None

    @property
    def item_path(self) -> str:
        return self.item or f"{self.path}/{{{self.key}}}"


class ConfigFile:
    """What shares a file in /etc/pve shares its digest."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Values]] = []

    def add(self, items: dict[str, Values]) -> None:
        self._parts.append(items)

    def digest(self) -> str:
        """The SHA-1 of the content."""
        return hashlib.sha1(json.dumps(self._parts, sort_keys=True).encode(), usedforsecurity=False).hexdigest()

    def check(self, given: str | None, failed: str = "", status: int = 500) -> None:
        """Refuse a stale digest, as ``PVE::Tools::assert_if_modified`` does."""
        if given and given != self.digest():
            raise PveError(status, failed + DIGEST_CHANGED)


class Collection:
    """The objects of one kind, in the order in which they were made."""

    def __init__(self, kind: Kind, file: ConfigFile | None = None, options: Container[str] = ()) -> None:
        """``options`` are the parameters of an update: what ``delete`` may name."""
        self.kind = kind
        self.file = file or ConfigFile()
        self.items: dict[str, Values] = {}
        self.file.add(self.items)
        self._options = options

    # What subclasses add.

    def prepared(self, values: Values) -> Values:
        """The options of a new object as they are kept; raises what Proxmox would."""
        return values

    def changed(self, _name: str, item: Values, _values: Values) -> Values:
        """An object after an update, before it is kept."""
        return item

    def removed(self, _name: str, _item: Values) -> None:
        """What goes with a deleted object."""

    def shown(self, _name: str, item: Values) -> Values:
        """The options of an object as GET shows them."""
        return item

    # What all do alike.

    def read(self, values: Values) -> Values:
        name = str(values[self.kind.key])
        if name not in self.items:
            raise self._missing(self.kind.unknown.format(id=name))
        answer = self._visible(name)
        if self.kind.shown_key:
            answer[self.kind.shown_key] = name
        if self.kind.digest_read:
            answer["digest"] = self.file.digest()
        return answer

    def list(self) -> list[Values]:
        answers = []
        for name in self.items:
            answer = self._visible(name)
            if self.kind.listed:
                answer = {key: value for key, value in answer.items() if key in self.kind.listed}
            if self.kind.listed_key:
                answer[self.kind.listed_key] = name
            if self.kind.digest_listed:
                answer["digest"] = self.file.digest()
            answers.append(answer)
        return answers

    def create(self, values: Values) -> str | None:
        kind, name = self.kind, str(values[self.kind.key])
        if kind.digest_on_create:
            self.file.check(values.get("digest"), kind.create_failed, kind.refusal)
        if name in self.items:
            raise PveError(kind.refusal, kind.create_failed + kind.exists.format(id=name))
        item = {key: value for key, value in values.items() if key not in (kind.key, "digest", "lock-token")}
        prepared = self.prepared({**kind.constant, **kind.defaults, **item})
        self.items[name] = {key: self._kept(value) for key, value in prepared.items() if not self._unsets(value)}
        return kind.result

    def update(self, values: Values) -> str | None:
        kind, name = self.kind, str(values[self.kind.key])
        if kind.digest_enforced:
            self.file.check(values.get("digest"), kind.update_failed, kind.refusal)
        if name not in self.items:
            raise self._missing((kind.unknown_on_update or kind.update_failed + kind.unknown).format(id=name))
        for key in kind.required_on_update:
            if key not in values:
                raise PveError(kind.refusal, f"{kind.update_failed}missing value for required option '{key}'")
        item = dict(self.items[name])
        for key in _names(values.get("delete")):
            self._delete_option(item, key)
        for key, value in values.items():
            if key in (kind.key, "digest", "delete", "lock-token"):
                continue
            if self._unsets(value):
                item.pop(key, None)
            elif value != "" or kind.empty_is != "keep":
                item[key] = self._kept(value)
        self.items[name] = self.changed(name, item, values)
        return kind.result

    def _delete_option(self, item: Values, key: str) -> None:
        kind = self.kind
        if key in kind.required:
            raise PveError(kind.refusal, f"{kind.update_failed}unable to delete required option '{key}'")
        if key not in self._options and kind.unknown_option:
            raise PveError(kind.refusal, kind.update_failed + kind.unknown_option.format(key=key))
        item.pop(key, None)

    def delete(self, values: Values) -> str | None:
        kind, name = self.kind, str(values[self.kind.key])
        self.file.check(values.get("digest"), kind.delete_failed, kind.refusal)
        if name in self.items:
            self.removed(name, self.items[name])
            del self.items[name]
        elif kind.unknown_on_delete:
            raise PveError(kind.missing, kind.delete_failed + kind.unknown_on_delete.format(id=name))
        return kind.result

    def _missing(self, message: str) -> PveError:
        if self.kind.missing_as_parameter:
            return PveError(400, "Parameter verification failed.", {self.kind.key: message})
        return PveError(self.kind.missing, message)

    def _visible(self, name: str) -> Values:
        return {key: value for key, value in self.shown(name, self.items[name]).items() if key not in self.kind.hidden}

    def _unsets(self, value: Any) -> bool:
        return value == [] or (value == "" and self.kind.empty_is == "unset")

    def _kept(self, value: Any) -> Any:
        return str(value) if self.kind.as_text and isinstance(value, int) else value


def _names(value: Any) -> list[str]:
    """The option names of a ``delete``: a list, or text with commas."""
    if isinstance(value, list):
        return [name for part in value for name in split_list(part)]
    return [str(name) for name in split_list(value)]
