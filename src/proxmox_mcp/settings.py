"""The settings: environment variables, read once, as typed values. Nothing else in the project reads them.

Each field is a setting; its name in capitals is the environment variable, and ``docs/settings.md`` is generated from
the descriptions here. A secret may also come from the file that ``NAME_FILE`` names.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from proxmox_mcp.errors import SettingsError, SettingsFaults
from proxmox_mcp.private_files import why_maybe_public
from proxmox_mcp.setting_values import build
from proxmox_mcp.suggest import CLOSE, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = (
    "PROXMOX_PASSWORD",
    "MCP_AUTH_TOKEN",
    "MCP_STATE_KEY",
    "MCP_STATE_URL",
    "MCP_DATABASE_URL",
    "MCP_CONSOLE_PASSWORD",
    "MCP_NOTIFY",
    "MCP_AUDIT_KEY",
)
_MIN_KEY_BYTES = 32
"""Bytes. The SDK (2.3.0, ``RequestStateSecurity``) refuses shorter keys."""


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


NameList = Annotated[tuple[str, ...], BeforeValidator(_split)]


class _SettingsModel(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ClusterSettings(_SettingsModel):
    """One cluster: its nodes, and the identity that the server uses there."""

    proxmox_host: NameList = Field((), description="Node or nodes of one cluster, `host[:port]`, separated by commas.")
    proxmox_port: int = Field(8006, ge=1, le=65535, description="Port of the API for hosts without one.")
    proxmox_user: str = Field("", description="User with realm, such as `mcp@pve`.")
    proxmox_token_id: str = Field("", description="Name of the API token, or the full id `user@realm!name`.")
    proxmox_password: SecretStr = Field(
        SecretStr(""), description="Secret of the API token; without a token id, the user's password."
    )
    proxmox_verify_ssl: bool = Field(False, description="Check the node's certificate against public authorities.")
    proxmox_ca_file: str = Field(
        "", description="Authority that the certificate is checked against (PEM file); turns checking on."
    )
    proxmox_fingerprint: str = Field(
        "", description="SHA-256 fingerprint of the node's certificate, to pin it; turns checking on."
    )
    proxmox_timeout: float = Field(
        30.0, gt=0, le=600, description="Seconds that a request to Proxmox may take in total."
    )
    proxmox_apidoc: str = Field(
        "auto", description="Where the API schema comes from: `auto`, `bundled`, a file or a URL of an `apidoc.js`."
    )


class ServerSettings(_SettingsModel):
    """The server itself: where it listens, who may call, and what callers may do."""

    mcp_host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104
    mcp_port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    mcp_root_path: str = Field("", description="Path prefix that a reverse proxy strips, such as `/proxmox`.")
    mcp_allowed_hosts: NameList = Field(
        (), description="Host names that clients may use, separated by commas; unset: only loopback names."
    )
    mcp_allowed_origins: NameList = Field((), description="Origins of web pages that may call, separated by commas.")
    mcp_auth_token: SecretStr = Field(SecretStr(""), description="Bearer token that clients must send.")
    mcp_auth: Literal["", "none"] = Field(
        "", description="`none` allows other addresses than loopback without a token."
    )
    mcp_callers_file: str = Field("", description="File with several callers (TOML), each with token, mode and rules.")
    mcp_mode: Literal["read-only", "guarded", "full"] = Field(
        "guarded", description="What callers may do: `read-only`, `guarded` (risky calls are confirmed), `full`."
    )
    mcp_policy_file: str = Field("", description="File with rules that allow, deny or confirm calls (TOML).")
    mcp_guest_exec: bool = Field(
        False, description="List the tool `guest_exec`: commands in guests (see docs/guest-commands.md)."
    )
    mcp_confirm: Literal["token", "elicit", "operator"] = Field(
        "token",
        description="How calls are confirmed: `token` (ask the person, else an operator who can hear of it, else a "
        "one-time token), `elicit` (ask the person), `operator` (in the console, or `proxmox-mcp approve`).",
    )
    mcp_approval_wait: float = Field(
        45.0, ge=0, le=3600, description="Seconds that a call waits for its approval before it hands back the number."
    )
    mcp_audit_file: str = Field("", description="File of the audit log; unset: standard error.")
    mcp_audit_key: SecretStr = Field(
        SecretStr(""),
        description="Key that seals the chain of audit lines, at least 32 bytes; without it the chain shows accidents, "
        "not intent.",
    )
    mcp_audit_syslog: str = Field(
        "",
        description="Syslog server that gets each audit line too: `udp://host:514`, `tcp://host:601` or "
        "`unix:///dev/log`.",
    )
    mcp_cache_dir: str = Field("", description="Directory for the schema cache; unset: `~/.cache/proxmox-mcp`.")
    mcp_state_dir: str = Field(
        "",
        description="Directory for approvals, changes, secrets and all other state; unset: `state` in `MCP_CACHE_DIR`, "
        "else `~/.local/state/proxmox-mcp`.",
    )
    mcp_database_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL that holds the state in place of a file, `postgresql://user:password@host/database`.",
    )
    mcp_validation: Literal["auto", "enforce", "warn"] = Field(
        "auto", description="`auto` refuses calls that the node would refuse; `enforce` all with errors; `warn` none."
    )
    mcp_task_wait: float = Field(
        0.0, ge=0, le=3600, description="Seconds to wait for a task; 0: 300 if the client shows progress, else 50."
    )
    mcp_plan_steps: int = Field(100, ge=1, le=1000, description="Most steps of one plan, after `*` is expanded.")
    mcp_plan_ask: int = Field(
        5,
        ge=0,
        le=1000,
        description="A plan that writes to more objects than this is confirmed whatever it does, in every mode but "
        "`full`.",
    )
    mcp_result_tokens: int = Field(4000, ge=200, le=100_000, description="Maximum tokens of one result.")
    mcp_timezone: str = Field(
        "", description="Time zone in which times are shown, such as `Europe/Berlin`; unset: that of the nodes."
    )
    mcp_stateless: bool = Field(False, description="Serve `/mcp` without sessions, for several replicas.")
    mcp_state_url: SecretStr = Field(
        SecretStr(""),
        description="Valkey or Redis that replicas share, `redis://host:port/0`; while unavailable, calls are refused.",
    )
    mcp_state_key: SecretStr = Field(
        SecretStr(""),
        description="Key that encrypts the state that clients send back, at least 32 bytes; the same for all replicas.",
    )
    mcp_rate_limit: int = Field(600, ge=0, description="Calls per minute of one caller; 0: no limit.")
    mcp_concurrency: int = Field(20, ge=1, le=1000, description="Calls at the same time of one caller.")
    mcp_sessions: int = Field(200, ge=1, le=1000, description="Sessions, and open streams, of one caller.")
    mcp_stream_idle: float = Field(
        14400.0, ge=1, le=604_800, description="Seconds after which an idle stream is closed."
    )
    mcp_changes: bool = Field(
        True, description="Whether writes are recorded with the state before and after, so that they can be undone."
    )
    mcp_changes_keep: float = Field(90.0, ge=1, le=3650, description="Days for which changes are kept.")
    mcp_metrics_port: int = Field(
        0, ge=0, le=65535, description="Separate port for `/metrics`, without a token; 0: on the main port."
    )
    mcp_console: Literal["on", "off"] = Field("on", description="`off` serves no console.")
    mcp_console_host: str = Field(
        "",
        description="Host name for the console alone, such as `console.example.org`; unset: each name of the server.",
    )
    mcp_console_port: int = Field(
        0, ge=0, le=65535, description="Port for the console alone; 0: below `/console/` of the main port."
    )
    mcp_console_password: SecretStr = Field(
        SecretStr(""),
        description="Passwords for the console, as lines of `proxmox-mcp console password`, or one "
        "password for `admin`. Unset: only by links of `proxmox-mcp console link`.",
    )
    mcp_public_url: str = Field(
        "", description="Address of this server for people, for links: `https://proxmox-mcp.example.org`."
    )
    mcp_notify: SecretStr = Field(
        SecretStr(""),
        description="Where people are told what waits and what happened (extra `notify`): addresses of apprise, such "
        "as `ntfy://example.org/topic`, separated by spaces or lines.",
    )
    mcp_notify_detail: bool = Field(
        False, description="Whether notifications name callers, guests and calls, with the statement."
    )
    mcp_clusters_file: str = Field(
        "", description="File with several clusters (TOML), each a table of `PROXMOX_` settings."
    )
    mcp_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    mcp_log_format: Literal["text", "json"] = Field("text", description="Format of log lines.")

    @field_validator("mcp_log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("mcp_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            if value:
                ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not a time zone: write one such as Europe/Berlin or UTC") from None
        return value

    @field_validator("mcp_root_path")
    @classmethod
    def _starts_with_slash(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not value.startswith("/"):
            raise ValueError("must start with a slash, such as /proxmox")
        return value

    @field_validator("mcp_console_host")
    @classmethod
    def _only_a_name(cls, value: str) -> str:
        if "/" in value or " " in value or "," in value:
            raise ValueError("is not a host name. Write it as in a URL, without https:// and path")
        return value.lower()

    @field_validator("mcp_public_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", value):
            raise ValueError("is not an address. Write it as https://proxmox-mcp.example.org")
        return value

    @field_validator("mcp_allowed_hosts")
    @classmethod
    def _without_scheme(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for place, value in enumerate(values, 1):
            if "/" in value or " " in value:
                raise ValueError(
                    f"entry {place} is not a host name. Write names as in a URL, without https:// and path, such as "
                    "mcp.example.org"
                )
        return values

    @field_validator("mcp_allowed_origins")
    @classmethod
    def _with_scheme(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for place, value in enumerate(values, 1):
            if "://" not in value and value != "null":
                raise ValueError(f"entry {place} is not an origin. Write it with https://: https://app.example.org")
        return values

    @field_validator("mcp_state_key", "mcp_audit_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value().encode()) < _MIN_KEY_BYTES:
            raise ValueError(f"is too short: use at least {_MIN_KEY_BYTES} bytes, such as from `openssl rand -hex 32`")
        return value

    @property
    def loopback(self) -> bool:
        """Whether the server listens on an address that only this machine can reach."""
        return self.mcp_host in ("localhost", "::1", "[::1]") or self.mcp_host.startswith("127.")

    @property
    def cache_directory(self) -> Path:
        """Directory of the schema cache: what is lost there is fetched again."""
        return Path(self.mcp_cache_dir) if self.mcp_cache_dir else Path.home() / ".cache" / "proxmox-mcp"

    @property
    def state_directory(self) -> Path:
        """Directory of the state that must be kept. Below an explicit cache directory, as long as that is all that is
        named: the home directory of a service is often not writable."""
        if self.mcp_state_dir:
            return Path(self.mcp_state_dir)
        return self.cache_directory / "state" if self.mcp_cache_dir else Path.home() / ".local/state/proxmox-mcp"


class Settings(Struct, frozen=True):
    """All settings. ``clusters`` has one entry named ``default`` unless ``MCP_CLUSTERS_FILE`` names several.

    ``faults`` are all errors found; ``wrong`` names the server settings with errors, which have their default here.
    """

    server: ServerSettings
    clusters: Mapping[str, ClusterSettings]
    notes: tuple[str, ...] = ()
    faults: tuple[SettingsError, ...] = ()
    wrong: frozenset[str] = frozenset()


def known_names() -> tuple[str, ...]:
    """Every environment variable that is read, in the order of ``docs/settings.md``."""
    fields = [*ClusterSettings.model_fields, *ServerSettings.model_fields]
    return tuple(name.upper() for name in fields)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (by default ``os.environ``).

    Raises: SettingsError, with every wrong variable, what is wrong with it and what is allowed.
    """
    settings = read_settings(environment)
    SettingsFaults(settings.faults).raise_all()
    return settings


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """As ``load_settings``, but with the errors in ``faults``: the server starts with them, to tell its callers."""
    given = dict(os.environ if environment is None else environment)
    values = {name: value for name, value in given.items() if name in known_names() and value != ""}
    faults = SettingsFaults()
    wrong = set()
    for name in SECRETS:
        if path := given.get(f"{name}_FILE"):
            before = len(faults.found)
            with faults.collected():
                if name in values:
                    raise SettingsError(f"{name} and {name}_FILE are both set.", "Unset one of the two.")
                values[name] = _read_secret(f"{name}_FILE", path)
            wrong |= {name} if len(faults.found) > before else set()
    server, misread = build(ServerSettings, values, faults)
    shared, unshared = build(ClusterSettings, values, faults)
    clusters = {"default": shared}
    if server.mcp_clusters_file:
        if "PROXMOX_HOST" in values:
            said = "PROXMOX_HOST and MCP_CLUSTERS_FILE are both set."
            faults.found.append(SettingsError(said, "Move the cluster into the file, and unset PROXMOX_HOST."))
        with faults.collected():
            sound = {name: value for name, value in values.items() if name not in unshared}
            clusters = _read_clusters(Path(server.mcp_clusters_file), sound, faults)
    return Settings(
        server=server,
        clusters=clusters,
        notes=(*_unknown_names(given), *_incomplete(server), *_maybe_public(server)),
        faults=tuple(faults.found),
        wrong=frozenset(wrong | misread),
    )


