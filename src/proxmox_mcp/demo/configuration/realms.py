"""Authentication realms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError

from proxmox_mcp.demo.configuration.collection import Collection
from proxmox_mcp.demo.configuration.property_strings import decoded, encoded

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.collection import Values

_BUILT_IN = {
    "pam": {"type": "pam", "comment": "Linux PAM standard authentication"},
    "pve": {"type": "pve", "comment": "Proxmox VE authentication server"},
}
_REQUIRED = {"openid": ("issuer-url", "client-id"), "ldap": ("base_dn", "server1", "user_attr"), "ad": ("server1",)}


class Realms(Collection):
    """The built-in realms stay; one realm at most is the default."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.items |= {name: dict(realm) for name, realm in _BUILT_IN.items()}

    def read(self, values: Values) -> Values:
        if self._broken(values["realm"]):
            raise self._missing(self.kind.unknown.format(id=values["realm"]))
        return super().read(values)

    def list(self) -> list[Values]:
        listed = super().list()
        for realm in listed:
            if not realm.get("default", 1):
                del realm["default"]
            if "tfa" in realm:
                realm["tfa"] = decoded({}, realm["tfa"]).get("type", realm["tfa"])
        return listed

    def create(self, values: Values) -> str | None:
        if values["type"] in _BUILT_IN:
            message = f"unable to create builtin type '{values['type']}'"
            raise PveError(500, self.kind.create_failed + message)
        if self._broken(values["realm"]):
            del self.items[values["realm"]]
        return super().create(values)

    def prepared(self, values: Values) -> Values:
        return self._settled(values)

    def update(self, values: Values) -> str | None:
        if not self._broken(values["realm"]) and any(self._broken(name) for name in self.items):
            raise PveError(500, f"{self.kind.update_failed}unknown section type ''")
        if self._broken(values["realm"]):
            message = "cannot lookup undefined type! at /usr/share/perl5/PVE/API2/Domains.pm line 261."
            raise PveError(500, self.kind.update_failed + message)
        return super().update(values)

    def changed(self, name: str, item: Values, values: Values) -> Values:
        for key in _REQUIRED.get(item["type"], ()):
            if key in item:
                continue
            if values.get(key) == "":
                # Proxmox writes the empty value, and can't read the section afterwards.
                return {"type": None}
            message = f"section '{name}' - missing value for required option '{key}'"
            raise PveError(500, self.kind.update_failed + message)
        return self._settled(item)

    def delete(self, values: Values) -> str | None:
        if values["realm"] in _BUILT_IN:
            return None
        if self._broken(values["realm"]):
            message = self.kind.unknown_on_delete.format(id=values["realm"])
            raise PveError(500, self.kind.delete_failed + message)
        return super().delete(values)

    def _broken(self, name: str) -> bool:
        return self.items.get(name, {}).get("type", name) is None

    def _settled(self, item: Values) -> Values:
        if item.get("default"):
            for other in self.items.values():
                other.pop("default", None)
        if item.get("sync-defaults-options"):
            item["sync-defaults-options"] = encoded(decoded({}, item["sync-defaults-options"]))
        return item
