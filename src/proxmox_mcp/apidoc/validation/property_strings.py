"""Validates property strings: ``virtio,bridge=vmbr0,tag=20`` (``PVE::JSONSchema::parse_property_string``).

They are split at commas; blank parts are skipped; nothing is trimmed. A part is ``key=value`` with a non-empty value,
or, once, the value of the default key. Unknown and repeated keys are faults. Booleans also accept yes, on, true, ....
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.validation.faults import Fault, quoted_value
from proxmox_mcp.apidoc.validation.perl import SPACE, is_true, number
from proxmox_mcp.apidoc.validation.structures import is_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.apidoc.model import Schema

    Validator = Callable[[str], Fault | None]
    CrossCheck = Callable[[Mapping[str, str]], str]

_is_blank = re.compile(rf"[{SPACE}]*").fullmatch
_WORDS = {"1": "1", "on": "1", "yes": "1", "true": "1", "0": "0", "off": "0", "no": "0", "false": "0"}


MOST_TOLD = 8
"""The most faults of one property string in a message."""


class Dialect(Struct, frozen=True):
    """How releases parse property strings differently.

    ``bare_words``: a boolean default key without its name may be yes, on, ... (since libpve-common-perl 9.0.12).
    ``one_name``: a key given by its name and by an alias is a fault (since 9.1.9); before, the last one counted.
    """

    bare_words: bool = True
    one_name: bool = True


CURRENT = Dialect()


def dialect_of(version: str) -> Dialect:
    """How a version parses property strings; the newest way if ``version`` is empty."""
    return Dialect(bare_words=False, one_name=False) if is_before(version, 9) else CURRENT


class _Malformed(Exception):  # noqa: N818
    """The string can't be parsed."""


class PropertyString:
    """The validator of property strings with certain keys."""

    __slots__ = (
        "_cross_check",
        "_default_key",
        "_dialect",
        "_keys",
        "_required",
        "_requires",
        "_validator_of",
        "_validators",
    )

    def __init__(
        self,
        keys: Mapping[str, Schema],
        validator_of: Callable[[str, Schema], Validator | None],
        cross_check: CrossCheck | None = None,
        dialect: Dialect = CURRENT,
    ) -> None:
        """``validator_of`` builds the validator for one key; ``cross_check`` checks all values together."""
        self._keys = keys
        self._validator_of = validator_of
        self._validators: dict[str, Validator | None] = {}
        self._cross_check = cross_check
        self._dialect = dialect
        self._default_key = next((key for key, schema in keys.items() if schema.default_key), None)
        self._required = tuple(key for key, schema in keys.items() if not schema.optional and not schema.alias)
        self._requires = tuple((key, schema.requires) for key, schema in keys.items() if schema.requires)

    def __call__(self, text: str) -> Fault | None:
        """All faults of a text at once."""
        try:
            values = self.parse(text)
        except _Malformed as malformed:
            return Fault("format", str(malformed))
        found = [fault for key, value in values.items() if (fault := self._check_key(key, value))]
        found += [(key, "is required") for key in self._required if key not in values]
        found += [
            (needed, f"is required by {key}")
            for key, needed in self._requires
            if key in values and needed not in values
        ]
        if found:
            return Fault("format", _listed(found), key=found[0][0])
        if self._cross_check and (message := self._cross_check(values)):
            return Fault("format", message)
        return None

    def _check_key(self, key: str, value: str) -> tuple[str, str] | None:
        try:
            validate = self._validators[key]
        except KeyError:
            schema = self._keys.get(key)
            if schema is None:
                return quoted_value(key).strip("'"), "unknown key"
            validate = self._validators[key] = self._validator_of(key, schema)
        fault = validate(value) if validate else None
        return (key, fault.message) if fault else None

    def parse(self, text: str) -> dict[str, str]:
        """The values by key, with aliases resolved and booleans as 1 and 0."""
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
            raise _Malformed(f"{quoted_value(key)} has no value" if key else "a part has no key before =")
        if key in values:
            raise _Malformed(f"{key} is repeated")
        schema = self._keys.get(key)
        if schema is not None and schema.alias:
            if schema.key_alias:
                if schema.key_alias in values:
                    raise _Malformed(f"{schema.key_alias} is repeated: {key} sets it too")
                values[schema.key_alias] = key
            key = schema.alias
            schema = self._keys.get(key)
            if key in values and self._dialect.one_name:
                raise _Malformed(f"{key} is repeated under another name")
        values[key] = _WORDS.get(value.lower(), value) if schema and schema.type == "boolean" else value

    def _add_bare(self, values: dict[str, str], part: str, *, again: bool) -> None:
        key = self._default_key
        if key is None:
            raise _Malformed("a value has no key; write key=value")
        if again or is_true(values.get(key, "")):
            raise _Malformed(f"{key} is repeated (a value without a key is for {key})")
        if self._dialect.bare_words and self._keys[key].type == "boolean":
            part = _WORDS.get(part.lower().removesuffix("\n"), part)
        values[key] = part


def _listed(found: list[tuple[str, str]]) -> str:
    told = "; ".join(f"{key}: {message}" for key, message in found[:MOST_TOLD])
    return f"{told}; and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else told


def _prune_backups(values: Mapping[str, str]) -> str:
    """``PVE::Storage::Plugin::validate_prune_backups``."""
    keeps_some = any(number(value) > 0 for key, value in values.items() if key != "keep-all")
    return "keep-all can't be combined with other options" if is_true(values.get("keep-all", "")) and keeps_some else ""


def _cpu(values: Mapping[str, str]) -> str:
    return "" if is_true(values.get("cputype", "")) else "the CPU type is missing: cputype=..., or its name alone"


def _vm_cpu(values: Mapping[str, str]) -> str:
    """``PVE::QemuServer::CPUConfig::validate_vm_cpu_conf``. The list of models depends on the node."""
    if missing := _cpu(values):
        return missing
    model = values["cputype"]
    if not model.startswith("custom-") and not _may_be_model(model):
        return f"{quoted_value(model)} is not a CPU model; models are host, x86-64-v2-AES, kvm64, ..., or custom-NAME"
    return "reported-model is only for custom models" if "reported-model" in values else ""


_may_be_model = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._+-]+|486").fullmatch


def _fleecing(values: Mapping[str, str]) -> str:
    """``PVE::VZDump::Common::verify_backup_fleecing``."""
    enabled = is_true(values.get("enabled", ""))
    return "storage is required if fleecing is enabled" if enabled and not is_true(values.get("storage", "")) else ""


CROSS_CHECKS: Mapping[str, CrossCheck] = {
    "prune-backups": _prune_backups,
    "pve-cpu-conf": _cpu,
    "pve-vm-cpu-conf": _vm_cpu,
    "backup-fleecing": _fleecing,
}