def _read_secret(name: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(
            f"{name}: {path} can't be read: {reason}.", "Name a file that this user can read."
        ) from error
    if not text:
        raise SettingsError(f"{name}: {path} is empty.", "Put the secret into the file.")
    return text


def _read_clusters(path: Path, shared: Mapping[str, str], faults: SettingsFaults) -> dict[str, ClusterSettings]:
    """One table for each cluster; values from the environment are the defaults for all."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"MCP_CLUSTERS_FILE: {path} can't be read: {error.strerror}.", "Name a file that this user can read."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else error
        raise SettingsError(
            f"MCP_CLUSTERS_FILE: {path} is not TOML: {reason}.", "See the example in docs/several-clusters.md."
        ) from error
    if not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(
            f"MCP_CLUSTERS_FILE: {path} has no clusters.",
            'Add a table for each, such as [lab] with PROXMOX_HOST = "..."',
        )
    return {name: _read_cluster(name, table, shared, faults) for name, table in tables.items()}


def _read_cluster(
    name: str, table: Mapping[str, Any], shared: Mapping[str, str], faults: SettingsFaults
) -> ClusterSettings:
    where = f"MCP_CLUSTERS_FILE [{name}] "
    known = [field.upper() for field in ClusterSettings.model_fields]
    values = {key: value for key, value in shared.items() if key in known}
    names = f"A cluster takes {', '.join(known)}."  # told once: a table of something else has many unknown keys
    for key, value in table.items():
        secret = key.removesuffix("_FILE") if key.endswith("_FILE") else ""
        with faults.collected():
            if secret in SECRETS and secret in known:
                values[secret] = _read_secret(where + key, str(value))
            elif key in known:
                values[key] = ",".join(map(str, value)) if isinstance(value, list) else value
            else:
                if not (advice := did_you_mean(key, known, 1)):
                    advice, names = names, ""
                raise SettingsError(f"{where}{key} is not a setting.", advice)
    if "PROXMOX_HOST" not in values:
        faults.found.append(SettingsError(f"{where}PROXMOX_HOST is missing.", "Set it to a node's name or address."))
    return build(ClusterSettings, values, faults, where)[0]


def _incomplete(server: ServerSettings) -> tuple[str, ...]:
    """Settings that work only partly without another setting."""
    if server.mcp_state_url.get_secret_value() and not server.mcp_state_key.get_secret_value():
        # The SDK makes a random key for each process, and answers to elicitation may reach another replica.
        problem = "MCP_STATE_URL is set without MCP_STATE_KEY: a confirmation that reaches another replica is refused."
        return (f"{problem} Set the same MCP_STATE_KEY for all replicas.",)
    return ()


def _maybe_public(server: ServerSettings) -> tuple[str, ...]:
    """Private files that others may be able to read: on Windows, files outside the user's profile."""
    places = {
        "MCP_CACHE_DIR": server.mcp_cache_dir,
        "MCP_STATE_DIR": server.mcp_state_dir,
        "MCP_AUDIT_FILE": server.mcp_audit_file,
    }
    faults = {name: why_maybe_public(Path(place)) for name, place in places.items() if place}
    return tuple(
        f"{name}={places[name]} may be readable by others on this machine: {fault}. Use a path in your profile."
        for name, fault in faults.items()
        if fault
    )


def _unknown_names(given: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that look like settings but are not. Only notes, since other programs may use these prefixes too."""
    known = known_names()
    ours = {*known, *(f"{name}_FILE" for name in SECRETS)}
    unknown = (name for name in sorted(given) if name.startswith(("PROXMOX_", "MCP_")) and name not in ours)
    return tuple(
        f"{name} is not a setting. {did_you_mean(name, known, 1, threshold=CLOSE)}".rstrip() for name in unknown
    )
