from __future__ import annotations

import ast
import gzip
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pattern_attacks import shortest_match
from proxmox_mcp.apidoc import bundled_versions
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.record import secret_patterns
from proxmox_mcp.record.redaction import Redactor, secrets_in
from proxmox_mcp.record.secret_patterns import HIDDEN, is_secret_name, secrets_below
from sources import PACKAGE, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.apidoc.model import Schema

SECRET = "hunter2-hunter2"
REDACTOR = Redactor()

names_of_secrets = st.sampled_from(
    """password cipassword Password secret ticket CSRFPreventionToken encryption-key otp token client-key eab-hmac-key
    confirmation-password new_password bind-passwd webhookSecret""".split()  # noqa: SIM905
)
plain_names = st.sampled_from(["vmid", "node", "description", "x", "data", "0"])


@st.composite
def nested(draw: st.DrawFn) -> Any:
    value: Any = {draw(names_of_secrets): SECRET}
    for _ in range(draw(st.integers(0, 6))):
        value = draw(st.sampled_from([[value], [1, value], {draw(plain_names): value}, {"a": None, "b": [value, "c"]}]))
    return value


@given(nested())
def test_a_secret_is_found_at_any_depth(value: Any) -> None:
    assert SECRET not in json.dumps(REDACTOR.data(value))
    assert secrets_in({"data": value}) == {SECRET}


@given(
    names_of_secrets,
    st.recursive(st.just(SECRET), lambda inner: st.lists(inner, min_size=1) | st.fixed_dictionaries({"a": inner})),
)
def test_whatever_stands_under_a_secret_name_is_hidden_whole(name: str, value: Any) -> None:
    assert REDACTOR.data({name: value}) == {name: HIDDEN}


RECORDS = [
    {"vmid": 100, "name": "web-01", "status": "running", "cpu": 0.5, "lock": None},
    {"vmid": 101, "name": "keycloak", "tags": "token;pass"},
    {"vmid": 102, "name": "db", "description": f"password={SECRET}"},
    {"vmid": 103, "cipassword": SECRET},
    {"key": "cipassword", "value": SECRET},
    {"vmid": 104, "args": "own-credential"},
    {"vmid": 105, "net": {"bind-passwd": SECRET, "bridge": "vmbr0"}},
    {"vmid": 106, "list": ["a", f"https://user:{SECRET}@host"]},
    {},
    "web-01",
    7,
]


@given(st.lists(st.tuples(st.sampled_from(RECORDS), st.integers(1, 60)), max_size=5))
def test_a_record_reads_the_same_in_a_long_list_as_alone(runs: list[tuple[Any, int]]) -> None:
    """Records of long lists are looked through together."""
    redactor = Redactor(["own-credential"])
    records = [record for record, times in runs for _ in range(times)]
    before = json.dumps(records)
    shown = redactor.data(records)
    assert shown == [redactor.data(record) for record in records]
    assert json.dumps(records) == before
    assert SECRET not in json.dumps(shown)
    assert "own-credential" not in json.dumps(shown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("abc /:.-", max_size=20),
        lambda i: st.lists(i) | st.dictionaries(st.sampled_from("abcdef"), i),
    )
)
def test_what_is_no_secret_comes_back_equal(value: Any) -> None:
    assert REDACTOR.data(value) == value


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("/access/users/{userid}/token/{tokenid}", {"full-tokenid": "a@pve!t", "value": SECRET}),
        ("/cluster/acme/plugins/{id}", {"type": "dns", "data": SECRET}),
        ("/cluster/acme/plugins", [{"plugin": "x", "data": SECRET}]),
        ("/cluster/sdn/dns/{dns}", {"dns": "x", "key": SECRET}),
        ("/nodes/{node}/certificates/custom", {"certificates": "...", "key": SECRET}),
        ("/nodes/{node}/subscription", {"key": SECRET}),
        ("/access/tfa/{userid}", {"type": "totp", "value": SECRET}),
        ("/cluster/notifications/endpoints/webhook", {"header": f"name=X-Key,value={SECRET}"}),
    ],
)  # fmt: skip
def test_secrets_that_only_their_endpoint_tells(template: str, data: Any) -> None:
    assert SECRET not in json.dumps(REDACTOR.data(data, template))
    assert SECRET in json.dumps(REDACTOR.data(data, "/nodes/{node}/status"))


