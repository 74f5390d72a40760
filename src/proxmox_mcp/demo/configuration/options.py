"""Options that are one object each: of the cluster, and of a node (configuration, DNS, hosts, time zone)."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fakepve.routing import DIGEST_CHANGED, StatefulRoutes, die, param_error, split_list

from proxmox_mcp.demo.configuration.property_strings import decoded, formats_of

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.cluster import Route, Values

_SHOWN_DECODED = (
    "crs", "ha", "migration", "next-id", "notify", "replication", "tag-style", "u2f", "user-tag-access", "webauthn",
)  # fmt: skip


class OptionsApi(StatefulRoutes):  # type: ignore[misc]
    """The options as they were sent, by key; what a node has is kept by its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cluster_options: Values = {"mac_prefix": "BC:24:11"}
        self.node_options: dict[str, Values] = {}
        self.node_dns: dict[str, Values] = {}
        self.node_hosts: dict[str, str] = {}
        self.node_timezones: dict[str, str] = {}

    def _routes_options(self) -> list[Route]:
        return [
            ("GET", "/cluster/options", self._cluster_options),
            ("PUT", "/cluster/options", self._cluster_options_update),
            ("GET", "/nodes/{node}/config", self._node_config),
            ("PUT", "/nodes/{node}/config", self._node_config_update),
            ("GET", "/nodes/{node}/dns", self._node_dns),
            ("PUT", "/nodes/{node}/dns", self._node_dns_update),
            ("GET", "/nodes/{node}/hosts", self._node_hosts),
            ("POST", "/nodes/{node}/hosts", self._node_hosts_update),
            ("GET", "/nodes/{node}/time", self._node_time),
            ("PUT", "/nodes/{node}/time", self._node_time_update),
        ]

    async def _cluster_options(self, _values: Values, _user: str) -> Any:
        formats = formats_of("/cluster/options")
        answer: Values = {"description": "", "mac_prefix": "BC:24:11"}
        for key, value in self.cluster_options.items():
            keys = formats.get(key)
            answer[key] = decoded(keys, value) if key in _SHOWN_DECODED and keys and value else value
        allowed = {tag for guest in self.all_guests() for tag in split_list(guest.config.get("tags"))}
        if "registered-tags" in answer:
            answer["registered-tags"] = split_list(answer["registered-tags"])
            allowed |= set(answer["registered-tags"])
        access = answer.get("user-tag-access")
        if access and "user-allow-list" in access:
            access["user-allow-list"] = split_list(access["user-allow-list"])
            allowed |= set(access["user-allow-list"])
        return {**answer, "allowed-tags": sorted(allowed)}

    def all_guests(self) -> list[Any]:
        return [*self.vms, *self.cts]

    async def _cluster_options_update(self, values: Values, _user: str) -> None:
        given = dict(values)
        if given.get("description"):
            given["description"] = given["description"].rstrip("\n") + "\n"
        if "consent-text" in given:
            given["consent-text"] = given["consent-text"].partition("\n")[0]  # Proxmox reads the first line back
        _update(self.cluster_options, given)

    async def _node_config(self, values: Values, _user: str) -> Any:
        options = self.node_options.get(values["node"], {})
        wanted = values.get("property")
        if wanted:
            options = {key: value for key, value in options.items() if key == wanted}
        return {"description": "", **options, "digest": _digest(options)} if options else {}

    async def _node_config_update(self, values: Values, _user: str) -> None:
        options = self.node_options.setdefault(values["node"], {})
        if options:  # a file that does not exist yet has no digest to compare
            _check(values.get("digest"), _digest(options))
        given = {key: value for key, value in values.items() if key not in ("node", "digest")}
        if given.get("description"):
            given["description"] = given["description"].rstrip("\n") + "\n"
        _update(options, given)
        if options.get("description") == "":
            del options["description"]

    async def _node_dns(self, values: Values, _user: str) -> Any:
        return self.node_dns.get(values["node"], {"search": "example.com", "dns1": "10.20.0.2"})

    async def _node_dns_update(self, values: Values, _user: str) -> None:
        self.node_dns[values["node"]] = {key: value for key, value in values.items() if key != "node"}

    async def _node_hosts(self, values: Values, _user: str) -> Any:
        text = self._hosts_of(values["node"])
        return {"data": text, "digest": _digest(text)}

    def _hosts_of(self, node: str) -> str:
        return self.node_hosts.get(node, "127.0.0.1 localhost.localdomain localhost\n")

    async def _node_hosts_update(self, values: Values, _user: str) -> None:
        _check(values.get("digest"), _digest(self._hosts_of(values["node"])))
        self.node_hosts[values["node"]] = values["data"]

    async def _node_time(self, values: Values, _user: str) -> Any:
        zone, now = ZoneInfo(self.node_timezones.get(values["node"], "UTC")), time.time()
        offset = datetime.fromtimestamp(now, zone).utcoffset() or timedelta()
        return {"timezone": zone.key, "time": int(now), "localtime": int(now + offset.total_seconds())}

    async def _node_time_update(self, values: Values, _user: str) -> None:
        try:
            self.node_timezones[values["node"]] = ZoneInfo(values["timezone"]).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise param_error(timezone="No such timezone") from None


def _update(options: Values, values: Values) -> None:
    for key in split_list(values.get("delete")):
        options.pop(key, None)
    options |= {key: str(value) for key, value in values.items() if key != "delete"}


def _digest(content: Any) -> str:
    return hashlib.sha1(repr(content).encode(), usedforsecurity=False).hexdigest()


def _check(given: str | None, digest: str) -> None:
    if given and given != digest:
        raise die(DIGEST_CHANGED)
