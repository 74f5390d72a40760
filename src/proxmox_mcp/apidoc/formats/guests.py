"""Formats of guest options, certificates and other values (PVE::QemuServer, PVE::LXC::Config, PVE::Certificate)."""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from proxmox_mcp.apidoc.formats.definition import Format, any_of, compiled, fullmatch, pattern_format
from proxmox_mcp.apidoc.model import METHODS
from proxmox_mcp.apidoc.validation.perl import SPACE, is_true, number, split_list

if TYPE_CHECKING:
    from collections.abc import Mapping

_DRIVE = r"(?:ide[0-3]|sata[0-5]|scsi(?:[12]?[0-9]|30)|virtio(?:[0-9]|1[0-5]))"
_is_drive = fullmatch(rf"{_DRIVE}|efidisk0|tpmstate0")
_is_boot_device = fullmatch(rf"{_DRIVE}|net(?:[12]?[0-9]|3[01])|usb(?:[0-9]|1[0-3])|hostpci(?:[0-9]|1[0-5])")
_FEATURES = frozenset({"network", "disk", "cpu", "memory", "usb", "cloudinit"})
_cpus = fullmatch(rf"[{SPACE}]*(\d+)(?:-(\d+))?[{SPACE}]*")
_start_up = fullmatch(r"(?:(?:order=)?|up=|down=)\d+\n?")
_is_blank = fullmatch(rf"[{SPACE}]*")
_zone = fullmatch(
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z0-9_+/-]+"
)


def _is_hotplug(text: str) -> bool:
    return text in {"0", "1"} or all(feature in _FEATURES for feature in split_list(text))


def _is_cpu_set(text: str) -> bool:
    return not text.rstrip(",") or all(map(_is_cpu_range, text.rstrip(",").split(",")))


def _is_cpu_range(text: str) -> bool:
    ends = _cpus(text)
    return ends is not None and number(ends[2] or ends[1]) >= number(ends[1])


def _is_start_up(text: str) -> bool:
    return is_true(text) and all(_is_blank(part) or _start_up(part) for part in text.split(","))


def _is_phys_bits(text: str) -> bool:
    bits = text.removesuffix("\n")
    if bits == "host":
        return True
    return 0 < len(bits) <= 2 and bits.isdecimal() and 8 <= number(bits) <= 64


def _is_time_zone(text: str) -> bool:
    """The list of zones depends on the node's zone.tab, so every possible name passes."""
    return text in {"host", "UTC"} or _zone(text) is not None


