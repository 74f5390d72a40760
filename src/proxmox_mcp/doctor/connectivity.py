"""Checks that the name of a host resolves, and that its port accepts connections."""

# Tested through tests/doctor/test_cluster_checks.py.

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.doctor.timing import BackgroundTask, Deadline

if TYPE_CHECKING:
    from proxmox_mcp.net.address import HostPort

RESOLVE_SECONDS = 4.0
CONNECT_SECONDS = 4.0


class Destination(Struct, frozen=True):
    """A host to reach. ``setting`` is where its name was set, ``listener`` says how to check what listens there."""

    part: ReportSection
    where: HostPort
    setting: str
    listener: str

    @property
    def host(self) -> str:
        return self.where.host

    def named(self, step: str) -> str:
        return f"{step} of {self.where}"


def resolve(place: Destination, deadline: Deadline) -> tuple[CheckStep, tuple[str, ...]]:
    """The addresses of a host; empty if its name can't be resolved."""
    name = place.named("name")
    if _is_address(place.host):
        return place.part.skipped(name, f"{place.host} is an address"), (place.host,)
    work = BackgroundTask(lambda: socket.getaddrinfo(place.host, place.where.port, type=socket.SOCK_STREAM))
    try:
        found = work.result(deadline.within(RESOLVE_SECONDS))
    except TimeoutError:
        said = f"The name servers did not answer for {place.host} within {RESOLVE_SECONDS:g} s."
        return place.part.fail(name, said, Fix("Check the DNS of this machine or container (/etc/resolv.conf).")), ()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        return place.part.fail(name, f"{place.host} can't be resolved: {reason}.", *_unresolved(place)), ()
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    return place.part.ok(name, f"{place.host} is {', '.join(addresses)}"), addresses


def _unresolved(place: Destination) -> tuple[Fix, ...]:
    fixes = [Fix(f"Check {place.setting} and the DNS of this machine or container, or use an IP address.")]
    if "." not in place.host:
        fixes.append(
            Fix(f"{place.host} is a short name, and a container has no search domains of its host. Use the full name.")
        )
    return tuple(fixes)


def connect(
    place: Destination, addresses: tuple[str, ...], deadline: Deadline
) -> tuple[CheckStep, socket.socket | None]:
    """A connection to the first address that accepts one, or None. The caller closes it."""
    name, faults = place.named("TCP"), []
    for address in addresses:
        limit = deadline.within(CONNECT_SECONDS)
        if not limit.left:
            faults.append(f"{address}: not tried, the time was over")
            continue
        try:
            connection = socket.create_connection((address, place.where.port), timeout=limit.left)
        except ConnectionRefusedError:
            faults.append(f"{address} refuses the connection")
        except TimeoutError:
            faults.append(f"{address} does not answer")
        except OSError as error:
            faults.append(f"{address}: {(error.strerror or str(error)).lower()}")
        else:
            beside = tuple(f"not by {fault}" for fault in faults)
            return place.part.ok(name, f"{address} port {place.where.port} accepts connections", *beside), connection
    said = f"{place.where} can't be reached: {'; '.join(faults)}."
    return place.part.fail(name, said, *_unreached(place, addresses, " ".join(faults))), None


def _unreached(place: Destination, addresses: tuple[str, ...], faults: str) -> tuple[Fix, ...]:
    fixes = []
    if "refuses" in faults:
        fixes.append(Fix(f"{place.listener} Nothing listens on port {place.where.port} there."))
    if "does not answer" in faults or "route" in faults or not fixes:
        fixes.append(Fix("Check that the machine is running, and that no firewall drops the connection."))
    if any(is_loopback(address) for address in addresses):
        fixes.append(
            Fix(f"{place.host} is this machine; in a container, the container. Use the address of the other machine.")
        )
    return tuple(fixes)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
