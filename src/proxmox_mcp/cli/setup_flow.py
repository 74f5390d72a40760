"""The questions of ``proxmox-mcp setup`` in their order, and the settings that the answers make."""

# Tested through tests/e2e/test_setup.py.

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.doctor import cluster_checks
from proxmox_mcp.doctor.privilege_profiles import PROFILES, PrivilegeProfile
from proxmox_mcp.doctor.report import Printer, SecretMask
from proxmox_mcp.doctor.steps import ReportSection
from proxmox_mcp.doctor.timing import Deadline
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.net.tls import parse_fingerprints
from proxmox_mcp.policy.callers import NAME_IS, is_name
from proxmox_mcp.proxmox.connection import Connection, parse_hosts, parse_identity
from proxmox_mcp.settings import read_settings
from proxmox_mcp.setup import Administrator, Use, find_node, is_loopback, new_caller, pveum_lines, served, trust
from proxmox_mcp.untrusted import flat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.cli.asking import Asker
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.setup import FoundNode

USED_PROFILES = {each.name: each for each in PROFILES}
WAYS = {
    "login": "make user and token now, with an administrator's login that is used once and kept nowhere",
    "pveum": "show the commands to run on a node, and take the secret that they print",
    "token": "use a token that exists",
}
KEEP = "keep"
_PROFILE_MEANS = {
    "read-only": "sees everything, changes nothing",
    "operator": "also starts, stops, changes, backs up, makes and deletes guests",
    "administrator": "everything that a token can do; risky calls are confirmed",
}
_USE_MEANS = {
    str(Use.LOCAL): "clients on this machine",
    str(Use.NETWORK): "clients on other machines, with a token",
    str(Use.COMPOSE): "the container of compose.yaml, whose .env is written",
}
_SECONDS = 20.0


def who_reaches_it(asker: Asker, given: str | None, there: Mapping[str, str]) -> Use:
    """Who reaches the server; usually those who reach it already."""
    host = there.get("MCP_HOST", "")
    usual = Use.NETWORK if host and not is_loopback(host) else Use.LOCAL
    return Use(asker.choice(given, "Who reaches the server?", _USE_MEANS, str(usual)))


