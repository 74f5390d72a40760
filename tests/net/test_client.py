"""The HTTP client against raw servers on loopback, plain and over TLS. ``net.connections`` and ``net.failures`` are
tested through it; what it does for calls to Proxmox is in ``tests/proxmox/test_client.py``."""

from __future__ import annotations

import ast
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from patience import PATIENCE, Watch, from_now
from proxmox.raw_server import RawServer, Request, drip, reply, serving
from proxmox_mcp.net.client import HttpClient
from proxmox_mcp.net.deadline import AbortHandle, RequestDeadline
from proxmox_mcp.net.failures import FailureKind, RequestFailedError
from proxmox_mcp.net.tls import TlsPolicy
from sources import PACKAGE, modules
from web_servers import self_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNCHECKED = TlsPolicy(verify=False)
HTTP_LIBRARIES = {"http.client", "httpx", "httpx2", "requests", "requests.auth", "urllib.request", "urllib3"}
OTHER_USES = {
    "proxmox/client.py: requests": "what signs in is an AuthBase, which signs a request that is never sent",
    "proxmox/login.py: requests": "credentials are an AuthBase, which the client takes",
    "proxmox/login.py: requests.auth": "the same",
    "proxmox/transport.py: requests.auth": "the same",
    "health.py: http.client": "the image's health check imports the standard library alone, to be quick",
    "cli/demo.py: http.client": "waits for its own server process on loopback",
    "installation.py: urllib.request": "url2pathname only",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    path, _ = self_signed(tmp_path_factory.mktemp("tls") / "node.pem")
    return path, path


@pytest.fixture(params=["http", "https"])
def start(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Callable[..., Any]:
    """Starts a server of one of the two schemes."""
    return lambda script: serving(script, certificate if request.param == "https" else None)


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with closing(HttpClient(UNCHECKED)) as made:
        yield made


def url_of(server: RawServer, path: str = "/") -> str:
    return f"{'https' if server.certificate else 'http'}://127.0.0.1:{server.port}{path}"


def within(seconds: float = PATIENCE, **limits: Any) -> RequestDeadline:
    return RequestDeadline(from_now(seconds), **limits)


def failure(client: HttpClient, url: str, deadline: RequestDeadline, **options: Any) -> RequestFailedError:
    with pytest.raises(RequestFailedError) as caught:
        client.send("GET", url, deadline=deadline, **options)
    return caught.value


def test_a_response_is_read_whole_and_its_connection_used_again(start: Callable[..., Any], client: HttpClient) -> None:
    with start(reply("ok")) as server:
        for _ in range(3):
            response = client.send("POST", url_of(server, "/a?b=c"), deadline=within(), body=b"x=1")
            assert (response.status, response.reason, response.body) == (200, "OK", b'{"data": "ok"}')
            assert response.content_type == "application/json"
    assert server.connections == 1
    assert {(request.method, request.target, request.body) for request in server.requests} == {
        ("POST", "/a?b=c", b"x=1")
    }


def test_headers_are_those_given_and_the_environment_adds_none(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login root password x\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with start(reply("ok", Set_Cookie="a=b")) as server, closing(HttpClient(UNCHECKED)) as client:
        for _ in range(2):
            client.send("GET", url_of(server), deadline=within(), headers={"X-Mine": "1"})
    for request in server.requests:
        assert set(request.headers) <= {"host", "user-agent", "accept-encoding", "x-mine"}
        assert request.headers["user-agent"] == "proxmox-mcp"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_response_like_any_other_and_its_body_has_the_same_limit(
    status: int, start: Callable[..., Any], client: HttpClient
) -> None:
    def endless(_: Request, connection: Any) -> None:
        connection.sendall(f"HTTP/1.1 {status} Moved\r\nLocation: /again\r\n\r\n".encode())
        while True:
            connection.sendall(b"x" * 65536)

    with start(endless) as server:
        failed = failure(client, url_of(server), within(), max_bytes=1_000_000)
        assert failed.kind is FailureKind.TOO_LARGE
        assert len(server.requests) == 1


@pytest.mark.parametrize("part", ["head", "body"])
def test_bytes_that_drip_end_at_the_deadline(part: str, start: Callable[..., Any], client: HttpClient) -> None:
    stop = threading.Event()

    def dripping(_: Request, connection: Any) -> None:
        whole = reply("x" * 1000)
        sent = 0 if part == "head" else whole.index(b"\r\n\r\n") + 4
        connection.sendall(whole[:sent])
        drip(connection, whole[sent:], every=0.02, server_stops=stop)

    with start(dripping) as server:
        failed = failure(client, url_of(server), within(1.0))
        stop.set()
    assert failed.kind is FailureKind.DEADLINE
    assert failed.sent
    assert failed.timed_out


def test_a_silence_ends_a_request_long_before_its_deadline(start: Callable[..., Any], client: HttpClient) -> None:
    stop = threading.Event()
    with start(lambda *_: stop.wait(PATIENCE)) as server:
        failed = failure(client, url_of(server), within(silence=0.3))
        stop.set()
    assert failed.kind is FailureKind.SILENT
    assert failed.sent


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_an_aborted_request_ends_its_thread_at_once(
    begins: bytes, start: Callable[..., Any], client: HttpClient
) -> None:
    stop, arrived = threading.Event(), threading.Event()

    def begin(_: Request, connection: Any) -> None:
        connection.sendall(begins)
        arrived.set()
        stop.wait(PATIENCE)

    abort = AbortHandle()
    with start(begin) as server:
        thread = threading.Thread(target=failure, args=(client, url_of(server), within(silence=PATIENCE, abort=abort)))
        thread.start()
        assert arrived.wait(PATIENCE)
        watch = Watch()
        abort.abort()
        thread.join(PATIENCE)
        assert watch.soon
        assert not thread.is_alive()
        stop.set()


def test_nothing_is_sent_for_a_request_that_was_aborted_before(start: Callable[..., Any], client: HttpClient) -> None:
    abort = AbortHandle()
    abort.abort()
    with start(reply("ok")) as server:
        failed = failure(client, url_of(server), within(abort=abort))
    assert not failed.sent
    assert server.requests == []


def test_an_abort_does_not_touch_the_request_that_uses_the_connection_next(
    start: Callable[..., Any], client: HttpClient
) -> None:
    first = AbortHandle()
    with start(reply("ok")) as server:
        client.send("GET", url_of(server), deadline=within(abort=first))
        with client.stream("GET", url_of(server), deadline=within()) as second:
            first.abort()
            assert b"".join(second.chunks()) == b'{"data": "ok"}'
    assert server.connections == 1


@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_that_is_left_unread_closes_its_connection(
    read: int, start: Callable[..., Any], client: HttpClient
) -> None:
    ended = threading.Event()

    def until_closed(_: Request, connection: Any) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            assert connection.recv(1) == b""
        finally:
            ended.set()

    with start(until_closed) as server:
        with client.stream("GET", url_of(server), deadline=within()) as response:
            pieces = [response.next_piece(PATIENCE) for _ in range(read)]
        assert ended.wait(PATIENCE)
    assert pieces == [b"data: 1\n\n"] * read


def test_pieces_come_as_they_are_sent_and_are_waited_for_as_long_as_asked(
    start: Callable[..., Any], client: HttpClient
) -> None:
    stop, go_on = threading.Event(), threading.Event()

    def events(_: Request, connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(2):
            connection.sendall(b"2\r\n%d\n\r\n" % number)
            go_on.wait(PATIENCE)
        stop.wait(PATIENCE)

    with start(events) as server, client.stream("GET", url_of(server), deadline=within()) as response:
        assert response.next_piece(PATIENCE) == b"0\n"
        go_on.set()
        assert response.next_piece(PATIENCE) == b"1\n"
        with pytest.raises(RequestFailedError) as late:
            response.next_piece(0.05)
        stop.set()
    assert late.value.timed_out


def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_read(
    start: Callable[..., Any], client: HttpClient
) -> None:
    stop = threading.Event()

    def declares(_: Request, connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        stop.wait(PATIENCE)

    with start(declares) as server:
        failed = failure(client, url_of(server), within(), max_bytes=1000)
        stop.set()
    assert failed.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", FailureKind.CLOSED),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", FailureKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", FailureKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", FailureKind.CUT_OFF),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", FailureKind.CUT_OFF),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
            FailureKind.NOT_DECODABLE,
        ),
    ],
)
def test_the_kind_of_a_failure_is_told(
    answer: bytes, kind: FailureKind, start: Callable[..., Any], client: HttpClient
) -> None:
    def once(_: Request, connection: Any) -> None:
        connection.sendall(answer)
        raise OSError("and close")

    with start(once) as server:
        failed = failure(client, url_of(server), within())
        assert len(server.requests) == 1, "nothing is sent twice"
    assert failed.kind is kind
    assert failed.sent


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_failures_before_anything_is_sent(scheme: str, client: HttpClient) -> None:
    refused = failure(client, f"{scheme}://127.0.0.1:1/", within())
    unknown = failure(client, f"{scheme}://no-such-host.invalid/", within())
    odd = failure(client, f"{scheme}://{'a' * 70}.example/", within())
    late = failure(client, f"{scheme}://127.0.0.1:1/", RequestDeadline(from_now(-1)))
    assert [each.kind for each in (refused, unknown, odd, late)] == [
        FailureKind.REFUSED,
        FailureKind.UNKNOWN_NAME,
        FailureKind.UNKNOWN_NAME,
        FailureKind.DEADLINE,
    ]
    assert not any(each.sent for each in (refused, unknown, odd, late))


def test_authorities_may_be_trusted_beside_the_public_ones(certificate: tuple[Path, Path]) -> None:
    with serving(reply("ok"), certificate) as server:
        with closing(HttpClient(TlsPolicy(extra_ca_file=certificate[0]))) as client:
            assert client.send("GET", url_of(server), deadline=within()).status == 200
        with closing(HttpClient(TlsPolicy())) as client:
            assert failure(client, url_of(server), within()).kind is FailureKind.NOT_TRUSTED


def test_no_other_package_speaks_http() -> None:
    found = set()
    for module, tree in modules(*HTTP_LIBRARIES):
        where = module.relative_to(PACKAGE).as_posix()
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {f"{where}: {name}" for name in names if name in HTTP_LIBRARIES and not where.startswith("net/")}
    assert found == OTHER_USES.keys()
