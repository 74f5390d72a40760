"""Formats of network addresses and names (PVE::JSONSchema, PVE::ParseUtils, PVE::Firewall).

The grammar of IPv6 is that of RFC 3986, section 3.2.2: no zone, no leading zeros in an IPv4 part.
"""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats import net_ip
from proxmox_mcp.apidoc.formats.definition import Format, any_of, fullmatch, pattern_format
from proxmox_mcp.apidoc.formats.identifiers import IDENTIFIERS, NODE
from proxmox_mcp.apidoc.validation.perl import is_true, number

if TYPE_CHECKING:
    from collections.abc import Mapping

_OCTET = r"(?:25[0-5]|(?:2[0-4]|1[0-9]|[1-9])?[0-9])"
_V4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H = r"[0-9a-fA-F]{1,4}"
_LAST32 = rf"(?:{_H}:{_H}|{_V4})"
_V6 = "|".join(
    (
        rf"(?:{_H}:){{6}}{_LAST32}",
        rf"::(?:{_H}:){{5}}{_LAST32}",
        rf"(?:{_H})?::(?:{_H}:){{4}}{_LAST32}",
        rf"(?:(?:{_H}:){{0,1}}{_H})?::(?:{_H}:){{3}}{_LAST32}",
        rf"(?:(?:{_H}:){{0,2}}{_H})?::(?:{_H}:){{2}}{_LAST32}",
        rf"(?:(?:{_H}:){{0,3}}{_H})?::{_H}:{_LAST32}",
        rf"(?:(?:{_H}:){{0,4}}{_H})?::{_LAST32}",
        rf"(?:(?:{_H}:){{0,5}}{_H})?::{_H}",
        rf"(?:(?:{_H}:){{0,6}}{_H})?::",
    )
)
_is_v4 = fullmatch(rf"{_V4}\n?")
_is_v6 = fullmatch(rf"(?:{_V6})\n?")
_cidr4 = fullmatch(rf"{_V4}/(\d+)\n?")
_cidr6 = fullmatch(rf"(?:{_V6})/(\d+)\n?")
_address_or_network = fullmatch(rf"(?P<ip>{_V4}|{_V6})(?:/(?P<bits>\d+))?\n?")
_v6_with_port = fullmatch(rf"(?:{_V6})(?:\.\d+)?\n?")
_in_brackets = fullmatch(rf"\[(?:{_V6})\](?::\d+)?\n?")
_link_local = fullmatch(r"(fe80:[^%]+)%(.*)\n?")
_LONGEST_ADDRESS = 64


def _is_ipv4(text: str) -> bool:
    return _is_v4(text) is not None


def _is_ipv6(text: str) -> bool:
    return len(text) < _LONGEST_ADDRESS and _is_v6(text) is not None


def _is_ip(text: str) -> bool:
    return _is_ipv4(text) or _is_ipv6(text)


def _is_cidr4(text: str) -> bool:
    network = _cidr4(text)
    return network is not None and 7 < number(network[1]) <= 32


def _is_cidr6(text: str) -> bool:
    network = _cidr6(text)
    return network is not None and 7 < number(network[1]) <= 128


def _is_dns_name(text: str) -> bool:
    return all(map(_is_label, text.removesuffix("\n").split(".")))


_label = fullmatch(NODE)


def _is_label(text: str) -> bool:
    return _label(text) is not None


def _is_address(text: str) -> bool:
    return is_true(text) and (_is_ip(text) or _is_dns_name(text))


def is_address_or_network(text: str) -> bool:
    """``IPorCIDR``: Proxmox clears the host bits of a network before ``Net::IP`` checks it."""
    parts = _address_or_network(text)
    if parts is None:
        return False
    bits = parts["bits"]
    if not bits or bits == "0":
        return net_ip.version(text) is not None
    return number(bits) <= (128 if ":" in text else 32)


def _is_link_local(text: str) -> bool:
    parts = _link_local(text)
    if parts and _is_ip(parts[1]) and IDENTIFIERS["pve-iface"].passes(parts[2]):
        return True
    return _is_ip(text)


_host_and_port = fullmatch(r"(\[)?(?P<host>[^\[\]:]+)(?(1)\])(?::\d+)?")


def _is_portal(text: str) -> bool:
    parts = _host_and_port(text.removesuffix("\n"))
    if parts and all(character.isalnum() or character in ".-" for character in parts["host"]):
        return True
    return _in_brackets(text) is not None or _v6_with_port(text) is not None


def _is_cidr(text: str) -> bool:
    return _is_cidr4(text) or _is_cidr6(text)


