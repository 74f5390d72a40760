"""Second factors (TOTP and recovery keys), and the log-in that asks for them."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fakepve import PveError
from fakepve.routing import ok, param_error
from fakepve.server import USER

from proxmox_mcp.demo.configuration.accounts import ROOT
from proxmox_mcp.demo.configuration.permissions import need_ticket, parameters_of
from proxmox_mcp.demo.configuration.tokens import TokenApi

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.access import Route, Values

_STEP_SECONDS = 30
_RECOVERY_KEYS = 10
_USER_PATH = "/access/tfa/{userid}"


def totp_code(secret: str, at: float) -> str:
    """The six digits of RFC 6238 for a base32 secret at a time."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, int(at // _STEP_SECONDS).to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    return f"{int.from_bytes(mac[start : start + 4], 'big') % 2**31 % 10**6:06d}"


class SecondFactorApi(TokenApi):
    """The second factors of users by their identifiers; their secrets under ``_secret``, never shown."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.factors: dict[str, dict[str, Values]] = {}
        self._challenges: dict[str, str] = {}

    def _routes_second_factors(self) -> list[Route]:
        return [
            ("GET", "/access/tfa", self._factor_index),
            ("GET", _USER_PATH, self._factor_list),
            ("POST", _USER_PATH, self._factor_add),
            ("GET", f"{_USER_PATH}/{{id}}", self._factor_read),
            ("PUT", f"{_USER_PATH}/{{id}}", self._factor_update),
            ("DELETE", f"{_USER_PATH}/{{id}}", self._factor_delete),
            ("GET", "/access/users/{userid}/tfa", self._factor_types),
            ("PUT", "/access/users/{userid}/unlock-tfa", self._factor_unlock),
        ]

    async def _user_delete(self, values: Values, caller: str) -> None:
        """As for any user; the second factors go too (``PVE::AccessControl::user_remove_tfa``)."""
        await super()._user_delete(values, caller)
        self.factors.pop(values["userid"], None)

    def _entry(self, values: Values) -> Values:
        entries = self.factors.get(values["userid"], {})
        if values["id"] not in entries:
            raise PveError(404, f"no such tfa entry '{values['id']}' for user '{values['userid']}'")
        return entries[values["id"]]

    def _authorize(self, values: Values, caller: str) -> None:
        """Who changes a second factor gives their own password again; root@pam need not."""
        if caller == ROOT:
            return
        if not values.get("password"):
            raise param_error(password="password is required to modify user")  # noqa: S106 - a message
        if not self.check_password(caller, values["password"]):
            raise PveError(401, "authentication failure")

    async def _factor_index(self, _values: Values, caller: str) -> Any:
        visible = [
            user for user in self.factors if user == caller or self._any(caller, "/access/groups", ["Sys.Audit"])
        ]
        return [{"userid": user, "entries": self._shown(user)} for user in visible if self.factors[user]]

    def _shown(self, user: str) -> list[Values]:
        return [_shown(entry) for entry in self.factors.get(user, {}).values()]

    async def _factor_list(self, values: Values, _caller: str) -> Any:
        return self._shown(values["userid"])

    async def _factor_read(self, values: Values, _caller: str) -> Any:
        return _shown(self._entry(values))

    async def _factor_types(self, values: Values, _caller: str) -> Any:
        types = sorted({entry["type"] for entry in self.factors.get(values["userid"], {}).values()})
        return {
            "realm": None,
            "user": "oath" if types else None,
            **({"types": types} if values.get("multiple") else {}),
        }

    async def _factor_unlock(self, values: Values, _caller: str) -> int:
        self._known_user(values["userid"])
        return 0  # no factor is ever locked here

    async def _factor_add(self, values: Values, caller: str) -> Any:
        user = values["userid"]
        self._known_user(user)
        self._authorize(values, caller)
        entry: Values = {
            "type": values["type"],
            "created": int(time.time()),
            "description": values.get("description", ""),
        }
        entries = self.factors.setdefault(user, {})
        if values["type"] == "totp":
            entry["_secret"] = _totp_secret(values)
            entry["id"] = str(uuid.uuid4())
            answer = {"id": entry["id"]}
        elif values["type"] == "recovery":
            if "recovery" in entries:
                raise PveError(500, "user already has recovery keys")
            keys = ["-".join(secrets.token_hex(2) for _ in range(4)) for _ in range(_RECOVERY_KEYS)]
            entry |= {"id": "recovery", "_secret": keys}
            answer = {"id": "recovery", "recovery": list(keys)}
        else:
            raise PveError(500, f"the demo cluster has no '{values['type']}' factors, only totp and recovery")
        entries[entry["id"]] = entry
        return answer

    async def _factor_update(self, values: Values, caller: str) -> str:
        entry = self._entry(values)
        self._authorize(values, caller)
        if "description" in values:
            entry["description"] = values["description"]
        if "enable" in values:
            entry.pop("enable", None)
            if not values["enable"]:
                entry["enable"] = False
        return ""

    async def _factor_delete(self, values: Values, caller: str) -> str:
        entry = self._entry(values)
        self._authorize(values, caller)
        del self.factors[values["userid"]][entry["id"]]
        return ""

    # Logging in.

    async def _ticket(self, request: Any) -> Any:
        given = await parameters_of(request)
        user = str(given.get("username", ""))
        user += "" if "@" in user else "@pam"
        challenge = str(given.get("tfa-challenge") or "")
        if challenge:
            if self._challenges.pop(challenge, None) != user or not self._answers(user, str(given.get("password", ""))):
                raise PveError(401, "authentication failure")
        else:
            if not self.check_password(user, given.get("password", "")) or not self.accounts.may_log_in(user):
                raise PveError(401, "authentication failure")
            if any(entry.get("enable", True) for entry in self.factors.get(user, {}).values()):
                challenge = f"PVE:!tfa!{secrets.token_hex(8)}:{user}"
                self._challenges[challenge] = user
                csrf = secrets.token_hex(8)
                return ok({"ticket": challenge, "username": user, "NeedTFA": 1, "CSRFPreventionToken": csrf})
        ticket, csrf = self.issue_ticket(user)
        return ok({"ticket": ticket, "CSRFPreventionToken": csrf, "username": user, "cap": {}})

    def _answers(self, user: str, answer: str) -> bool:
        """Whether ``totp:123456`` or ``recovery:...`` is right; a recovery key counts once."""
        kind, _, code = answer.partition(":")
        for entry in self.factors.get(user, {}).values():
            if entry["type"] != kind or not entry.get("enable", True):
                continue
            if kind == "recovery" and code in entry["_secret"]:
                entry["_secret"].remove(code)
                return True
            if kind == "totp" and code in _codes_around_now(entry["_secret"]):
                return True
        return False

    async def _password(self, request: Any) -> Any:
        if "!" in request[USER]:
            need_ticket({"allowtoken": 0}, "/access/password")
        return await super()._password(request)


def _codes_around_now(secret: str) -> set[str]:
    now = time.time()
    return {totp_code(secret, now + shift * _STEP_SECONDS) for shift in (-1, 0, 1)}


def _totp_secret(values: Values) -> str:
    """The secret of the ``otpauth`` URI, once its code is right."""
    uri = urlsplit(str(values.get("totp") or ""))
    secret = parse_qs(uri.query).get("secret", [""])[0]
    if uri.scheme != "otpauth" or not secret:
        raise PveError(400, "missing or invalid 'totp' uri")
    try:
        codes = _codes_around_now(secret)
    except binascii.Error:
        raise PveError(400, "invalid secret in 'totp' uri") from None
    if str(values.get("value") or "") not in codes:
        raise PveError(400, "failed to verify totp challenge response")
    return secret


def _shown(entry: Values) -> Values:
    return {key: value for key, value in entry.items() if key != "_secret"}
