"""Calls against raw servers on loopback that answer, or don't, byte by byte."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import pytest

from patience import PATIENCE, Watch, eventually
from proxmox.raw_server import RawServer, Request, drip, reply, serving
from proxmox_mcp.errors import (
    AnswerError,
    AuthenticationError,
    DeadlineError,
    FailedError,
    InvalidCallError,
    NodeUnreachableError,
    ParametersError,
    PermissionDeniedError,
    ProxmoxError,
    TlsError,
    UnknownMethodError,
    UnreachableError,
)
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.tls import fingerprint
from proxmox_mcp.proxmox import transport
from proxmox_mcp.proxmox.client import Exchange, Proxmox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.proxmox.connection import Connection

    Connect = Callable[..., Connection]
    Certificate = tuple[Path, Path]

pytestmark = pytest.mark.anyio

SECRET = "11111111-2222-3333-4444-555555555555"


def _mute(stop: threading.Event) -> Callable[[Request, Any], None]:
    """Takes requests and says nothing."""

    def wait(_: Request, __: Any) -> None:
        stop.wait(PATIENCE)

    return wait


async def failure(connection: Connection, method: str = "GET", path: str = "/nodes", **options: Any) -> ProxmoxError:
    pve = Proxmox(connection)
    with pytest.raises(ProxmoxError) as caught:
        await pve.request(method, path, {}, **options)
    await pve.aclose()
    assert caught.value.message
    assert SECRET not in f"{caught.value}{caught.value!r}"
    return caught.value


async def test_a_get_carries_its_parameters_in_the_query_and_gives_the_data(
    certificate: Certificate, connect: Connect
) -> None:
    with serving(reply([{"node": "pve1"}]), certificate) as server:
        pve = Proxmox(connect(server.port))
        data = await pve.request("GET", "/cluster/resources", {"type": "vm", "x": ["a", "b c&d"]})
        await pve.aclose()
    (request,) = server.requests
    parts = urlsplit(request.target)
    assert data == [{"node": "pve1"}]
    assert parts.path == "/api2/json/cluster/resources"
    assert parse_qsl(parts.query) == [("type", "vm"), ("x", "a"), ("x", "b c&d")]
    assert request.headers["authorization"] == f"PVEAPIToken=mcp@pve!t1={SECRET}"
    assert request.body == b""


async def test_a_write_carries_its_parameters_as_a_form_just_as_they_were_checked(
    certificate: Certificate, connect: Connect
) -> None:
    command = ["sh", "-c", "echo 'it\"s' ; x"]
    with serving(reply(None), certificate) as server:
        pve = Proxmox(connect(server.port))
        await pve.request("POST", "/nodes/pve1/qemu/100/agent/exec", {"command": command, "empty": "", "u": "ü"})
        await pve.request("POST", "/nodes/pve1/qemu/100/agent/exec", {"command": "echo 'odd"})
        await pve.aclose()
    first, second = server.requests
    assert parse_qsl(first.body.decode(), keep_blank_values=True) == [
        *(("command", part) for part in command),
        ("empty", ""),
        ("u", "ü"),
    ]
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(second.body.decode()) == [("command", "echo 'odd")]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "data", [{"command": []}, {"command": [""], "u": "ü"}, {"a": ["0"], "b": ["x", "y"], "c": "1"}]
)
async def test_a_list_that_a_form_cant_carry_is_sent_in_a_json_body(
    method: str, data: dict[str, Any], certificate: Certificate, connect: Connect
) -> None:
    with serving(reply(None), certificate) as server:
        pve = Proxmox(connect(server.port))
        await pve.request(method, "/cluster/notifications/matchers/m1", data)
        await pve.aclose()
    (request,) = server.requests
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == data


async def test_connections_are_kept_alive_and_shared_by_ten_calls_of_one_caller_at_most(
    certificate: Certificate, connect: Connect
) -> None:
    busy, most = 0, 0
    lock = threading.Lock()

    def slow(_: Request, connection: Any) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.02)
        with lock:
            busy -= 1
        connection.sendall(reply(1))

    with serving(slow, certificate) as server:
        pve = Proxmox(connect(server.port))
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(pve.request, "GET", "/version")
        await pve.aclose()
    assert len(server.requests) == 40
    assert most <= 10
    assert server.connections <= 10


@pytest.mark.parametrize("left", [1, 600, 9000, 40_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_connection_on_which_more_came_than_the_answer_is_not_used_again(
    left: int, chunked: bool, certificate: Certificate, connect: Connect
) -> None:
    answer = reply(1)
    if chunked:
        answer = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{"data":1}\r\n0\r\n\r\n'
    poison = reply("poison")
    more = (poison * (left // len(poison) + 1))[:left]

    with serving(answer + more, certificate) as server:
        pve = Proxmox(connect(server.port))
        assert [await pve.request("POST", "/version") for _ in range(3)] == [1, 1, 1]
        await pve.aclose()
    assert server.connections == 3


@pytest.mark.parametrize("ends", ["closed", "reset"])
async def test_a_read_that_is_lost_with_a_kept_connection_is_sent_again_and_a_write_is_not(
    ends: str, certificate: Certificate, connect: Connect
) -> None:
    answered: list[Any] = []

    def once(_: Request, connection: Any) -> None:
        """Answers the first request of each connection; the second finds it closed."""
        if connection not in answered:
            answered.append(connection)
            connection.sendall(reply("done"))
            return
        if ends == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with serving(once, certificate) as server:
        pve = Proxmox(connect(server.port))
        for _ in range(3):
            assert await pve.request("GET", "/x") == "done"
        with pytest.raises(UnreachableError, match="closed the connection before it answered") as raised:
            await pve.request("POST", "/y")
        assert raised.value.advice == "The call may have taken effect: check before you repeat it."
        assert len(server.posted) == 1
        await pve.aclose()


async def test_a_read_that_is_called_off_on_a_kept_connection_opens_no_other(
    certificate: Certificate, connect: Connect
) -> None:
    called_off = threading.Event()

    def once(request: Request, connection: Any) -> None:
        if request.target.endswith("/held"):
            called_off.wait(PATIENCE)
        else:
            connection.sendall(reply("done"))

    with serving(once, certificate) as server:
        pve = Proxmox(connect(server.port))
        await pve.request("GET", "/x")
        async with anyio.create_task_group() as group:
            group.start_soon(pve.request, "GET", "/held")
            await eventually(lambda: len(server.requests) == 2)
            group.cancel_scope.cancel()
        await eventually(lambda: pve.shares.held == 0)
        called_off.set()
        await pve.aclose()
        assert server.connections == 1


async def test_a_read_that_is_lost_with_a_new_connection_is_told_at_once(
    certificate: Certificate, connect: Connect
) -> None:
    with serving(lambda _, connection: connection.close(), certificate) as server:
        pve = Proxmox(connect(server.port))
        with pytest.raises(UnreachableError, match="closed the connection before it answered"):
            await pve.request("GET", "/x")
        assert len(server.requests) == 1
        await pve.aclose()


async def test_a_connection_that_idled_as_long_as_pveproxy_keeps_one_is_not_used_again(
    certificate: Certificate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.proxmox.transport.PROXY_KEEPS_ALIVE", 0.05)
    with serving(reply(1), certificate) as server:
        pve = Proxmox(connect(server.port))
        await pve.request("GET", "/version")
        await anyio.sleep(0.1)
        await pve.request("POST", "/version")
        await pve.aclose()
    assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(reply(body=b"<html><body>hi</body></html>", Content_Type="text/html"), id="a web page"),
        pytest.param(reply(status=304, reason="Not Modified", body=b""), id="304"),
        pytest.param(reply(status=301, reason="Moved", body=b"", Location="https://127.0.0.1:1/"), id="a redirect"),
        pytest.param(reply(body=b'{"data": [1, 2'), id="half of a JSON"),
        pytest.param(reply(body=b'{"data": "\xff\xfe"}'), id="odd bytes"),
        pytest.param(reply(body=b'{"data": NaN}'), id="a number that JSON lacks"),
        pytest.param(reply(body=b"[1]"), id="JSON without data"),
        pytest.param(reply(body=b""), id="nothing"),
        pytest.param(reply(body=b"[" * 100_000), id="JSON without end"),
        pytest.param(reply(body=b"plain", Content_Encoding="gzip"), id="not the encoding it claims"),
        pytest.param(reply(body=b'{"data":1}', Content_Length="4"), id="a length that is too short"),
        pytest.param(reply(body=b'{"data":1}', Content_Length="40"), id="a length that is too long"),
        pytest.param(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat', id="a cut chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="not HTTP"),
        pytest.param(reply(status=502, reason="Bad Gateway", body=b"<html>", Content_Type="text/html"), id="a proxy"),
    ],
)
async def test_what_is_no_answer_of_the_api_is_never_a_success(
    raw: bytes, certificate: Certificate, connect: Connect
) -> None:
    def once(_: Request, connection: Any) -> None:
        connection.sendall(raw)
        raise OSError("and hang up")

    with serving(once, certificate) as server:
        error = await failure(connect(server.port))
    assert isinstance(error, AnswerError)
    assert "<html" not in str(error)
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed_with_the_token(certificate: Certificate, connect: Connect) -> None:
    with serving(reply(1), certificate) as elsewhere:
        location = f"https://127.0.0.1:{elsewhere.port}/api2/json/nodes"
        with serving(reply(status=307, reason="Moved", body=b"", Location=location), certificate) as server:
            await failure(connect(server.port), "POST")
    assert elsewhere.requests == []


async def test_compressed_answers_are_read_and_half_characters_mended(
    certificate: Certificate, connect: Connect
) -> None:
    body = gzip.compress(b'{"data": {"name": "caf\\u00e9 \\ud83d\\ude00 \\ud800!"}, "total": 3}')
    with serving(reply(body=body, Content_Encoding="gzip"), certificate) as server:
        pve = Proxmox(connect(server.port))
        answer = await pve.answer("GET", "/nodes")
        await pve.aclose()
    assert answer.data == {"name": "café 😀 ?!"}
    assert answer.total == 3
    json.dumps(answer.data, ensure_ascii=False).encode()


async def test_an_answer_that_is_too_big_is_left_unread(
    certificate: Certificate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 1024 * 1024)
    bomb = gzip.compress(b'{"data":"' + b"x" * 20_000_000 + b'"}')
    with serving(reply(body=bomb, Content_Encoding="gzip"), certificate) as server:
        error = await failure(connect(server.port))
    assert isinstance(error, AnswerError)
    assert "1 MiB" in error.message


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_drip_of_bytes_does_not_outlive_the_deadline(
    part: str, certificate: Certificate, connect: Connect
) -> None:
    stop = threading.Event()

    def dripping(_: Request, connection: Any) -> None:
        whole = reply("x" * 1000)
        head = 0 if part == "head" else whole.index(b"\r\n\r\n") + 4
        connection.sendall(whole[:head])
        drip(connection, whole[head:], every=0.02, server_stops=stop)

    with serving(dripping, certificate) as server:
        error = await failure(connect(server.port), deadline=2.0)  # to its end it would take twenty
        stop.set()
    assert isinstance(error, DeadlineError)
    assert error.sent


async def test_a_host_that_takes_the_request_and_says_nothing_is_given_up(
    certificate: Certificate, connect: Connect
) -> None:
    stop = threading.Event()
    with serving(_mute(stop), certificate) as server:
        error = await failure(connect(server.port, timeout=2.0), "POST")
        stop.set()
    assert isinstance(error, DeadlineError)
    assert error.sent
    assert "may have taken effect" in error.advice
    assert len(server.requests) == 1


async def test_a_host_that_accepts_and_never_speaks_tls_is_given_up(connect: Connect) -> None:
    with serving(lambda *_: None, None) as server:
        pve = Proxmox(connect(server.port))
        with pytest.raises(ProxmoxError) as caught:
            await pve.request("GET", "/nodes", deadline=0.4)
    assert isinstance(caught.value, DeadlineError | UnreachableError)
    assert not caught.value.sent


async def test_a_server_without_tls_is_told_as_such(connect: Connect) -> None:
    class Plain(RawServer):
        def read(self, connection: Any) -> Request | None:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None

    server = Plain(lambda *_: None)
    server.start()
    error = await failure(connect(server.port))
    server.stop()
    assert isinstance(error, TlsError)
    assert "does not speak TLS" in error.message


async def test_a_refused_connection_and_an_unknown_name_are_told_apart(connect: Connect) -> None:
    refused = await failure(connect(1))
    unknown = await failure(connect(hosts=(HostPort("no-such-node.invalid", 8006),)))
    assert isinstance(refused, UnreachableError)
    assert "refuses the connection" in refused.message
    assert isinstance(unknown, UnreachableError)
    assert "can't be resolved" in unknown.message
    assert not refused.sent
    assert not unknown.sent


async def test_a_connection_cut_after_the_request_says_so_and_is_not_sent_again(
    certificate: Certificate, connect: Connect
) -> None:
    def cut(_: Request, connection: Any) -> None:
        raise OSError("bye")

    with serving(cut, certificate) as server:
        error = await failure(connect(server.port), "DELETE", "/nodes/pve1/qemu/100")
    assert isinstance(error, UnreachableError)
    assert error.sent
    assert "may have taken effect" in error.advice
    assert len(server.requests) == 1


async def test_a_self_signed_certificate_is_refused_where_certificates_are_checked(
    certificate: Certificate, connect: Connect
) -> None:
    with serving(reply(1), certificate) as server:
        error = await failure(connect(server.port, verify_ssl=True))
    assert isinstance(error, TlsError)
    assert "self-signed" in error.message
    assert "PROXMOX_CA_FILE" in error.advice
    assert server.requests == []


@pytest.mark.parametrize("token", ["t1", ""])
@pytest.mark.parametrize("trust", ["ca", "pin"])
async def test_nothing_secret_leaves_before_the_certificate_is_verified(
    token: str, trust: str, certificate: Certificate, connect: Connect, tmp_path: Path
) -> None:
    from fakepve.certs import make_cert

    other, _, der = make_cert(str(tmp_path))
    given = {"ca_file": other} if trust == "ca" else {"fingerprints": (fingerprint(der),)}
    with serving(reply({"ticket": "x", "CSRFPreventionToken": "y"}), certificate) as server:
        error = await failure(connect(server.port, token=token, **given), "POST")
    assert isinstance(error, TlsError)
    assert server.requests == []


@pytest.mark.parametrize("trust", ["ca", "pin", "both"])
async def test_the_right_certificate_is_accepted(trust: str, certificate: Certificate, connect: Connect) -> None:
    import ssl

    digest = fingerprint(ssl.PEM_cert_to_DER_cert(certificate[0].read_text()))
    given: dict[str, Any] = {} if trust == "pin" else {"ca_file": certificate[0]}
    if trust != "ca":
        given["fingerprints"] = ("0" * 64, digest)
    with serving(reply("ok"), certificate) as server:
        pve = Proxmox(connect(server.port, **given))
        assert await pve.request("GET", "/version") == "ok"
        await pve.aclose()


async def test_the_environment_names_neither_a_proxy_nor_a_ca(
    certificate: Certificate, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login root password x\n")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate[0]))
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(reply("ok"), certificate) as server:
        pve = Proxmox(connect(server.port))
        assert await pve.request("GET", "/version") == "ok"
        await pve.aclose()
        error = await failure(connect(server.port, verify_ssl=True))
    assert isinstance(error, TlsError)
    assert server.requests[0].headers["authorization"].startswith("PVEAPIToken=")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ParametersError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (500, FailedError),
        (501, UnknownMethodError),
        (595, NodeUnreachableError),
        (596, NodeUnreachableError),
        (599, NodeUnreachableError),
    ],
)
async def test_each_status_is_one_error_with_the_status_kept(
    status: int, kind: type[ProxmoxError], certificate: Certificate, connect: Connect
) -> None:
    with serving(reply(status=status, reason="it says no", body=b""), certificate) as server:
        error = await failure(connect(server.port), "POST", "/nodes/pve1/qemu")
    assert type(error) is kind
    assert error.status == status
    assert "it says no" in error.message
    assert len(server.posted) == 1


async def test_the_body_speaks_where_it_says_more_than_the_reason(certificate: Certificate, connect: Connect) -> None:
    body = json.dumps({"data": None, "message": "first line\nsecond – line\n", "errors": {"a": "bad\n"}}).encode()
    with serving(reply(status=400, reason="first line", body=body), certificate) as server:
        error = await failure(connect(server.port), "PUT")
    assert error.message == 'Proxmox says: "first line second – line"\na: "bad"', "a guest's text may be in it"
    assert error.errors == {"a": "bad"}


async def test_a_reason_in_utf8_is_read_as_such(certificate: Certificate, connect: Connect) -> None:
    with serving(reply(status=500, reason="Gerät fehlt", body=b""), certificate) as server:
        assert (await failure(connect(server.port))).message == 'Proxmox says: "Gerät fehlt"'


@pytest.mark.parametrize(
    "path",
    [
        "nodes",
        "/nodes/../access",
        "/nodes/%2e%2E/access",
        "/nodes/.",
        "/nodes?x=1",
        "/a#b",
        "/a b",
        "/ü",
        "/a\\b",
        "/a\n",
    ],
)
async def test_a_path_that_would_arrive_as_another_is_not_sent(path: str, connect: Connect) -> None:
    with pytest.raises(InvalidCallError):
        await Proxmox(connect(1)).request("GET", path)


@pytest.mark.parametrize("value", ["x" * 600_000, "half \ud800"])
@pytest.mark.parametrize("more", [{}, {"y": []}], ids=["form", "json"])
async def test_what_proxmox_can_not_take_is_not_sent(value: str, more: dict[str, Any], connect: Connect) -> None:
    with pytest.raises(InvalidCallError):
        await Proxmox(connect(1)).request("POST", "/nodes", {"x": value, **more})


async def test_a_call_that_is_called_off_frees_its_caller_at_once(certificate: Certificate, connect: Connect) -> None:
    stop = threading.Event()
    with serving(_mute(stop), certificate) as server:
        pve = Proxmox(connect(server.port, timeout=PATIENCE))
        watch = Watch()
        with anyio.move_on_after(0.2):
            await pve.request("GET", "/nodes")
        assert watch.soon
        stop.set()


async def test_exchanges_are_told_for_the_metrics(certificate: Certificate, connect: Connect) -> None:
    seen: list[Exchange] = []
    with serving(reply(1), certificate) as server:
        pve = Proxmox(connect(server.port), observe=seen.append)
        await pve.request("GET", "/nodes")
        await pve.aclose()
    (exchange,) = seen
    assert (exchange.method, exchange.path, exchange.status) == ("GET", "/nodes", 200)
    assert 0 < exchange.seconds < PATIENCE
