"""Broken ways to a cluster, each made for real, with its cause and its cure."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from fakepve.shapes import PRIVILEGES

from doctor.certificates import Made, make
from doctor.examined import SECRET, cure, examined, lines
from doctor.proxies import listening
from proxmox.raw_server import reply, serving
from proxmox_mcp.doctor import certificate as tls
from proxmox_mcp.doctor import connectivity, proxmox_api
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Environment = Callable[..., dict[str, str]]

AUDITOR = (
    "VM.Audit",
    "Sys.Audit",
    "Datastore.Audit",
    "Pool.Audit",
    "SDN.Audit",
    "Mapping.Audit",
    "VM.GuestAgent.Audit",
)
REFUSED = reply(status=401, reason="Authentication failed!", body=b"")


def answers(version: str = "9.1.9", held: object = None) -> Callable[[Any, Any], None]:
    """A node that tells its version and what the identity holds, and knows nothing else."""

    def script(request: Any, connection: Any) -> None:
        path = request.target.partition("?")[0]
        if path == "/api2/json/version":
            connection.sendall(reply({"version": version, "release": version[:3], "repoid": "test"}))
        elif path == "/api2/json/access/permissions":
            connection.sendall(reply({"/": dict.fromkeys(AUDITOR, 1)} if held is None else held))
        else:
            connection.sendall(reply(status=404, reason="not found", body=b"", Connection="close"))

    return script


def test_a_healthy_cluster_has_no_errors(fakepve: Any, on_fakepve: Environment) -> None:
    fakepve.acl = {"mcp@pve!mcp": [("/", set(PRIVILEGES))]}
    report = examined(on_fakepve())
    assert report.status == 0
    assert report.step("Proxmox API")["found"] == "Proxmox VE 9.1.9"
    assert report.step("privileges")["found"].endswith("read-only: all; operator: all; administrator: all")


@pytest.mark.parametrize(
    ("changed", "fault", "advice"),
    [
        ({"PROXMOX_HOST": ""}, "PROXMOX_HOST is empty", "node's name or address"),
        ({"PROXMOX_USER": "mcp"}, "realm is missing", "mcp@pve"),
        ({"PROXMOX_TOKEN_ID": SECRET}, "looks like the token's secret", "belongs in PROXMOX_PASSWORD"),
        ({"PROXMOX_PASSWORD": f"mcp@pve!mcp={SECRET}"}, "holds a whole token", "the part after the last ="),
        ({"PROXMOX_FINGERPRINT": "AB:CD"}, "not a SHA-256 fingerprint", "64 hex digits"),
        ({"PROXMOX_CA_FILE": "/nowhere/ca.pem"}, "No such file", "PEM"),
    ],
)
def test_an_invalid_setting_is_reported_before_anything_is_sent(
    environment: Environment, changed: dict[str, str], fault: str, advice: str
) -> None:
    report = examined(environment(1, **changed))
    assert report.status == 2
    assert fault in report.step("settings")["found"]
    assert advice in cure(report.step("settings"))


def test_a_value_that_cannot_be_read_ends_the_examination(environment: Environment) -> None:
    report = examined(environment(1, PROXMOX_PORT="eight thousand"))
    assert report.status == 2
    assert report.names("fail") == ["environment"]
    assert report.next == "Next: PROXMOX_PORT has an invalid value: use a whole number from 1 to 65535."
    assert "PROXMOX_PORT" in report.step("environment")["found"]


def test_all_wrong_settings_are_reported_at_once(environment: Environment) -> None:
    report = examined(
        environment(1, PROXMOX_HOST="", PROXMOX_USER="mcp", PROXMOX_FINGERPRINT="AB", MCP_POLICY_FILE="/x")
    )
    said = [step["found"] for step in report.steps if step["setting"]]
    assert len(said) == 4
    assert report.next.endswith("(and correct the other settings above: 3).")
    report = examined(environment(1, MCP_PORT="x", PROXMOX_TIMEOUT="y", MCP_AUTH_TOKEN_FILE="/z"))
    assert report.names("fail") == ["environment"] * 3


def test_variables_that_are_nearly_ours_are_named(environment: Environment) -> None:
    report = examined(environment(1, PROXMOX_HOST="", PROXMX_HOST="pve1", MCP_ALOWED_HOSTS="x"))
    said = [step["found"] for step in report.steps if step["step"] == "names"]
    assert said == [
        "MCP_ALOWED_HOSTS is not a setting. Did you mean MCP_ALLOWED_HOSTS?",
        "PROXMX_HOST is not a setting. Did you mean PROXMOX_HOST?",
    ]


def test_a_name_that_does_not_resolve(environment: Environment) -> None:
    report = examined(environment(8006, PROXMOX_HOST="no-such-node.invalid"))
    assert report.status == 1
    assert "no-such-node.invalid can't be resolved" in report.step("name")["found"]
    assert "PROXMOX_HOST and the DNS" in cure(report.step("name"))
    assert report.step("authentication")["status"] == "skipped"


def test_name_servers_that_never_answer_are_given_up(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    stop = threading.Event()
    monkeypatch.setattr(connectivity, "RESOLVE_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stop.wait(20) and [])
    try:
        report = examined(environment(8006, PROXMOX_HOST="pve1.example.org"))
    finally:
        stop.set()
    assert "did not answer" in report.step("name")["found"]
    assert "/etc/resolv.conf" in cure(report.step("name"))


def test_a_closed_port(environment: Environment) -> None:
    report = examined(environment(free_port()))
    assert report.status == 1
    assert "refuses the connection" in report.step("TCP")["found"]
    assert "systemctl status pveproxy" in cure(report.step("TCP"))
    assert "in a container, the container" in cure(report.step("TCP"))


def test_a_host_that_takes_connections_and_says_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        report = examined(environment(silent.getsockname()[1]))
    assert report.status == 1
    assert "accepts connections but does not answer" in report.step("TLS")["found"]
    assert "systemctl restart pveproxy" in lines(report.step("TLS"))


def test_a_port_that_speaks_no_tls(environment: Environment) -> None:
    with listening(lambda channel: (channel.recv(4096), channel.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as port:
        report = examined(environment(port))
    assert report.status == 1
    assert "does not speak TLS" in report.step("TLS")["found"]
    assert "8006" in cure(report.step("TLS"))


def test_a_node_that_takes_the_request_and_hangs(
    environment: Environment, certificate: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxmox_api, "API_SECONDS", 0.4)
    with serving(lambda *_: None, certificate.files) as hanging:
        report = examined(environment(hanging.port))
    assert report.status == 1
    assert "accepts the request and does not answer" in report.step("Proxmox API")["found"]
    assert "systemctl restart pvedaemon pveproxy" in lines(report.step("Proxmox API"))


@pytest.mark.parametrize("by", ["token", "password"])
def test_a_node_whose_pvedaemon_is_down_fails_although_its_pveproxy_answers(
    by: str, environment: Environment, certificate: Made
) -> None:
    """pveproxy tells the version and the permissions itself; what is ``protected`` comes back as 595."""

    def without_daemon(request: Any, connection: Any) -> None:
        if request.target.endswith(("/version", "/permissions")):
            answers()(request, connection)
        else:
            connection.sendall(reply(status=595, reason="Connection refused", body=b""))

    with serving(without_daemon, certificate.files) as server:
        report = examined(environment(server.port, **({"PROXMOX_TOKEN_ID": ""} if by == "password" else {})))
    assert report.status == 1
    step = report.step("pvedaemon" if by == "token" else "Proxmox API")
    assert step["status"] == "fail"
    assert "pvedaemon" in step["found"]
    assert "pvedaemon" in cure(step)


def test_a_pvedaemon_that_hangs_is_found(
    environment: Environment, certificate: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxmox_api, "API_SECONDS", 0.4)

    def hanging(request: Any, connection: Any) -> None:
        if request.target.endswith(("/version", "/permissions")):
            answers()(request, connection)

    with serving(hanging, certificate.files) as server:
        report = examined(environment(server.port))
    assert report.status == 1
    assert report.step("pvedaemon")["status"] == "fail"
    assert "systemctl restart pvedaemon pveproxy" in lines(report.step("pvedaemon"))


def test_a_web_page_instead_of_the_api(environment: Environment, certificate: Made) -> None:
    page = reply(body=b"<!DOCTYPE html><title>My router</title>", Content_Type="text/html")
    with serving(page, certificate.files) as server:
        report = examined(environment(server.port))
    assert report.status == 1
    assert "My router" in report.step("Proxmox API")["found"]
    assert "port 8006" in cure(report.step("Proxmox API"))


def test_another_product_of_proxmox(environment: Environment, certificate: Made) -> None:
    def backup_server(request: Any, connection: Any) -> None:
        if request.target == "/":
            body = b"<html><title>backup1 - Proxmox Backup Server</title></html>"
            connection.sendall(reply(body=body, Content_Type="text/html", Connection="close"))
        else:
            connection.sendall(REFUSED)

    with serving(backup_server, certificate.files) as server:
        report = examined(environment(server.port))
    assert "is Proxmox Backup Server, not Proxmox VE" in report.step("Proxmox API")["found"]
    assert "authentication" not in [step["step"] for step in report.steps]


def test_a_self_signed_certificate_with_verification_on(environment: Environment, certificate: Made) -> None:
    with serving(answers(), certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_VERIFY_SSL="true"))
        assert not server.requests
        pinned = examined(environment(server.port, PROXMOX_FINGERPRINT=certificate.fingerprint))
    assert report.status == 1
    assert "not trusted" in report.step("TLS")["found"]
    assert "/etc/pve/pve-root-ca.pem" in cure(report.step("TLS"))
    assert lines(report.step("TLS")) == [f"PROXMOX_FINGERPRINT={certificate.fingerprint}"]
    assert pinned.step("TLS")["status"] == "ok"


def test_without_verification_the_pin_is_offered(on_fakepve: Environment) -> None:
    step = examined(on_fakepve()).step("certificate check")
    assert step["status"] == "warn"
    assert "PROXMOX_VERIFY_SSL=false" in step["found"]
    assert lines(step)[0].startswith("PROXMOX_FINGERPRINT=")


def test_a_certificate_that_is_not_the_pinned_one(environment: Environment, certificate: Made) -> None:
    with serving(REFUSED, certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_FINGERPRINT="00" * 32))
    assert report.status == 1
    assert "not the pinned one" in report.step("TLS")["found"]
    assert lines(report.step("TLS")) == [f"PROXMOX_FINGERPRINT={certificate.fingerprint}"]
    assert not server.requests, "nothing may be sent to a node that is not the pinned one"


def test_a_certificate_for_other_names(environment: Environment, tmp_path: Path) -> None:
    made = make(tmp_path, ("pve1.example.org",))
    with serving(REFUSED, made.files) as server:
        report = examined(environment(server.port, PROXMOX_CA_FILE=str(made.files[0])))
    assert "mismatch" in report.step("TLS")["found"]
    assert "names: pve1.example.org" in report.step("TLS")["details"][0]
    assert f"PROXMOX_FINGERPRINT={made.fingerprint}" in lines(report.step("TLS"))


@pytest.mark.parametrize(("ends", "said"), [(-0.5, "has expired"), (5.5, "expires in 5 days")])
def test_a_certificate_near_its_end(environment: Environment, tmp_path: Path, ends: float, said: str) -> None:
    made = make(tmp_path, begins=-10, ends=ends)
    with serving(answers(), made.files) as server:
        report = examined(environment(server.port))
    assert report.step("TLS")["status"] == "warn"
    assert said in report.step("TLS")["found"]
    assert "pvecm updatecerts --force" in lines(report.step("TLS"))


def test_a_file_without_authorities(environment: Environment, certificate: Made, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    with serving(REFUSED, certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_CA_FILE=str(tmp_path / "ca.pem")))
        assert not server.requests
    assert report.status == 2
    assert "PROXMOX_CA_FILE" in report.step("settings")["found"]
    assert "pve-root-ca.pem" in cure(report.step("settings"))


def test_a_refused_token_leads_through_what_may_be_wrong(environment: Environment, certificate: Made) -> None:
    with serving(REFUSED, certificate.files) as server:
        report = examined(environment(server.port))
    assert report.status == 1
    step = report.step("authentication")
    assert "Authentication failed!" in step["found"]
    assert lines(step) == [
        "pveum user list",
        "pveum user token list mcp@pve",
        "pveum user token remove mcp@pve mcp",
        "pveum user token add mcp@pve mcp --privsep 0",
    ]


@pytest.mark.parametrize(("secret", "said"), [("short", "a UUID of 36 characters"), (f'"{SECRET}"', "quotes")])
def test_a_secret_that_looks_wrong_is_named_first(
    environment: Environment, certificate: Made, secret: str, said: str
) -> None:
    with serving(REFUSED, certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_PASSWORD=secret))
    assert said in report.step("authentication")["cures"][0]["text"]


def test_refused_credentials_are_not_tried_on_the_other_nodes(environment: Environment, certificate: Made) -> None:
    with serving(REFUSED, certificate.files) as first, serving(REFUSED, certificate.files) as second:
        hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
        report = examined(environment(first.port, PROXMOX_HOST=hosts))
    assert report.step("authentication")["status"] == "fail"
    assert not second.requests


def test_a_wrong_password(fakepve: Any, on_fakepve: Environment) -> None:
    report = examined(on_fakepve(PROXMOX_USER="root@pam", PROXMOX_TOKEN_ID="", PROXMOX_PASSWORD="not the one"))
    assert report.status == 1
    assert lines(report.step("authentication")) == ["pveum user list", "pveum realm list", "passwd root"]


def test_the_secret_of_a_token_instead_of_a_password(fakepve: Any, on_fakepve: Environment) -> None:
    report = examined(on_fakepve(PROXMOX_USER="root@pam", PROXMOX_TOKEN_ID=""))
    assert "looks like the secret of a token" in report.step("authentication")["cures"][0]["text"]


def test_a_password_with_a_second_factor(fakepve: Any, on_fakepve: Environment) -> None:
    fakepve.tfa = True
    report = examined(on_fakepve(PROXMOX_USER="root@pam", PROXMOX_TOKEN_ID="", PROXMOX_PASSWORD="secret"))
    assert report.status == 1
    step = report.step("authentication")
    assert "second factor" in step["found"]
    assert "pveum user token add root@pam mcp --privsep 0" in lines(step)
    assert report.next.startswith("Next: use a token, which needs no second factor")
    assert "PROXMOX_TOKEN_ID=mcp" in lines(step)


def test_a_token_without_privileges_sees_nothing(on_fakepve: Environment) -> None:
    report = examined(on_fakepve())
    assert report.status == 1
    step = report.step("privileges")
    assert "valid but has no privileges" in step["found"]
    who = "--users mcp@pve --tokens 'mcp@pve!mcp'"
    assert lines(step) == [
        f"pveum acl modify / {who} --roles PVEAuditor",
        f"pveum acl modify / {who} --roles PVEAuditor",
        f"pveum acl modify /vms {who} --roles PVEVMAdmin",
        f"pveum acl modify /storage {who} --roles PVEDatastoreUser",
        f"pveum acl modify /sdn {who} --roles PVESDNUser",
        f"pveum acl modify / {who} --roles Administrator",
        "pveum user token permissions mcp@pve mcp",
        "pveum user token modify mcp@pve mcp --privsep 0",
    ]


def test_a_token_that_sees_all_is_right_as_it_is_and_gets_no_lines_for_more(
    environment: Environment, certificate: Made
) -> None:
    with serving(answers(), certificate.files) as server:
        report = examined(environment(server.port))
    step = report.step("privileges")
    assert step["status"] == "ok"
    assert "read-only: all; operator: 1 of 7; administrator: nothing" in step["found"]
    assert step["cures"] == []
    assert "Administrator" not in str(report.steps)
    assert "pveum acl" not in str(report.steps)
    assert "docs/tokens-and-privileges.md" in step["details"][-1]


def test_privileges_on_some_guests_only_are_a_warning(environment: Environment, certificate: Made) -> None:
    held = {"/vms/100": {"VM.Audit": 1, "VM.PowerMgmt": 1}}
    with serving(answers(held=held), certificate.files) as server:
        report = examined(environment(server.port))
    step = report.step("privileges")
    assert step["status"] == "warn"
    assert "read-only, may in some places: see guests and their configuration" in step["details"]
    assert "operator, may in some places: start and stop guests" in step["details"]
    assert "see storages" in step["found"]


def test_a_node_that_serves_no_schema_leaves_the_bundled_one(environment: Environment, certificate: Made) -> None:
    with serving(answers("8.4.1"), certificate.files) as server:
        report = examined(environment(server.port))
    step = report.step("schema")
    assert step["status"] == "warn"
    assert step["found"].startswith("Proxmox VE 8.4")
    assert "the bundled snapshot; the node runs 8.4.1" in step["found"]
    assert "apt install --reinstall pve-docs" in lines(step)
    assert report.status == 0


def test_a_fixed_schema_of_another_version_is_a_warning(environment: Environment, certificate: Made) -> None:
    with serving(answers("8.4.1"), certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_APIDOC="bundled"))
    assert lines(report.step("schema")) == ["PROXMOX_APIDOC=auto"]


def test_a_schema_file_that_is_not_there_fails(environment: Environment, certificate: Made) -> None:
    with serving(answers(), certificate.files) as server:
        report = examined(environment(server.port, PROXMOX_APIDOC="/nowhere/apidoc.js"))
    assert report.status == 2
    assert "/nowhere/apidoc.js" in report.step("schema")["found"]


def test_a_cache_that_cannot_be_written_is_named(environment: Environment, certificate: Made, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(answers(), certificate.files) as server:
        report = examined(environment(server.port, MCP_CACHE_DIR=str(tmp_path / "file" / "state")))
    assert f"can't write {tmp_path / 'file'}" in " ".join(report.step("schema")["details"])
    assert "MCP_CACHE_DIR=/data" in lines(report.step("schema"))


def test_an_unreachable_node_is_a_warning_while_another_answers(environment: Environment, certificate: Made) -> None:
    with serving(answers(), certificate.files) as alive:
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{alive.port}"
        report = examined(environment(alive.port, PROXMOX_HOST=hosts))
    assert report.status == 0
    away = [step for step in report.steps if step["status"] == "warn" and step["step"].startswith("TCP")]
    assert len(away) == 1
    assert away[0]["found"].endswith("The other nodes are used.")


def test_nodes_of_different_versions_are_reported(environment: Environment, certificate: Made) -> None:
    with serving(answers("9.1.9"), certificate.files) as one, serving(answers("8.4.1"), certificate.files) as two:
        hosts = f"127.0.0.1:{one.port},127.0.0.1:{two.port}"
        report = examined(environment(one.port, PROXMOX_HOST=hosts))
    assert "8.4.1" in report.step("versions")["found"]


def test_each_of_several_clusters_is_examined_by_its_name(
    environment: Environment, certificate: Made, tmp_path: Path
) -> None:
    with serving(answers(), certificate.files) as server:
        file = tmp_path / "clusters.toml"
        file.write_text(
            f'[lab]\nPROXMOX_HOST = "127.0.0.1:{server.port}"\n\n[attic]\nPROXMOX_HOST = "127.0.0.1:{free_port()}"\n'
        )
        given = environment(server.port, MCP_CLUSTERS_FILE=str(file))
        del given["PROXMOX_HOST"]
        report = examined(given)
    assert report.status == 1
    failed = {(step["part"], step["status"]) for step in report.steps if step["step"].startswith("TCP")}
    assert failed == {("cluster lab", "ok"), ("cluster attic", "fail")}


def test_what_a_server_sends_back_of_a_secret_is_not_shown(environment: Environment, certificate: Made) -> None:
    def echo(request: Any, connection: Any) -> None:
        said = request.headers.get("authorization", "")
        connection.sendall(reply(status=401, reason=f"no good: {said}", body=b""))

    with serving(echo, certificate.files) as server:
        report = examined(environment(server.port))
    assert "***" in report.step("authentication")["found"]
