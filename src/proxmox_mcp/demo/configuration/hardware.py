"""Resource mappings, ACME plugins and CPU models: collections with a peculiarity of their own."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from proxmox_mcp.demo.configuration.collection import Collection

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.collection import Values


class Mappings(Collection):
    """A mapping without a node is one that Proxmox can't read any more: it is gone until it is created again."""

    def update(self, values: Values) -> str | None:
        super().update(values)
        if not self.items[values["id"]].get("map"):
            del self.items[values["id"]]
        return None


class AcmePlugins(Collection):
    """DNS plugins show their credentials decoded; ``standalone`` is built in."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.items["standalone"] = {"type": "standalone"}

    def shown(self, _name: str, item: Values) -> Values:
        if "data" not in item:
            return item
        return {**item, "data": base64.b64decode(item["data"]).decode()}


class CpuModels(Collection):
    """Models are created by their bare name and shown as ``custom-NAME``."""

    def shown(self, name: str, item: Values) -> Values:
        return {**item, "cputype": f"custom-{name}"}