def _is_subnet(text: str) -> bool:
    """A network, or ``zone-address-length``, the id of an SDN subnet."""
    if "/" in text:
        return _is_cidr(text)
    _, address, length, *_ = (*text.split("-"), "", "")
    return _is_cidr(f"{address}/{length}")


_VLAN = fullmatch(r"(\d+)(?:-(\d+))?\n?")
_TARGET = fullmatch(r"(\d+):(\d+)\n?")
_MASKS = frozenset(
    ".".join(str(byte) for byte in (0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF).to_bytes(4, "big")) for bits in range(33)
)


def _is_vlan(text: str) -> bool:
    tags = _VLAN(text)
    if tags is None:
        return False
    first = number(tags[1])
    if not 2 <= first <= 4094:
        return False
    return not is_true(tags[2] or "") or first < number(tags[2]) <= 4094


def _is_route_target(text: str) -> bool:
    parts = _TARGET(text)
    return parts is not None and all(number(part) <= 4294967295 for part in parts.groups())


_USERNAME = r"[\w+~-]+(?:\.[\w+~-]+)*"
_EMAIL = pattern_format(
    rf"{_USERNAME}@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*", "an e-mail address, such as admin@example.com"
)
_IP = Format(_is_ip, "an IPv4 or IPv6 address")
_CIDR4 = Format(_is_cidr4, "an IPv4 network with a length of 8 to 32, such as 10.0.0.2/24")
_CIDR6 = Format(_is_cidr6, "an IPv6 network with a length of 8 to 128, such as fd00::2/64")
_DNS = Format(_is_dns_name, "a DNS name without a dot at its end, such as pve.example.com")

NETWORK: Mapping[str, Format] = {
    "ipv4": Format(_is_ipv4, "an IPv4 address, such as 10.0.0.1"),
    "ipv6": Format(_is_ipv6, "an IPv6 address, such as fd00::1"),
    "ip": _IP,
    "ipv4mask": Format(_MASKS.__contains__, "an IPv4 netmask, such as 255.255.255.0"),
    "CIDRv4": _CIDR4,
    "CIDRv6": _CIDR6,
    "CIDR": Format(_is_cidr, "a network with its length, such as 10.0.0.0/24 or fd00::/64"),
    "pve-sdn-subnet-id": Format(_is_subnet, "a subnet: 10.0.0.0/24, or with its zone zone1-10.0.0.0-24"),
    "IPorCIDR": Format(is_address_or_network, "an address or a network, such as 10.0.0.1 or 10.0.0.0/24"),
    "dns-name": _DNS,
    "address": Format(_is_address, "an IP address or a DNS name"),
    "pve-storage-server": Format(_is_address, "an IP address or a DNS name"),
    "graphite-path": Format(_is_dns_name, "names joined by dots, such as proxmox.pve1"),
    "mac-addr": pattern_format(
        r"(?i:[a-f0-9][02468ace](?::[a-f0-9]{2}){5})",
        "a unicast MAC address (the second digit even), such as BC:24:11:00:00:01",
    ),
    "mac-prefix": pattern_format(
        r"(?i:[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}(?::[a-f0-9]?)?)", "the first bytes of a MAC address: BC:24:11"
    ),
    "email": _EMAIL,
    "email-or-username": any_of("an e-mail address or a user name", _EMAIL, pattern_format(_USERNAME, "")),
    "pve-ipv4-config": any_of(
        "an IPv4 network such as 10.0.0.2/24, dhcp or manual", pattern_format("(?:dhcp|manual)", ""), _CIDR4
    ),
    "pve-ipv6-config": any_of(
        "an IPv6 network such as fd00::2/64, auto, dhcp or manual", pattern_format("(?:auto|dhcp|manual)", ""), _CIDR6
    ),
    "lxc-ip-with-ll-iface": Format(
        _is_link_local, "an IP address; a link-local one may name its interface (fe80::1%eth0)"
    ),
    "pve-vlan-id-or-range": Format(_is_vlan, "a VLAN tag or a range of them within 2 to 4094, such as 10-20"),
    "pve-sdn-bgp-rt": Format(_is_route_target, "a route target: two numbers such as 65000:100"),
    "pve-sdn-isis-net": pattern_format(
        r"[a-fA-F0-9]{2}(\.[a-fA-F0-9]{4}){3,9}\.[a-fA-F0-9]{2}", "an IS-IS NET, such as 49.0001.1921.6800.1002.00"
    ),
    "pve-storage-portal-dns": Format(_is_portal, "a host or an address, with a port if wanted: san.example.com:3260"),
}
