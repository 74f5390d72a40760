"""A real server behind proxies that each do one thing wrong, reached as clients do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from doctor.certificates import make
from doctor.examined import TOKEN, Report, cure, examined, lines
from doctor.proxies import Proxy, listening, page
from proxmox_mcp.doctor import client_view, sse_check, streamable_http_check
from serving import Served, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from doctor.certificates import Made
    from proxmox_mcp.doctor.steps import CheckStep

    Environment = Callable[..., dict[str, str]]
    Look = Callable[..., Report]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a token, whose Proxmox is away: what clients see of it does not depend on that."""
    settings = {
        "PROXMOX_HOST": f"127.0.0.1:{free_port()}",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
        "PROXMOX_APIDOC": "bundled",
        "MCP_AUTH_TOKEN": TOKEN,
    }
    with serving(tmp_path_factory.mktemp("server"), **settings) as served:
        yield served


@pytest.fixture
def look(environment: Environment) -> Look:
    """Examine an address."""

    def at(url: str, *, patient: bool = False, **changed: str) -> Report:
        return examined(environment(free_port(), **changed), url=url, patient=patient)

    return at


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what never comes. Where something is to come, a busy machine needs the usual ones."""
    monkeypatch.setattr(client_view, "TOKENLESS_SECONDS", 0.5)
    monkeypatch.setattr(sse_check, "EVENT_SECONDS", 1.0)
    monkeypatch.setattr(streamable_http_check, "ANSWER_SECONDS", 1.0)


def of_mcp(report: Report, status: str) -> list[str]:
    """The steps with a status among those about the server from outside."""
    parts = ("Proxmox", "settings", "server")
    return [step["step"] for step in report.steps if step["status"] == status and step["part"] not in parts]


@pytest.mark.parametrize("path", ["/sse", "/mcp", ""])
def test_a_healthy_server_is_reached_over_both_transports(server: Served, look: Look, path: str) -> None:
    report = look(server.url + path)
    assert of_mcp(report, "fail") == of_mcp(report, "warn") == []
    assert report.step("who may call, from outside")["found"] == "without a token: 401, as it should be"
    assert "proxmox-mcp" in report.step("SSE")["found"]
    assert "proxmox-mcp" in report.step("streamable HTTP")["found"]


def test_a_closed_port(look: Look) -> None:
    report = look(f"http://127.0.0.1:{free_port()}/sse")
    assert of_mcp(report, "fail") == [step for step in of_mcp(report, "fail") if step.startswith("TCP")] != []


def test_an_address_that_is_none_is_a_wrong_setting(look: Look) -> None:
    report = look("ftp://name/sse")
    assert report.status == 2
    assert "https://name/sse" in cure(report.step("environment"))


def test_an_unknown_host_gets_the_line_that_allows_it(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, host="proxmox-mcp.example.org")) as port:
        report = look(f"http://localhost:{port}/sse", MCP_ALLOWED_HOSTS="pve.example.org")
    step = report.step("SSE")
    assert "421 Invalid Host header" in step["found"]
    assert lines(step) == ["MCP_ALLOWED_HOSTS=pve.example.org,localhost"]


def test_a_proxy_that_changes_the_host_is_recognised(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, host="upstream.internal:8000")) as port:
        report = look(f"http://localhost:{port}/sse")
    step = report.step("SSE")
    assert "although localhost is allowed" in step["found"]
    assert "proxy_set_header Host $http_host;" in lines(step)


def test_a_wrong_token(server: Served, look: Look) -> None:
    report = look(f"{server.url}/sse", MCP_AUTH_TOKEN="a-token-of-another-server")
    assert "refuses the token in MCP_AUTH_TOKEN" in report.step("SSE")["found"]
    assert "Authorization" in cure(report.step("SSE"))


def test_a_missing_token(server: Served, look: Look) -> None:
    report = look(f"{server.url}/sse", MCP_AUTH_TOKEN="")
    assert "MCP_AUTH_TOKEN is not set here" in report.step("SSE")["found"]


def test_a_proxy_that_drops_the_token(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, drop=("authorization",))) as port:
        report = look(f"http://127.0.0.1:{port}/mcp")
    assert "drops the Authorization header" in cure(report.step("streamable HTTP"))


def test_a_proxy_that_asks_for_a_login_itself(server: Served, look: Look) -> None:
    asks = {"/": page("401 Unauthorized", "", 'WWW-Authenticate: Basic realm="lab"')}
    with listening(Proxy(server.port, answers=asks)) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "the proxy itself asks for a login (Basic)" in report.step("SSE")["found"]


def test_a_server_that_accepts_callers_without_a_token(look: Look, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"PROXMOX_HOST": f"127.0.0.1:{free_port()}", "PROXMOX_USER": "mcp@pve", "PROXMOX_TOKEN_ID": "mcp"}
    settings |= {"PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555", "PROXMOX_APIDOC": "bundled"}
    with serving(tmp_path_factory.mktemp("open"), **settings) as served:
        report = look(f"{served.url}/sse")
    assert "accepts callers without a token" in report.step("who may call, from outside")["found"]
    assert report.status == 1


def test_a_stream_that_brings_nothing_is_buffered(server: Served, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_view, "TOKENLESS_SECONDS", 0.5)
    monkeypatch.setattr(sse_check, "EVENT_SECONDS", 1.0)
    with listening(Proxy(server.port, hold={"/sse": -1})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    step = report.step("SSE")
    assert "the server is healthy, so a proxy buffers the stream" in step["found"]
    assert "proxy_buffering off;" in lines(step)


def test_events_that_come_late_are_a_warning(server: Served, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_check, "LATE", 0.3)
    with listening(Proxy(server.port, hold={"/sse": 0.4})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    late = [step for step in report.steps if step["step"] == "SSE" and step["status"] == "warn"]
    assert "a proxy delays it" in late[0]["found"]
    assert "proxy_buffering off;" in lines(late[0])


@pytest.mark.usefixtures("short_waits")
def test_a_server_that_answers_nothing_at_all(look: Look) -> None:
    with listening(lambda channel: channel.recv(1 << 20) and channel.recv(1)) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "its health check does not answer either" in report.step("SSE")["found"]


def test_a_stripped_prefix_that_the_server_does_not_know_of(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, strip="/proxmox", answers={"/messages": page("404 Not Found")})) as port:
        report = look(f"http://127.0.0.1:{port}/proxmox/sse")
    step = report.step("SSE")
    assert step["status"] == "fail"
    assert "/messages/ for messages instead of /proxmox/messages/" in step["found"]
    assert lines(step) == ["MCP_ROOT_PATH=/proxmox"]


def test_a_prefix_that_leads_nowhere(server: Served, look: Look) -> None:
    with listening(Proxy(server.port)) as port:
        report = look(f"http://127.0.0.1:{port}/proxmox/sse")
    assert "404 for /proxmox/sse" in report.step("SSE")["found"]
    assert "MCP_ROOT_PATH=/proxmox" in lines(report.step("SSE"))


def test_messages_that_the_proxy_does_not_pass_on(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, answers={"/messages": page("404 Not Found")})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "messages to /messages/ get 404" in report.step("SSE")["found"]


def test_a_proxy_without_a_server_behind_it(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, answers={"/": page("502 Bad Gateway", "<title>502</title>")})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "can't reach the server behind it" in report.step("SSE")["found"]
    assert "MCP_PORT" in cure(report.step("SSE"))


def test_a_web_page_instead_of_the_server(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, answers={"/": page("200 OK", "<title>Welcome to nginx!</title>")})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "Welcome to nginx!" in report.step("SSE")["found"]


def test_plain_http_that_is_sent_on_to_https(server: Served, look: Look) -> None:
    moved = {"/": page("301 Moved Permanently", "", "Location: https://127.0.0.1/sse")}
    with listening(Proxy(server.port, answers=moved)) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert lines(report.step("SSE")) == ["https://127.0.0.1/sse"]


def test_a_login_page_before_the_server(server: Served, look: Look) -> None:
    moved = {"/": page("302 Found", "", "Location: https://auth.example.org/?rd=sse")}
    with listening(Proxy(server.port, answers=moved)) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert "auth.example.org" in report.step("SSE")["found"]
    assert "login page" in report.step("SSE")["found"]


def test_a_certificate_that_clients_refuse(server: Served, look: Look, certificate: Made) -> None:
    seen: list[str] = []
    with listening(lambda channel: seen.append(channel.recv(100)), certificate.files) as port:
        report = look(f"https://127.0.0.1:{port}/sse")
    step = report.step("TLS")
    assert "Clients refuse the certificate" in step["found"]
    assert "NODE_EXTRA_CA_CERTS=/path/to/authority.pem" in lines(step)
    assert any(certificate.fingerprint in detail for detail in step["details"])
    assert not any(seen), "no token may be sent over a connection that clients would not trust"


def test_a_certificate_near_its_end_is_renewed_at_the_proxy(look: Look, tmp_path: Path) -> None:
    made = make(tmp_path, ends=1.5)
    with listening(lambda channel: channel.recv(100), made.files) as port:
        step = look(f"https://127.0.0.1:{port}/sse", NODE_EXTRA_CA_CERTS=str(made.files[0])).step("TLS")
    assert step["status"] == "warn"
    assert step["found"].endswith("is trusted by public authorities or NODE_EXTRA_CA_CERTS; it expires in 1 day")
    assert "at the proxy" in cure(step)
    assert not lines(step)


def test_https_for_a_port_that_speaks_plain_http(server: Served, look: Look) -> None:
    report = look(f"https://127.0.0.1:{server.port}/sse")
    assert "does not speak TLS" in report.step("TLS")["found"]
    assert lines(report.step("TLS")) == [f"{server.url}/sse"]


def test_a_short_timeout_is_found_by_patience(server: Served, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_view, "HOLD", 3.0)
    with listening(Proxy(server.port, cut=1.2)) as port:
        report = look(f"http://127.0.0.1:{port}/sse", patient=True)
    step = report.step("patience")
    assert re.search(r"closed after \d+ s", step["found"])
    assert "proxy_read_timeout 1h;" in lines(step)


def test_a_stream_that_stays_open_is_ok(server: Served, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_view, "HOLD", 1.0)
    assert look(f"{server.url}/sse", patient=True).step("patience")["status"] == "ok"


@pytest.mark.parametrize(("route", "later"), [("/sse", True), ("/mcp", False)])
def test_what_is_checked_after_the_stream_that_was_held_open_has_time_left(
    route: str, later: bool, server: Served, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[type, float] = {}

    def steps(probe: sse_check.SseProbe | streamable_http_check.StreamableHttpProbe) -> Iterator[CheckStep]:
        ends[type(probe)] = probe.deadline.end
        return iter(())

    for kind in (sse_check.SseProbe, streamable_http_check.StreamableHttpProbe):
        monkeypatch.setattr(kind, "steps", steps)
    look(f"{server.url}{route}", patient=True)
    assert (ends[streamable_http_check.StreamableHttpProbe] == ends[sse_check.SseProbe]) == later


def test_the_transport_that_was_not_asked_for_is_no_failure(server: Served, look: Look) -> None:
    with listening(Proxy(server.port, answers={"/mcp": page("404 Not Found")})) as port:
        report = look(f"http://127.0.0.1:{port}/sse")
    assert report.step("SSE")["status"] == "ok"
    assert report.step("streamable HTTP")["status"] == "warn"
