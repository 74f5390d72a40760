"""API tokens: expiry, privilege separation, secrets that are shown once; and what a user or token may do in effect."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import split_list

from proxmox_mcp.demo.configuration.access import AccessApi
from proxmox_mcp.demo.configuration.accounts import owner_of

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.access import Route, Values

_OPTIONS = ("expire", "privsep", "comment")


class TokenApi(AccessApi):
    """The tokens of the accounts; ``self.apitokens`` of fakepve holds their secrets."""

    def add_token(self, full: str, *, privsep: int = 1) -> str:
        """Add a token by its full id; its secret."""
        self.accounts.tokens[full] = {"expire": 0, "privsep": privsep}
        return self._new_secret(full)

    def _new_secret(self, full: str) -> str:
        self.apitokens[full] = secret = str(uuid.uuid4())
        return secret

    def _routes_tokens(self) -> list[Route]:
        token = "/access/users/{userid}/token/{tokenid}"  # noqa: S105 - a path
        return [
            ("GET", "/access/users/{userid}/token", self._token_list),
            ("GET", token, self._token_read),
            ("POST", token, self._token_create),
            ("PUT", token, self._token_update),
            ("DELETE", token, self._token_delete),
        ]

    def _known_token(self, values: Values) -> tuple[str, Values]:
        full = f"{values['userid']}!{values['tokenid']}"
        if full not in self.accounts.tokens:
            raise PveError(500, f"no such token '{values['tokenid']}' for user '{values['userid']}'")
        return full, self.accounts.tokens[full]

    async def _token_list(self, values: Values, _caller: str) -> Any:
        self._known_user(values["userid"])
        return [{"tokenid": name, **token} for name, token in self.accounts.tokens_of(values["userid"]).items()]

    async def _token_read(self, values: Values, _caller: str) -> Any:
        return self._known_token(values)[1]

    async def _token_create(self, values: Values, _caller: str) -> Any:
        full = f"{values['userid']}!{values['tokenid']}"
        self._known_user(values["userid"])
        if full in self.accounts.tokens:
            raise PveError(400, "Parameter verification failed.", {"tokenid": "Token already exists."})
        secret = self.add_token(full)
        given: Values = {key: values[key] for key in _OPTIONS if key in values and values[key] != ""}
        self.accounts.tokens[full] |= given
        # Proxmox answers numbers as they were sent: as text.
        info = {"privsep": 1, **{key: str(value) for key, value in given.items()}}
        return {"full-tokenid": full, "value": secret, "info": info}

    async def _token_update(self, values: Values, _caller: str) -> Any:
        full, token = self._known_token(values)
        for key in split_list(values.get("delete")):
            if key != "comment":
                refused = f"400 Parameter verification failed.\ndelete: unknown option '{key}'"
                raise PveError(500, f"updating token info failed: {refused}")
            token.pop(key, None)
        given: Values = {key: values[key] for key in _OPTIONS if key in values}
        token |= given
        if not token.get("comment", "x"):
            del token["comment"]
        answer = {**token, **{key: str(value) for key, value in given.items() if value != ""}}
        if values.get("regenerate"):
            answer |= {"full-tokenid": full, "value": self._new_secret(full)}
        return answer

    async def _token_delete(self, values: Values, _caller: str) -> None:
        full, _ = self._known_token(values)
        self.accounts.delete_token(full)
        self.apitokens.pop(full, None)

    async def _permissions(self, values: Values, caller: str) -> Any:
        who = values.get("userid") or caller
        # A user needs no privilege for itself and its own tokens.
        if caller not in (who, owner_of(who)) and not self.allowed(caller, "/access", "Sys.Audit"):
            raise PveError(403, "Permission check failed (/access, Sys.Audit)")
        if values.get("path") is not None:
            return {values["path"]: self.privileges(who, values["path"])}
        paths = {*self.accounts.paths(), *(f"/pool/{pool}" for pool in self.pools)}
        paths |= {f"/vms/{vmid}" for members in self.pools.values() for vmid in members}
        paths |= {f"/storage/{name}" for info in self.pool_info.values() for name in info.get("storage", ())}
        held = {path: self.privileges(who, path) for path in sorted(paths)}
        return {path: privileges for path, privileges in held.items() if privileges}