def test_entries_that_name_a_secret_by_a_value() -> None:
    pending = [{"key": "cipassword", "value": SECRET, "pending": SECRET}, {"key": "cores", "value": 4, "pending": 8}]
    assert REDACTOR.data(pending) == [
        {"key": "cipassword", "value": HIDDEN, "pending": HIDDEN},
        {"key": "cores", "value": 4, "pending": 8},
    ]


@pytest.mark.parametrize(
    "public",
    [
        {"sshkeys": "ssh-ed25519%20AAAAC3Nza%20me"},
        {"tokenid": "ro", "tokens": [{"tokenid": "ro", "privsep": 1}]},
        {"lock-token": "3f2a"},
        {"ssl_fingerprint": "54:33:2E:3F"},
        {"digest": "3fef714757f0654d1d69f5a24274a63b89a58e0a"},
        {"generate-password": 1},
        {"password": None},
        {"cipassword": "**********"},
        {"upid": "UPID:PVE:00001E72:0006EC3D:6B026466:stopall::root@pam:"},
        {"message": "invalid password\n"},
        {"url": "https://pbs.example.org:8007/"},
        {"public": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"},
    ],
)
def test_what_is_public_stays(public: dict[str, Any]) -> None:
    assert REDACTOR.data(public) == public


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("got PVE:root@pam:6566B4D5::abcDEF+/= back", f"got {HIDDEN} back"),
        ("PVEVNC:6566B4D5::abcDEF==", HIDDEN),
        ("Authorization: PVEAPIToken=root@pam!mcp=0f1e-2d3c", f"Authorization: PVEAPIToken={HIDDEN}"),
        ("(PVEAPIToken=root@pam!mcp=0f1e-2d3c", f"(PVEAPIToken={HIDDEN}"),
        ("host=pve,apitoken=PVEAPIToken=a@pam!x=u-u,port=1", f"host=pve,apitoken={HIDDEN},port=1"),
        ("curl -H 'Authorization: Bearer abcdefgh12345'", f"curl -H 'Authorization: Bearer {HIDDEN}'"),
        ("proxy http://me:pw@proxy:3128/", f"proxy http://me:{HIDDEN}@proxy:3128/"),
        ("otpauth://totp/me?secret=ABC&issuer=x", f"otpauth://totp/me?{HIDDEN}"),
        ("user: root\npassword: $5$ab$cd\nchpasswd:\n", f"user: root\npassword: {HIDDEN}\nchpasswd:\n"),
        ('{"db_password": "p w", "a": 1}', f'{{"db_password": {HIDDEN}, "a": 1}}'),
        ("A=1\0DB_PASSWORD=x9\0API_TOKEN=zz", f"A=1\0DB_PASSWORD={HIDDEN}\0API_TOKEN={HIDDEN}"),
        ("a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\nz", f"a\n{HIDDEN}\nz"),
        ("-----BEGIN PRIVATE KEY-----\ncut short", HIDDEN),
    ],
)  # fmt: skip
def test_secrets_within_texts(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Basic cm9vdDpwdw==", f"Authorization: Basic {HIDDEN}"),
        ('{"authorization": "basic cm9vdDpwdw=="}', f'{{"authorization": "basic {HIDDEN}"}}'),
        ("Proxy-Authorization: Digest username=u, response=12ab", f"Proxy-Authorization: Digest {HIDDEN}"),
        ("REDIS_URL=redis://:s3cr3t@cache:6379/0", f"REDIS_URL=redis://:{HIDDEN}@cache:6379/0"),
        ("postgres://app:p@ss,w0rd@db:5432/x", f"postgres://app:{HIDDEN}@db:5432/x"),
        ("amqp://u:12345@mq", f"amqp://u:{HIDDEN}@mq"),
        ("https://gotify.lan/message?token=AbC.123", f"https://gotify.lan/message?token={HIDDEN}"),
        ("https://x/?a=1&api_key=zzz&b=2", f"https://x/?a=1&api_key={HIDDEN}&b=2"),
        ("https://s3/x?X=1&sig=aa%2Fbb", f"https://s3/x?X=1&sig={HIDDEN}"),
        ("https://hooks.slack.com/services/T0/B0/xyz", f"https://hooks.slack.com/services/{HIDDEN}"),
        ("https://discord.com/api/webhooks/123/tok-en", f"https://discord.com/api/webhooks/123/{HIDDEN}"),
        ("https://api.telegram.org/bot12:AA-bb/sendMessage", f"https://api.telegram.org/bot12:{HIDDEN}"),
        ("https://chat.lan/hooks/abcdefgh12345678", f"https://chat.lan/hooks/{HIDDEN}"),
        ("pvesh set /x --password hunter2 --node a", f"pvesh set /x --password {HIDDEN} --node a"),
        ("mount --password='a b' x", f"mount --password={HIDDEN} x"),
        ("tool --api-key 12ab --token=zz", f"tool --api-key {HIDDEN} --token={HIDDEN}"),
        ("root:$6$salt$hashhashhash/.:19000:0:99999:7:::", f"root:{HIDDEN}:19000:0:99999:7:::"),
        ("root:$y$j9T$abc./$defghi:19000:0:99999:7:::", f"root:{HIDDEN}:19000:0:99999:7:::"),
        ("old:AbCdEfGhIjKlM:12000:0:99999:7:::", f"old:{HIDDEN}:12000:0:99999:7:::"),
        ("passwd: $2b$12$abcdefghijklmnopqrstuv", f"passwd: {HIDDEN}"),
        ("hash $5$rounds=5000$salt$hash end", f"hash {HIDDEN} end"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c", f"AWS_SECRET_ACCESS_KEY={HIDDEN}"),
        ("api-key: 12ab34", f"api-key: {HIDDEN}"),
        ('password="cut off here', f"password={HIDDEN}"),
    ],
)  # fmt: skip
def test_each_form_of_a_secret_within_a_text_goes_and_what_surrounds_it_stays(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown
    assert REDACTOR.data({"description": text, "lines": [text]}) == {"description": shown, "lines": [shown]}
    assert REDACTOR.text(f"before\n{text}\nafter") == f"before\n{shown}\nafter"


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication is used for the registry",
        "authorization: required for this call",
        "bearer authentication of the proxy",
        "the bearer certificate of the node",
        "http://pve1:8006/api2/json and mail to admin@example.com",
        "http://10.0.0.5:3128, or admin@pbs@10.0.0.6",
        "ssh://root@pve1:22/",
        "admin@pbs@10.0.0.5:8007:store1",
        "--password is required, or use --token for a token",
        "use --password or PVE_PASSWORD",
        "--password <text>",
        "--token-file /etc/token",
        "https://x.lan/search?keyboard=de&tokenid=ro&page=2",
        "https://hooks.example.com/services/list",
        "https://docs.lan/hooks/pre-start",
        "keyboard: de",
        "sshkeys: ssh-ed25519%20AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host",
        "public_key: abc",
        "price $1,000 and $5 more",
        "echo $HOME $6 $USER",
        "pg_dump: $1$ is no parameter",
        "root:x:0:0:root:/root:/bin/bash",
        "daemon:*:19000:0:99999:7:::",
        "nobody:!:19000:0:99999:7:::",
        "UPID:pve1:00001E72:0006EC3D:6B026466:stopall::root@pam:",
        "net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1",
        "scsi0: local-lvm:vm-100-disk-0,size=32G",
        "key=value,other=thing",
        "2001:db8::1 and fe80::1%eth0",
    ],
)
def test_ordinary_text_that_resembles_a_secret_stays(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert REDACTOR.data({"description": text, "lines": [text]}) == {"description": text, "lines": [text]}


@pytest.mark.parametrize(
    ("name", "value", "shown", "secret"),
    [
        ("tfa", "type=yubico,id=1,key=s3cr3t,url=http://x", f"type=yubico,id=1,key={HIDDEN},url=http://x", "s3cr3t"),
        ("tfa", "key=s3cr3t,type=yubico", f"key={HIDDEN},type=yubico", "s3cr3t"),
        ("env", "TZ=UTC\0API_KEY=s3cr3t\0PGPASS=s3cr3t", f"TZ=UTC\0API_KEY={HIDDEN}\0PGPASS={HIDDEN}", "s3cr3t"),
        ("env", "PATH=/bin\0SENTRY_DSN=https://s3cr3t@x", f"PATH=/bin\0SENTRY_DSN={HIDDEN}", "https://s3cr3t@x"),
    ],
)
def test_a_secret_within_a_property_string_goes_wherever_its_name_may_stand(
    name: str, value: str, shown: str, secret: str
) -> None:
    assert REDACTOR.data({name: value}) == {name: shown}
    assert REDACTOR.data([{"key": name, "value": value, "pending": value}]) == [
        {"key": name, "value": shown, "pending": shown}
    ]
    assert REDACTOR.data({"lxc": [[name, value]]}) == {"lxc": [[name, shown]]}
    assert secret in secrets_in({name: value})


def test_raw_lines_of_a_containers_configuration_keep_their_variables_to_themselves() -> None:
    lines = {"lxc": [["lxc.environment", "DB_PASS=s3cr3t"], ["lxc.mount.entry", "/x y none bind 0 0"]]}
    assert REDACTOR.data(lines) == {
        "lxc": [["lxc.environment", f"DB_PASS={HIDDEN}"], ["lxc.mount.entry", "/x y none bind 0 0"]]
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://chat.lan/v1/AbCdEf0123456789AbCd", f"https://chat.lan/v1/{HIDDEN}"),
        ("https://chat.lan/send?to=AbCdEf0123456789AbCd", f"https://chat.lan/send?to={HIDDEN}"),
        ("https://chat.lan/{{ secrets.token }}/send", "https://chat.lan/{{ secrets.token }}/send"),
        ("https://ntfy.sh/alerts", "https://ntfy.sh/alerts"),
    ],
)
def test_the_address_of_a_webhook_keeps_its_long_parts(url: str, shown: str) -> None:
    for template in ("/cluster/notifications/endpoints/webhook", "/cluster/notifications/endpoints/webhook/{name}"):
        assert REDACTOR.data([{"name": "x", "url": url}], template) == [{"name": "x", "url": shown}]


