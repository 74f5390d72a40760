"""Advice held to Proxmox's own wording: fakepve's catalogue by name, and what a real 9.1 said."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from fakepve import errors as catalogue

from proxmox_mcp.errors import AuthenticationError, FailedError, PermissionDeniedError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.advice import FailedCall, advise
from proxmox_mcp.proxmox.answers import Refusal, read
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.errors import refused
from proxmox_mcp.proxmox.grants import role_for
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

GUEST = "/nodes/pve1/qemu/100"
CT = "/nodes/pve1/lxc/100"
TOKEN = Connection(
    hosts=(HostPort("pve1", 8006),), user="mcp@pve", token="t1", secret="ef30d6e0-7527-40d1-89c3-fdf493a53834"
)
ROOT_TOKEN = Connection(hosts=TOKEN.hosts, user="root@pam", token="t1", secret=TOKEN.secret)
USER = Connection(hosts=TOKEN.hosts, user="anna@pve", secret="pw")

# method, path, the error's name in the catalogue, what the advice must say
BY_NAME = [
    ("POST", f"{GUEST}/status/start", "no_quorum", "lost its majority"),
    ("PUT", f"{GUEST}/config", "config_lock_timeout", "Another operation"),
    ("DELETE", CT, "config_lock_timeout", "Another operation"),
]

# A word of the catalogue's message, and what any advice for such a message must say.
BY_WORDING = [
    (r"^(VM|CT) is locked \(", r"GET /nodes/pve1/tasks .*vmid=100.*`(qm|pct) unlock 100`"),
    (r"^Configuration file '.*' does not exist$", r"no such guest on that node.*GET /cluster/resources with type=vm"),
    (r"^unable to find configuration file for", r"no such guest on that node"),
    (r"^storage '[^']*' does not exist$", r"GET /nodes/[^/]+/storage lists"),
    (r"^storage '[^']*' is disabled$", r"disable=0"),
    (r"^storage '[^']*' is not (available|online)", r"not usable on that node"),
    (r"^snapshot '[^']*' does not exist$", r"/nodes/pve1/(qemu|lxc)/100/snapshot lists"),
    (r"^binary not installed", r"lacks that program"),
    (r"already running$", r"runs already"),
    (r"^(VM|CT) \d+ not running$", r"/status/start first"),
    (r"if (it's|vm is) a template$", r"clone"),
    (r"protection mode enabled$", r"protection=0"),
    (r"purge parameter not set", r"purge=1"),
    (r"^checksum mismatch", r"Read it again"),
    (r"contains snapshots$", r"/snapshot lists"),
    (r"config file already exists$|^VM \d+ already exists", r"/cluster/nextid"),
    (r"^no rule at position", r"positions count from 0"),
    (r"^invalid lock token", r"/cluster/sdn/lock"),
    (r"no such user", r"GET /access/users"),
    (r"no such token", r"/token lists"),
    (r"^pool '[^']*' does not exist$", r"/pools"),
    (r"^sdn (zone|vnet|subnet|controller) ", r"/cluster/sdn/"),
    (r"[Cc]eph|OSD '", r"ceph"),
    (r"^(No|no) such job", r"GET /cluster/backup"),
    (r"only root|Only root may", r"no API token"),
    (r"^can't migrate running", r"online=1"),
    (r"not enough free space", r"no room"),
    (r"does not support (vm images|templates|backups)|content-type", r"content"),
    (r"^no such task$|unable to parse worker upid", r"whole UPID"),
    (r"^unable to parse volume ID", r"storage:volume"),
    (r"shrink", r"only grow"),
    (r"failed to get address info", r"no such node"),
    (r"ACME account", r"/cluster/acme/account"),
    (r"^bridge '", r"/network lists"),
    (r"used by a snapshot|with snapshots and delete", r"delete=0|Snapshots stand"),
    (r"^(VM|CT) \d+ (is already|is not) a? ?pool member", r"/pools/"),
    (r"reserved name", r"another name"),
    (r"guest migration lock", r"replication"),
    (r"^auto-generated role", r"of your own"),
]


def all_messages() -> list[tuple[FailedCall, int, str, str]]:
    """Every catalogued error as (call, status, name, message), each fault of a parameter by itself."""
    found = []
    for key in catalogue.catalogue():
        method, template = key.split(" ", 1)
        path = template.replace("{node}", "pve1").replace("{vmid}", "100").replace("{storage}", "local")
        path = re.sub(r"\{[^}]+\}", "x1", path)
        for entry in catalogue.errors_for(method, path):
            faults = list((entry.get("errors") or {}).values())
            found += [
                (FailedCall(method, path), entry["status"], entry["name"], text)
                for text in faults or [entry["message"]]
            ]
    return found


MESSAGES = all_messages()


@pytest.mark.parametrize(("method", "path", "name", "words"), BY_NAME)
def test_advice_for_an_error_of_the_catalogue_by_name(method: str, path: str, name: str, words: str) -> None:
    (entry,) = [e for e in catalogue.errors_for(method, path) if e["name"] == name]
    error = refused(Refusal(entry["status"], entry["message"]), FailedCall(method, path), TOKEN)
    assert words in error.advice


@pytest.mark.parametrize(("wording", "advice"), BY_WORDING)
def test_advice_for_every_catalogued_message_of_a_wording(wording: str, advice: str) -> None:
    found = [(call, text) for call, status, _, text in MESSAGES if status in {400, 500} and re.search(wording, text)]
    assert found
    for call, text in found:
        assert re.search(advice, advise(text, call), re.DOTALL), (call, text, advise(text, call))


def test_the_wordings_hold_well_over_a_hundred_catalogued_errors_by_name() -> None:
    named = {
        (call.method, call.path, name)
        for call, status, name, text in MESSAGES
        if status in {400, 500} and any(re.search(wording, text) for wording, _ in BY_WORDING)
    }
    assert len(named) > 500


def test_most_catalogued_messages_have_advice_and_none_has_a_gap_in_it() -> None:
    """The rest speak for themselves, or have causes that nobody can tell from outside."""
    judged = [(call, text) for call, status, _, text in MESSAGES if status in {400, 500}]
    advised = [(text, said) for call, text in judged if (said := advise(text, call))]
    assert len(advised) / len(judged) > 0.8
    assert not [said for _, said in advised if "None" in said or "{lock}" in said or "{guest}" in said]


@pytest.mark.parametrize("name", ["authentication_failure", "invalid_ticket", "invalid_csrf"])
def test_every_kind_of_refused_credentials_says_what_to_check(name: str) -> None:
    (entry,) = [e for e in catalogue.errors_for("POST", f"{GUEST}/status/start") if e["name"] == name]
    error = refused(Refusal(401, entry["message"]), FailedCall("POST", GUEST), TOKEN)
    assert isinstance(error, AuthenticationError)
    assert error.advice
    assert TOKEN.secret not in str(error)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("no such user ('mcp@pve')", "pveum user list"),
        ("no such token 't1' for user 'mcp@pve'", "pveum user token list mcp@pve"),
        ("invalid token value!", "pveum user token remove mcp@pve t1"),
        ("user 'mcp@pve' is disabled", "--enable 1"),
        ("token expired", "--expire 0"),
        ("Authentication failed!", "One of three is wrong"),
    ],
)
def test_what_an_older_proxmox_says_of_a_token_is_used(said: str, words: str) -> None:
    assert words in refused(Refusal(401, said), FailedCall("GET", "/nodes"), TOKEN).advice


def test_a_tokens_secret_given_as_a_password_is_seen() -> None:
    connection = Connection(hosts=USER.hosts, user=USER.user, secret=TOKEN.secret)
    assert (
        "set PROXMOX_TOKEN_ID"
        in refused(Refusal(401, "authentication failure"), FailedCall("GET", "/"), connection).advice
    )


@pytest.mark.parametrize(
    ("message", "connection", "line"),
    [
        (
            "Permission check failed (/vms/100, VM.PowerMgmt)",
            TOKEN,
            "pveum acl modify /vms/100 --tokens 'mcp@pve!t1' --roles PVEVMUser",
        ),
        (
            "Permission check failed (/storage, Datastore.Allocate)",
            TOKEN,
            "modify /storage --tokens 'mcp@pve!t1' --roles PVEDatastoreAdmin",
        ),
        ("Permission check failed (, Pool.Allocate)", TOKEN, "modify / --tokens 'mcp@pve!t1' --roles PVEPoolAdmin"),
        (
            "Permission check failed (/nodes/pve1, Sys.PowerMgmt)",
            TOKEN,
            "pveum role add McpSysPowerMgmt --privs Sys.PowerMgmt && ",
        ),
        ("Permission check failed (/vms/100, VM.Audit)", USER, "modify /vms/100 --users anna@pve --roles PVEAuditor"),
        ("Permission check failed (/, Sys.Audit|Datastore.Audit)", TOKEN, "lacks Sys.Audit or Datastore.Audit on /"),
        ("Permission check failed (/, VM.PowerMgmt && VM.Config.Disk)", TOKEN, "--roles PVEVMAdmin"),
        ("Permission check failed (/, Sys.Modify for modifying tag 'x')", TOKEN, "--privs Sys.Modify"),
        ("Permission check failed (/vms/100, VM.Audit)", ROOT_TOKEN, "pveum user token modify root@pam t1 --privsep 0"),
    ],
)  # fmt: skip
def test_a_missing_privilege_comes_with_the_line_that_grants_it(
    message: str, connection: Connection, line: str
) -> None:
    error = refused(Refusal(403, message), FailedCall("GET", GUEST), connection)
    assert isinstance(error, PermissionDeniedError)
    assert line in error.advice
    assert ("privilege separation" in error.advice.lower()) == bool(connection.token)


@pytest.mark.parametrize(
    "message",
    [
        "Permission check failed (user != root@pam)",
        "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)",
        "Permission check failed (URI '/access/password' not available with API token, need proper ticket.\n)",
    ],
)
def test_what_no_token_may_is_said_to_be_so(message: str) -> None:
    advice = refused(Refusal(403, message), FailedCall("PUT", "/access/password"), TOKEN).advice
    assert re.search("[Nn]o API token", advice)
    assert "pveum" not in advice


def test_each_fault_of_a_parameter_is_kept_and_advised() -> None:
    faults = {"storage": "No such storage.", "delete": "unknown option 'nonsense'"}
    error = refused(Refusal(400, "Parameter verification failed.", faults), FailedCall("PUT", f"{GUEST}/config"), TOKEN)
    assert error.errors == faults
    assert 'storage: "No such storage."' in error.message
    assert "GET /nodes/pve1/storage" in error.advice
    assert "no such setting" in error.advice


def test_a_long_row_of_faults_is_cut_with_its_number() -> None:
    faults = {f"p{n}": "bad" for n in range(40)}
    error = refused(Refusal(400, "Parameter verification failed.", faults), FailedCall("PUT", "/x"), TOKEN)
    assert "and 28 more" in error.message
    assert len(error.errors) == 40


def test_a_role_is_the_smallest_that_holds_the_privileges() -> None:
    assert role_for(["VM.Audit"]) == "PVEAuditor"
    assert role_for(["VM.Snapshot"]) == "PVEVMAdmin"
    assert role_for(["Sys.Modify"]) == ""


def test_what_a_real_proxmox_refused_becomes_an_error_with_advice(shared_data: Path) -> None:
    from proxmox_mcp.net.client import HttpResponse

    seen = set()
    for line in (shared_data / "recordings" / "pve-9.1.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["status"] < 400:
            continue
        headers = {"content-type": record["content_type"]}
        answer = read(HttpResponse(record["status"], record["reason"], headers, record["body"].encode()))
        assert isinstance(answer, Refusal)
        error = refused(answer, FailedCall(record["method"], record["path"]), TOKEN)
        assert error.status == record["status"]
        assert error.message
        seen.add(type(error))
        if not (isinstance(error, FailedError) and "schedule" in error.message):
            assert error.advice, record
    assert len(seen) >= 5


def test_the_faults_of_secret_parameters_are_told_as_proxmox_words_them_and_without_their_values() -> None:
    faults = {"confirmation-password": "password is required", "password": "value 'hunter2x' does not match the regex"}
    error = refused(Refusal(400, "Parameter verification failed.", faults), FailedCall("PUT", "/access/password"), USER)
    shown = error.reworded(Redactor().text)
    assert 'confirmation-password: "password is required"' in shown.message
    assert "value '[secret]' does not match the regex" in shown.message
    assert "hunter2x" not in shown.message
