"""Notification endpoints and matchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError

from proxmox_mcp.demo.configuration.collection import Collection

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.collection import Values

BUILT_IN_ENDPOINT = {"mailto-user": ["root@pam"], "origin": "builtin"}
BUILT_IN_MATCHER = {"mode": "all", "target": ["mail-to-root"], "origin": "builtin"}


class Endpoints(Collection):
    """The endpoints of one type; ``others`` are those of all types, which share their names."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.others: list[Endpoints] = [self]
        self.matchers: Matchers | None = None

    def create(self, values: Values) -> str | None:
        if any(values["name"] in other.items for other in self.others):
            raise PveError(400, self.kind.exists.format(id=values["name"]))
        return super().create(values)

    def removed(self, name: str, _item: Values) -> None:
        used = (
            [matcher for matcher, item in self.matchers.items.items() if name in item["target"]]
            if self.matchers
            else []
        )
        if used:
            raise PveError(400, f"cannot delete '{name}', referenced by: {', '.join(used)}")


class Webhooks(Endpoints):
    """The values of secrets are kept and not shown; a secret that is sent by its name alone keeps its value."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._secrets: dict[str, dict[str, str]] = {}

    def create(self, values: Values) -> str | None:
        given = {**values, "secret": self._named(values["name"], values.get("secret", []), known_only=False)}
        return super().create(given)

    def update(self, values: Values) -> str | None:
        if "secret" in values:
            values = {**values, "secret": self._named(values["name"], values["secret"], known_only=True)}
        return super().update(values)

    def _named(self, name: str, given: list[str], *, known_only: bool) -> list[str]:
        known, kept = self._secrets.get(name, {}), {}
        for each in given:
            key, _, value = each.removeprefix("name=").partition(",value=")
            if not value and known_only and key not in known:
                raise PveError(400, f"secret '{key}' not known")
            kept[key] = value or known.get(key, "")
        self._secrets[name] = kept
        return [f"name={key}" for key in kept]


class Matchers(Collection):
    """Matchers name the endpoints that they notify."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.endpoints: list[Endpoints] = []

    def create(self, values: Values) -> str | None:
        self._check_targets(values)
        return super().create(values)

    def update(self, values: Values) -> str | None:
        self.file.check(values.get("digest"), status=400)
        self._check_targets(values)
        return super().update(values)

    def _check_targets(self, values: Values) -> None:
        for target in values.get("target") or []:
            if not any(target in endpoints.items for endpoints in self.endpoints):
                raise PveError(404, f"endpoint '{target}' does not exist")


def targets_of(endpoints: dict[str, Endpoints]) -> list[Values]:
    """All endpoints as ``/cluster/notifications/targets`` shows them."""
    return [
        {
            "name": name,
            "type": kind,
            "origin": item.get("origin", "user-created"),
            "comment": item.get("comment"),
            "disable": item.get("disable"),
        }
        for kind, each in endpoints.items()
        for name, item in each.items.items()
    ]