FAULTS = [
    "password is required",
    "password too short, must be at least 8 characters",
    "property is missing and it is not optional",
    "property is not defined in schema and the schema does not allow additional properties",
    "type check ('string') failed - got ARRAY",
    "value must have a minimum length of 5",
    "value must be at least 5 characters long",
    "value may only be 64 characters long",
    "value does not match the regex pattern",
    "invalid format - value does not look like a valid secret",
    "missing property required by 'username'",
    "duplicate parameter (already defined in URI) with conflicting values!",
    "unable to decode",
]
"""How Proxmox words the fault of a parameter (``PVE::JSONSchema``, ``PVE::API2::AccessControl``)."""


@pytest.mark.parametrize("name", ["password", "confirmation-password", "cipassword", "new_password", "client-secret"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_proxmox_says_of_a_parameter_that_holds_a_secret_stays(name: str, fault: str) -> None:
    for said in (f"Parameter verification failed.\n{name}: {fault}", f'{name}: "{fault}"'):
        assert REDACTOR.text(said) == said
        assert REDACTOR.data({"errors": said}) == {"errors": said}


def test_every_fault_that_proxmox_was_seen_to_find_stays_readable_under_a_secret_name(shared_data: Path) -> None:
    faults: set[str] = set()
    for version in ("9.1", "9.2"):
        lines = gzip.decompress((shared_data / "validator" / f"verdicts-{version}.jsonl.gz").read_bytes()).splitlines()
        faults |= {fault for line in lines for fault in (json.loads(line).get("errors") or {}).values()}
    assert len(faults) > 200
    for fault in faults:
        kept = re.sub(r"^(value ')[^'\n]*", rf"\1{HIDDEN}", fault)
        assert REDACTOR.text(f"password: {fault}") in (f"password: {fault}", f"password: {kept}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"password: value '{SECRET}' does not match", f"password: value '{HIDDEN}' does not match"),
        (f"password: \"value '{SECRET}' does not match\"", f"password: \"value '{HIDDEN}' does not match\""),
        ("password: valuable", f"password: {HIDDEN}"),
        ("password: value", f"password: {HIDDEN}"),
        ("password=invalid", f"password={HIDDEN}"),
        ("secret: property", f"secret: {HIDDEN}"),
        ("password: password", f"password: {HIDDEN}"),
        ("password: no", f"password: {HIDDEN}"),
    ],
)  # fmt: skip
def test_a_secret_that_begins_as_a_fault_does_goes(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown


SHOWN_ON_PURPOSE = re.compile(r"MCP_AUTH_TOKEN=|PVEAPIToken=user@realm!name=|redis://\[:password@\]|://")
"""Settings lines for a terminal, and examples of forms."""


def own_texts() -> Iterator[str]:
    """All that this program may say: every text in its code, and all its advice."""
    for _, tree in modules():
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value
    for rule in tomllib.loads((PACKAGE / "proxmox" / "advice.toml").read_text("utf-8"))["rule"]:
        yield rule["advice"]


def test_nothing_that_we_say_ourselves_is_taken_for_a_secret() -> None:
    texts = [text for text in own_texts() if not SHOWN_ON_PURPOSE.search(text)]
    assert len(texts) > 5000
    assert [text for text in texts if REDACTOR.text(text) != text] == []


def test_our_own_credentials_never_appear_in_anything() -> None:
    redactor = Redactor(known=["0f1e2d3c-token", "", "ab"])
    assert redactor.data({"note": "it is 0f1e2d3c-token!"}) == {"note": f"it is {HIDDEN}!"}
    assert redactor.text("ab") == "ab"


def test_the_secrets_of_a_call_are_taken_out_of_what_proxmox_says_of_it() -> None:
    data = {"userid": "a@pve", "password": "Tr0ub4dor"}
    said = REDACTOR.text("value 'Tr0ub4dor' does not match", also=secrets_in(data))
    assert said == f"value '{HIDDEN}' does not match"


def test_what_a_call_gives_can_be_kept_elsewhere() -> None:
    kept: list[tuple[str, Any]] = []

    def keep(name: str, value: Any) -> str:
        kept.append((name, value))
        return f"secret {len(kept)}"

    result = {"full-tokenid": "a@pve!t", "value": SECRET}
    shown = REDACTOR.data(result, "/access/users/{userid}/token/{tokenid}", keep)
    assert shown == {"full-tokenid": "a@pve!t", "value": "secret 1"}
    assert kept == [("value", SECRET)]


@given(st.text(max_size=300))
def test_no_text_hangs_or_breaks_it(text: str) -> None:
    assert isinstance(REDACTOR.text("-----BEGIN " * 3 + "PVE:" * 20 + text + "://" * 20), str)


SMELLS = re.compile(
    r"pass|key|token|secret|ticket|cred|auth|otp|csrf|private|challenge|recovery|cookie|header|code", re.IGNORECASE
)
REVIEWED_AS_PUBLIC = set(
    """Key authid author authsupported config-keys decode encode exitcode full-tokenid generate-password hotplug
    key keyboard lock-token master-pubkey public-key-bits public-key-type ssh-public-keys sshkeys
    token-coefficient tokenid tokens totp-locked webauthn""".split()  # noqa: SIM905
)


def test_every_name_in_the_schema_that_smells_of_a_secret_is_one_or_was_reviewed() -> None:
    """A name that fails here came with a new version: see what it holds, then hide it or add it to the reviewed."""
    public = {
        name
        for version in bundled_versions()
        for endpoint in load_bundled(version).endpoints
        for name in (*endpoint.parameters, *names_within(endpoint.returns))
        if SMELLS.search(name) and not is_secret_name(name) and name not in secrets_below(endpoint.path).names
    }
    assert public == REVIEWED_AS_PUBLIC


def names_within(schema: Schema) -> Iterator[str]:
    for name, inner in (schema.properties or {}).items():
        yield name
        yield from names_within(inner)
    if schema.items is not None:
        yield from names_within(schema.items)


def test_what_is_too_short_to_be_searched_could_match_no_pattern() -> None:
    shortest = min(shortest_match(pattern) for pattern, _ in secret_patterns.PATTERNS)
    assert shortest >= secret_patterns.SHORTEST_MATCH - len("@")


def test_a_password_in_the_shortest_of_urls_goes() -> None:
    assert Redactor().text("://u:p@") == f"://u:{HIDDEN}@"


def test_own_credentials_shorter_than_any_pattern_go() -> None:
    assert Redactor(known=["abcd", "a-long-credential-of-ours"]).text("abcd") == HIDDEN
