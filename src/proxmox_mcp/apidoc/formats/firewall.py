"""Formats of firewall rules (PVE::Firewall).

Services and protocols depend on the node's ``/etc/services`` and ``/etc/protocols``, so every possible name passes: a
false refusal would be worse than a call that the node refuses.
"""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats import net_ip
from proxmox_mcp.apidoc.formats.definition import Format, any_of, fullmatch, pattern_format
from proxmox_mcp.apidoc.formats.network import is_address_or_network
from proxmox_mcp.apidoc.validation.perl import is_true

if TYPE_CHECKING:
    from collections.abc import Mapping

_ICMP_OF_BOTH = """
any echo-reply destination-unreachable network-unreachable host-unreachable protocol-unreachable port-unreachable
fragmentation-needed source-route-failed network-unknown host-unknown network-prohibited host-prohibited
TOS-network-unreachable TOS-host-unreachable communication-prohibited host-precedence-violation precedence-cutoff
source-quench redirect network-redirect host-redirect TOS-network-redirect TOS-host-redirect echo-request
router-advertisement router-solicitation time-exceeded ttl-zero-during-transit ttl-zero-during-reassembly
parameter-problem ip-header-bad required-option-missing timestamp-request timestamp-reply address-mask-request
address-mask-reply
"""
_ICMP_OF_IPV6 = """
no-route beyond-scope address-unreachable failed-policy reject-route packet-too-big bad-header unknown-header-type
unknown-option neighbor-solicitation neighbour-solicitation neighbor-advertisement neighbour-advertisement
"""
ICMP_TYPES = frozenset(f"{_ICMP_OF_BOTH} {_ICMP_OF_IPV6}".split())
HELPERS = frozenset({"amanda", "ftp", "irc", "netbios-ns", "pptp", "sane", "sip", "snmp", "tftp"})

_ALIAS = pattern_format(r"(?:dc/|guest/)?[A-Za-z][A-Za-z0-9_-]+", "")
_IP_SET = pattern_format(r"\+\S+", "")
_LONGEST_NAME = 64

_ports = fullmatch(r"([0-9]+):([0-9]+)\n?")
_port = fullmatch(r"([0-9]+)\n?")
_service = fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9+._-]*[A-Za-z0-9+])?")
_protocol = fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9+._-]*[A-Za-z0-9+])?|[0-9]{1,3}")
_LAST_PORT = 65535
_MOST_PORTS = 15
_LAST_PROTOCOL, _MPTCP = 255, "262"


def _is_addresses(text: str) -> bool:
    if _IP_SET.passes(text):
        return len(text) <= _LONGEST_NAME + 1
    if _ALIAS.passes(text):
        return len(text) <= _LONGEST_NAME
    elements = text.split(",")
    if not text:
        return True
    if any(not element for element in elements):
        return False
    if len(elements) > 1 and "-" in text:
        return False
    versions = {net_ip.version(element) for element in elements}
    return None not in versions and len(versions) == 1


def _port_numbers(text: str, named: frozenset[str]) -> int | None:
    """How many port numbers an element uses (a rule may have 15); 0 for a name, None if it is invalid."""
    if between := _ports(text):
        first, last = _bounded(between[1]), _bounded(between[2])
        return 2 if first <= last <= _LAST_PORT else None
    if single := _port(text):
        return 1 if _bounded(single[1]) <= _LAST_PORT else None
    return 0 if text in named or _service(text) else None


def _bounded(digits: str) -> int:
    return int(digits) if len(digits.lstrip("0")) <= len(str(_LAST_PORT)) else _LAST_PORT + 1


def _is_ports(text: str, named: frozenset[str]) -> bool:
    if not text:
        return True
    elements = text.split(",")
    counts = [_port_numbers(element, named) for element in elements]
    total = sum(count or 0 for count in counts)
    if None in counts or total > _MOST_PORTS:
        return False
    return total == 0 or not any(element in named for element in elements)


def _is_protocol(text: str) -> bool:
    if not is_true(text):
        return True
    return _protocol(text) is not None and (not text.isdigit() or int(text) <= _LAST_PROTOCOL or text == _MPTCP)


def _is_helpers(text: str) -> bool:
    return not text or all(name in HELPERS for name in text.split(","))


FIREWALL: Mapping[str, Format] = {
    "IPorCIDRorAlias": any_of(
        "an address, a network or an alias, such as 10.0.0.0/24, web or dc/web",
        _ALIAS,
        Format(is_address_or_network, ""),
    ),
    "pve-fw-addr-spec": Format(
        _is_addresses,
        "an IP set (+name), an alias, a range (10.0.0.1-10.0.0.9), or addresses and networks of one IP version joined"
        " by commas without blanks, host bits clear",
    ),
    "pve-fw-dport-spec": Format(
        lambda text: _is_ports(text, ICMP_TYPES),
        "ports, ranges and services joined by commas (22,80,1000:2000,https; at most 15 numbers), or one ICMP type",
    ),
    "pve-fw-sport-spec": Format(
        lambda text: _is_ports(text, frozenset()),
        "ports, ranges and services joined by commas (22,80,1000:2000,https; at most 15 numbers)",
    ),
    "pve-fw-protocol-spec": Format(_is_protocol, "a protocol of /etc/protocols, such as tcp, udp, icmp or ipv6-icmp"),
    "pve-fw-icmp-type-spec": Format(
        lambda text: not text or text in ICMP_TYPES, "the name of an ICMP type, such as echo-request (no number)"
    ),
    "pve-fw-conntrack-helper": Format(_is_helpers, f"one or more of {', '.join(sorted(HELPERS))}, joined by commas"),
}