def _is_command_batch(text: str) -> bool:
    try:
        commands = json.loads(text.strip(" \t\r\n"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return isinstance(commands, list) and all(map(_is_command, commands))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_command(command: Any) -> bool:
    if not isinstance(command, dict):
        return False
    method, path = command.get("method"), command.get("path")
    known = isinstance(method, str) and method.removesuffix("\n") in METHODS
    return known and isinstance(path, str | int | float) and not isinstance(path, bool) and _may_be_args(command)


def _may_be_args(command: dict[str, Any]) -> bool:
    return command.get("args") is None or isinstance(command["args"], dict)


_LABEL = r"[^\n]{0,100}?"
_HEADER = rf"-----BEGIN {_LABEL}-----"
_BLOCK = (
    rf"-----BEGIN (?P<label>{_LABEL})-----(?P<body>[0-9A-Za-z+/={SPACE}]*+)"
    rf"-----END (?P<end>{_LABEL})-----(?P<blank>[{SPACE}]*+)"
)
_data_line = fullmatch(r"[0-9A-Za-z+/]+")
_last_line = fullmatch(r"[0-9A-Za-z+/]*={0,2}")


def _pem_labels(text: str) -> set[tuple[str, str]]:
    """The labels of the PEM blocks in a text (text before the first is ignored); empty if it is not valid PEM."""
    first = compiled(_HEADER).search(text)
    position = first.start() if first else len(text)
    labels: list[tuple[str, str]] = []
    apart = True
    while position < len(text):
        block = compiled(_BLOCK).match(text, position)
        if block is None or not apart or not _is_pem_body(block["body"]):
            return set()
        labels.append((block["label"], block["end"]))
        apart = "\n" in block["blank"]
        position = block.end()
    return set(labels) if len(labels) == 1 or len(set(labels)) == 1 else set()


def _is_pem_body(body: str) -> bool:
    """Lines of base64, the last one padded; a line break may split the padding."""
    if not body.endswith("\n"):
        return False
    *lines, last = [line for each in body.lstrip().split("\n") if (line := each.rstrip())] or [""]
    if last == "=" and lines:
        last = lines.pop() + last
    return all(map(_data_line, lines)) and _last_line(last) is not None


def _is_pem(text: str) -> bool:
    return text.count("-----BEGIN ") == 1 and bool(_pem_labels(text))


def _is_certificates(text: str) -> bool:
    return _pem_labels(text) == {("CERTIFICATE", "CERTIFICATE")}


GUESTS: Mapping[str, Format] = {
    "pve-qm-bootdisk": Format(
        lambda text: _is_drive(text) is not None,
        "a drive: ide0-3, sata0-5, scsi0-30, virtio0-15, efidisk0 or tpmstate0",
    ),
    "pve-qm-bootdev": Format(
        lambda text: _is_boot_device(text) is not None, "a drive, NIC, USB or PCI device, such as scsi0 or net0"
    ),
    "pve-hotplug-features": Format(_is_hotplug, f"0, 1, or a list of {', '.join(sorted(_FEATURES))}"),
    "pve-cpuset": Format(_is_cpu_set, "CPU numbers and ranges joined by commas, such as 0,2-4"),
    "pve-startup-order": Format(_is_start_up, "[order=]N, up=SECONDS, down=SECONDS joined by commas: order=1,up=30"),
    "pve-phys-bits": Format(_is_phys_bits, "host, or a number from 8 to 64"),
    "pve-ct-timezone": Format(_is_time_zone, "host, UTC, or a zone such as Europe/Vienna"),
    "pve-command-batch": Format(
        _is_command_batch, 'a JSON array of commands: [{"method": "GET", "path": "version", "args": {}}]'
    ),
    "pem-string": Format(_is_pem, "one block of PEM (-----BEGIN ...-----)"),
    "pem-certificate": Format(_is_certificates, "a certificate in PEM (-----BEGIN CERTIFICATE-----)"),
    "pem-certificate-chain": Format(_is_certificates, "certificates in PEM (-----BEGIN CERTIFICATE-----)"),
    "pve-tfa-secret": any_of(
        "a TFA secret (v2-0x and hex, or v2- and base32)",
        pattern_format(r"v2-0x[0-9a-fA-F]{16,128}", ""),
        pattern_format(r"v2-[A-Z2-7=]{16,128}", ""),
        pattern_format(r"(?:[A-Z2-7=]{16}|[A-Fa-f0-9]{40})", ""),
    ),
    "pve-day-of-week": pattern_format(
        "(mon|tue|wed|thu|fri|sat|sun)", "a day of the week: mon, tue, wed, thu, fri, sat, sun"
    ),
    "pve-task-status-type": pattern_format("(?i:ok|error|warning|unknown)", "one of ok, error, warning, unknown"),
    "pve-acme-domain": pattern_format(
        r"(?i:[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)+)", "a domain of two labels or more, such as pve.example.com"
    ),
    "pve-acme-alias": pattern_format(
        r"(?i:[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)+)",
        "a domain of two labels or more, such as acme.example.com",
    ),
    "ldap-simple-attr": pattern_format(r"[a-zA-Z0-9]+", "the name of an LDAP attribute (letters and digits)"),
    "urlencoded": pattern_format(
        r"[-%a-zA-Z0-9_.!~*'()]*",
        "URL-encoded text: encode blanks, line breaks, / + = @ and the like (a blank is %20, / is %2F, @ is %40)",
    ),
    "string": Format(lambda _: True, "any text"),
}
