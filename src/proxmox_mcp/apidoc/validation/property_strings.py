"""Property strings: ``virtio,bridge=vmbr0,tag=20`` (``PVE::JSONSchema::parse_property_string``).

Split at commas, blank parts skipped, nothing trimmed. ``key=value`` with a value that is not empty; a bare part is
the value of the default key, once. Keys that are unknown or come twice are faults. Booleans have words of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.validation.faults import Fault, shown
from proxmox_mcp.apidoc.validation.perl import SPACE, is_true, number
from proxmox_mcp.apidoc.validation.structures import is_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.apidoc.model import Schema

    Judge = Callable[[str], Fault | None]
    Validator = Callable[[Mapping[str, str]], str]

_is_blank = re.compile(rf"[{SPACE}]*").fullmatch
_WORDS = {"1": "1", "on": "1", "yes": "1", "true": "1", "0": "0", "off": "0", "no": "0", "false": "0"}


MOST_TOLD = 8
"""How many faults of one property string are told."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where releases read property strings differently.

    ``bare_words``: a bare value of a boolean default key may be yes, on and the like (libpve-common-perl 9.0.12).
    ``one_name``: a key under its own name and under an alias is a fault (9.1.9), else the last one counts.
    """

    bare_words: bool = True
    one_name: bool = True


CURRENT = Dialect()


def dialect_of(version: str) -> Dialect:
    """How a version reads property strings; the newest way where none is named."""
    return Dialect(bare_words=False, one_name=False) if is_before(version, 9) else CURRENT


class _Malformed(Exception):  # noqa: N818
    """The string can't be taken apart."""


class PropertyString:
    """The judge of property strings with certain keys."""

    __slots__ = ("_default_key", "_dialect", "_judge", "_judges", "_keys", "_required", "_requires", "_validator")

    def __init__(
        self,
        keys: Mapping[str, Schema],
        judge: Callable[[str, Schema], Judge | None],
        validator: Validator | None = None,
        dialect: Dialect = CURRENT,
    ) -> None:
        """``judge`` makes the judge of one key's values; ``validator`` says what is wrong with them together."""
        self._keys = keys
        self._judge = judge
        self._judges: dict[str, Judge | None] = {}
        self._validator = validator
        self._dialect = dialect
        self._default_key = next((key for key, schema in keys.items() if schema.default_key), None)
        self._required = tuple(key for key, schema in keys.items() if not schema.optional and not schema.alias)
        self._requires = tuple((key, schema.requires) for key, schema in keys.items() if schema.requires)

    def __call__(self, text: str) -> Fault | None:
        """What is wrong with a text, all of it at once."""
        try:
            values = self.parse(text)
        except _Malformed as malformed:
            return Fault("format", str(malformed))
        found = [fault for key, value in values.items() if (fault := self._judge_key(key, value))]
        found += [(key, "is required") for key in self._required if key not in values]
        found += [
            (needed, f"is required by {key}")
            for key, needed in self._requires
            if key in values and needed not in values
        ]
        if found:
            return Fault("format", _listed(found), key=found[0][0])
        if self._validator and (message := self._validator(values)):
            return Fault("format", message)
        return None

    def _judge_key(self, key: str, value: str) -> tuple[str, str] | None:
        try:
            judge = self._judges[key]
        except KeyError:
            schema = self._keys.get(key)
            if schema is None:
                return shown(key).strip("'"), "there is no such key"
            judge = self._judges[key] = self._judge(key, schema)
        fault = judge(value) if judge else None
        return (key, fault.message) if fault else None

    def parse(self, text: str) -> dict[str, str]:
        """The values by key, aliases resolved and booleans as 1 and 0."""
        values: dict[str, str] = {}
        bare_seen = False
        for part in text.split(","):
            key, equals, value = part.partition("=")
            if equals:
                self._add(values, key, value)
            elif part and not _is_blank(part):
                self._add_bare(values, part, again=bare_seen)
                bare_seen = True
        return values

    def _add(self, values: dict[str, str], key: str, value: str) -> None:
        value = value.removesuffix("\n")
        if not key or not value or "\n" in value:
            raise _Malformed(f"{shown(key)} has no value" if key else "a part has no key before its =")
        if key in values:
            raise _Malformed(f"{key} comes twice")
        schema = self._keys.get(key)
        if schema is not None and schema.alias:
            if schema.key_alias:
                if schema.key_alias in values:
                    raise _Malformed(f"{schema.key_alias} comes twice, as {key} says it too")
                values[schema.key_alias] = key
            key = schema.alias
            schema = self._keys.get(key)
            if key in values and self._dialect.one_name:
                raise _Malformed(f"{key} comes twice, once under another name")
        values[key] = _WORDS.get(value.lower(), value) if schema and schema.type == "boolean" else value

    def _add_bare(self, values: dict[str, str], part: str, *, again: bool) -> None:
        key = self._default_key
        if key is None:
            raise _Malformed("a value stands without its key; write key=value")
        if again or is_true(values.get(key, "")):
            raise _Malformed(f"{key} comes twice (a value without a key is that of {key})")
        if self._dialect.bare_words and self._keys[key].type == "boolean":
            part = _WORDS.get(part.lower().removesuffix("\n"), part)
        values[key] = part


def _listed(found: list[tuple[str, str]]) -> str:
    told = "; ".join(f"{key}: {message}" for key, message in found[:MOST_TOLD])
    return f"{told}; and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else told


def _prune_backups(values: Mapping[str, str]) -> str:
    """``PVE::Storage::Plugin::validate_prune_backups``."""
    keeps_some = any(number(value) > 0 for key, value in values.items() if key != "keep-all")
    return (
        "keep-all can't stand together with other options" if is_true(values.get("keep-all", "")) and keeps_some else ""
    )


def _cpu(values: Mapping[str, str]) -> str:
    return "" if is_true(values.get("cputype", "")) else "the type of the CPU is missing: cputype=..., or the bare name"


def _vm_cpu(values: Mapping[str, str]) -> str:
    """``PVE::QemuServer::CPUConfig::validate_vm_cpu_conf``. Which models there are the node says."""
    if missing := _cpu(values):
        return missing
    model = values["cputype"]
    if not model.startswith("custom-") and not _may_be_model(model):
        return f"{shown(model)} is no CPU model; models are host, x86-64-v2-AES, kvm64, ..., or custom-NAME"
    return "reported-model is for custom models only" if "reported-model" in values else ""


_may_be_model = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._+-]+|486").fullmatch


def _fleecing(values: Mapping[str, str]) -> str:
    """``PVE::VZDump::Common::verify_backup_fleecing``."""
    enabled = is_true(values.get("enabled", ""))
    return "storage is required where fleecing is enabled" if enabled and not is_true(values.get("storage", "")) else ""


VALIDATORS: Mapping[str, Validator] = {
    "prune-backups": _prune_backups,
    "pve-cpu-conf": _cpu,
    "pve-vm-cpu-conf": _vm_cpu,
    "backup-fleecing": _fleecing,
}
