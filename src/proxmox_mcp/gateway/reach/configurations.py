"""Guests by what their configurations say: those that use a mapping, have a card on a virtual network, or are behind
the firewall. Each configuration is one GET, so that of many guests it stays open which ones are hit."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.reach.found import GUESTS, GUESTS_ONLY, Reached, subject_of
from proxmox_mcp.policy.values import property_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader
    from proxmox_mcp.proxmox.inventory import Guest

    Fits = Callable[[Guest, Mapping[str, Any]], Awaitable[bool]]

_MOST_GUESTS = 60
_DEVICES = {"pci": (r"hostpci\d+", "mapping"), "usb": (r"usb\d+", "mapping"), "dir": (r"virtiofs\d+", "dirid")}
_CARD = r"net\d+"


def using_mapping(kind: str) -> Reader:
    """The guests that are given what a mapping stands for."""
    slots, key = _DEVICES[kind]

    async def read(live: LiveState) -> Reached:
        mapping = live.call.path_params.get("id", "")

        async def fits(_: Guest, configuration: Mapping[str, Any]) -> bool:
            return any(mapping in values.get(key, ()) for values in _properties(configuration, slots))

        return await _which(fits, live, GUESTS)

    return read


async def on_vnet(live: LiveState) -> Reached:
    """The guests with a card on a virtual network: to them it is a bridge."""
    vnet = live.call.path_params.get("vnet", "")

    async def fits(_: Guest, configuration: Mapping[str, Any]) -> bool:
        return any(vnet in values.get("bridge", ()) for values in _properties(configuration, _CARD))

    return await _which(fits, live, GUESTS_ONLY)


async def behind_firewall(live: LiveState) -> Reached:
    """The guests whose firewall is on, for themselves and for a card."""

    async def fits(guest: Guest, configuration: Mapping[str, Any]) -> bool:
        if not any("1" in values.get("firewall", ()) for values in _properties(configuration, _CARD)):
            return False
        options = await live.read(f"{guest.path}/firewall/options")
        return not isinstance(options, dict) or str(options.get("enable", "0")) == "1"

    return await _which(fits, live, GUESTS_ONLY)


def _properties(configuration: Mapping[str, Any], slots: str) -> Iterator[dict[str, list[str]]]:
    for name, value in configuration.items():
        if re.fullmatch(slots, name):
            yield property_values(name, value)


async def _which(fits: Fits, live: LiveState, listed: frozenset[str]) -> Reached:
    """The guests that fit; one whose configuration can't be read may fit."""
    guests = (await live.resources()).guests
    if len(guests) > _MOST_GUESTS:
        return Reached()
    found: dict[int, str] = {}

    async def read(guest: Guest) -> None:
        try:
            configuration = await live.read(f"{guest.path}/config")
            if not isinstance(configuration, dict) or await fits(guest, configuration):
                found[guest.vmid] = ""
        except ProxmoxError as error:
            found[guest.vmid] = error.message

    async with anyio.create_task_group() as group:
        for guest in guests:
            group.start_soon(read, guest)
    return Reached(tuple(subject_of(guest, found[guest.vmid]) for guest in guests if guest.vmid in found), listed)