class SetupFlow:
    """``values`` are the settings that the answers made so far; an empty value removes a setting.

    ``files`` are written beside the settings: the callers file, and a file for the token of each new caller.
    ``has_made_token``: on the cluster there is a new token, whatever is written here.
    """

    def __init__(self, asker: Asker, use: Use, there: Mapping[str, str], path: Path) -> None:
        """``there`` are the settings of the file at ``path`` as it is. Raises CallError for several clusters."""
        if there.get("MCP_CLUSTERS_FILE"):
            raise CallError(
                f"This set-up has several clusters, in {there['MCP_CLUSTERS_FILE']}.",
                "Add a cluster there (docs/several-clusters.md), or name another file with --env-file.",
            )
        self._asker = asker
        self._there = there
        self._path = path
        self.values: dict[str, str] = {}
        self.files: dict[Path, str] = {}
        self.use = use
        self._hosts: tuple[HostPort, ...] = ()
        self.has_made_token = False

    @property
    def settings(self) -> dict[str, str]:
        """Every setting of the file as it will be."""
        return {name: value for name, value in {**self._there, **self.values}.items() if value}

    def _old(self, name: str) -> str:
        return self._there.get(name, "")

    def reach(self, host: str | None, fingerprint: str | None, *, accept: bool) -> None:
        """Find the nodes, and decide whose certificate is trusted; nothing secret is sent before.

        Raises SettingsError, CallError.
        """
        there: Mapping[str, str] = self._there if self._old("PROXMOX_HOST") else os.environ
        usual, port = there.get("PROXMOX_HOST", ""), there.get("PROXMOX_PORT", "")
        usual = ",".join(map(str, parse_hosts(usual, int(port)))) if usual and port.isdecimal() else usual
        self._hosts = self._asker.value(
            host, "--host", "A node of your cluster (host or host:port)", usual, parse_hosts
        )
        found = [find_node(where, Deadline.after(_SECONDS)) for where in self._hosts]
        self.values["PROXMOX_HOST"] = ",".join(str(where).removesuffix(":8006") for where in self._hosts)
        self.values["PROXMOX_PORT"] = ""
        self.values |= trust(found, pinned=self._is_to_be_pinned(found, fingerprint, accept=accept))

    def _is_to_be_pinned(self, found: Sequence[FoundNode], fingerprint: str | None, *, accept: bool) -> bool:
        """Whether to pin what was found; False where public authorities vouch for it. Raises if nobody agrees."""
        if fingerprint is not None:
            if other := [node for node in found if not node.is_one_of(_pins(fingerprint))]:
                raise CallError(
                    f"{other[0].where} shows another certificate than the named one.",
                    f"It shows {other[0].certificate.fingerprint}. Compare it with `pvenode cert info` on the node.",
                )
            return True
        if all(node.publicly_trusted for node in found):
            self._asker.tell(f"A public authority vouches for the certificate of {self.values['PROXMOX_HOST']}.")
            return False
        known = self._old("PROXMOX_FINGERPRINT")
        if accept or (known and all(node.is_one_of(_pins(known)) for node in found)):
            return True
        for node in found:
            self._asker.tell("", f"{node.where} shows this certificate:", *(f"  {line}" for line in node.described))
            if known:
                self._asker.tell("  It is another one than the pinned one.")
        self._asker.tell("", "Compare the fingerprint with what `pvenode cert info` shows on the node.")
        self._asker.must_agree("Is it the same? Then it will be pinned", "--fingerprint or --accept-certificate")
        return True

    def sign_in(
        self, way: str | None, profile: str | None, admin: str | None, user: str | None, token_id: str | None
    ) -> None:
        """Come to the identity of the server. Raises ProxmoxMcpError."""
        has_one = bool(
            self._old("PROXMOX_USER") and (self._old("PROXMOX_PASSWORD") or self._old("PROXMOX_PASSWORD_FILE"))
        )
        if way is None and has_one and not (profile or user or token_id):
            name = self._old("PROXMOX_TOKEN_ID").rpartition("!")[2]
            known = f"{self._old('PROXMOX_USER')}!{name}" if name else self._old("PROXMOX_USER")
            way = KEEP if self._asker.agree(f"Keep {known} as it is?") else None
        way = self._asker.choice(way, "How shall the server sign in?", WAYS, "login")
        if way == KEEP:
            if not has_one:
                raise CallError("There is no token to keep.", f"Use --sign-in with one of: {', '.join(WAYS)}.")
            return
        chosen: PrivilegeProfile | None = None
        if way != "token":
            chosen = USED_PROFILES[self._asker.choice(profile, "What may it do?", _PROFILE_MEANS, "read-only")]
            self.values["MCP_MODE"] = "read-only" if chosen.name == "read-only" else "guarded"
        who = self._asker.value(user, "--user", "User of the token", self._old("PROXMOX_USER") or "mcp@pve", _user)
        usual = self._old("PROXMOX_TOKEN_ID") or "mcp"
        token = self._asker.value(token_id, "--token-id", "Name of the token", usual, lambda text: _token(who, text))
        if way == "login" and chosen is not None:
            secret, token = self._made_by_login(admin, who, token, chosen)
        else:
            self._show_commands(who, token, chosen)
            secret = self._asker.secret(f"Secret of the token {who}!{token}", "PROXMOX_PASSWORD")
        self._connection(who, token, secret)  # Raises SettingsError for what can't be a secret.
        self.values |= {"PROXMOX_USER": who, "PROXMOX_TOKEN_ID": token, "PROXMOX_PASSWORD": secret}
        self.values["PROXMOX_PASSWORD_FILE"] = ""

    def _show_commands(self, user: str, token: str, profile: PrivilegeProfile | None) -> None:
        if profile is None:
            return
        lines = pveum_lines(user, token, profile)
        self._asker.tell("", "Run these as root on a node of the cluster:", "", *(f"  {line}" for line in lines), "")
        self._asker.tell("The last one prints the secret of the token as `value`, once.")

    def _made_by_login(self, admin: str | None, user: str, token: str, profile: PrivilegeProfile) -> tuple[str, str]:
        """The secret and the name of a new token."""
        who = self._asker.value(admin, "--admin", "Administrator", "root@pam", _user)
        password = self._asker.secret(f"Password of {who}, used once and kept nowhere", "SETUP_ADMIN_PASSWORD")
        connection = replace(self._connection(who, "", password), hosts=self._hosts[:1])
        session = Administrator.sign_in(
            connection, lambda: self._asker.secret("Code of the second factor", "SETUP_CODE")
        )
        try:
            made = session.make_token(user, token, profile)
        finally:
            session.close()
        self.has_made_token = True
        self._asker.tell("Done on the cluster:", *(f"  {line}" for line in made.done))
        if made.beyond:
            self._asker.tell(f"{user} had more before, and still has: {', '.join(map(flat, made.beyond))}.")
            self._asker.tell("To take it away, on a node: pveum acl delete PATH --users USER --roles ROLE")
        return made.secret, made.name

    def _connection(self, user: str, token: str, secret: str) -> Connection:
        return Connection.parse(
            host=self.values["PROXMOX_HOST"],
            user=user,
            token_id=token,
            secret=secret,
            verify_ssl=bool(self.values["PROXMOX_VERIFY_SSL"]),
            fingerprint=self.values["PROXMOX_FINGERPRINT"],
        )

    def test(self) -> None:
        """Check the cluster as the server will use it, step by step. Raises CallError if a step fails."""
        ours = {name: value for name, value in os.environ.items() if name in ("MCP_CACHE_DIR", "MCP_STATE_DIR")}
        settings = read_settings({**ours, **self.settings})
        (cluster,) = settings.clusters.values()
        printer = Printer(sys.stderr, SecretMask((cluster.proxmox_password.get_secret_value(),)))
        failed = False
        cache = settings.server.cache_directory / "schema"
        for step in cluster_checks.look(ReportSection("test"), cluster, cache, Deadline.after(_SECONDS)):
            printer.step(step)
            failed = failed or step.status == "fail"
        if failed:
            made = "The token that was made stays; the next run makes another. " if self.has_made_token else ""
            advice = f"{made}Correct what the test names; --no-test writes without it."
            raise CallError("The test failed, and nothing was written.", advice)

    def serve(self, names: Sequence[str], callers: Sequence[str]) -> None:
        """Where the server listens, and who may call. Raises SettingsError, CallError."""
        for name in names:
            _host_names(name)
        if self.use is not Use.LOCAL and not names and not self._old("MCP_ALLOWED_HOSTS"):
            asked = "Host name that clients use, such as proxmox-mcp.example.org"
            names = self._asker.value(None, "--name", asked, "", _host_names)
        if self.use is Use.NETWORK and not callers and not self._has_callers():
            given = self._asker.optional("Callers with tokens of their own, with commas (empty: one token for all)")
            callers = [name.strip() for name in given.split(",") if name.strip()]
        if callers and self.use is Use.COMPOSE:
            raise CallError("The callers of a container are in its CONFIG_DIR.", "See docs/deploy.md, and `token new`.")
        known = bool(callers) or self._has_callers()
        self.values |= served(self.use, names, self._there, callers=known)
        if callers:
            self._add_callers(callers)

    def _has_callers(self) -> bool:
        return bool(self._old("MCP_CALLERS_FILE"))

    def _add_callers(self, callers: Sequence[str]) -> None:
        """A token for each new caller in a file of its own, and its entry in the callers file. Raises CallError."""
        file = Path(self._old("MCP_CALLERS_FILE") or self._path.resolve().with_name("callers.toml"))
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        mode = self.settings.get("MCP_MODE", "guarded")
        for name in callers:
            if not is_name(name):
                raise CallError(f"{name!r} can't be the name of a caller.", f"It must be {NAME_IS}.")
            if f'name = "{name}"' in text:
                self._asker.tell(f"The caller {name} is there already, and keeps its token.")
                continue
            made = new_caller(name, mode)
            text += ("\n" if text else "") + made.entry
            self.files[file.with_name(f"token-{name}")] = f"{made.token}\n"
        if self.files:
            self.files[file] = text
        self.values["MCP_CALLERS_FILE"] = str(file)

    def console(self, *, password: bool) -> None:
        """A password for the console, if it is wanted; its hash goes into the file. Raises SettingsError."""
        offered = self.use is Use.NETWORK and not self._old("MCP_CONSOLE_PASSWORD")
        if not (password or (offered and self._asker.agree("Set a password for the console now?", default=False))):
            return
        # Jinja2 and the pages (0.2 s of CPU) are needed for nothing else here.
        from proxmox_mcp.cli.operator import user
        from proxmox_mcp.web import Person, Role, entry

        given = self._asker.secret("Password for the console", "SETUP_CONSOLE_PASSWORD", confirmed=True)
        name = user()  # It may have blanks, or be missing in a container; the console takes neither.
        self.values["MCP_CONSOLE_PASSWORD"] = entry(Person(name if is_name(name) else "operator", Role.ADMIN), given)


def _pins(text: str) -> tuple[str, ...]:
    try:
        return parse_fingerprints(text)
    except ValueError as error:
        raise SettingsError(f"The fingerprint can't be read: {error}.", "`pvenode cert info` shows it.") from None


def _user(text: str) -> str:
    return parse_identity(text.strip(), "")[0]


def _token(user: str, text: str) -> str:
    return parse_identity(user, text.strip())[1]


def _host_names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names or any("/" in name or " " in name for name in names):
        raise SettingsError(f"{text!r} is not a host name.", "Write it as in a URL, without https:// and path.")
    return names
