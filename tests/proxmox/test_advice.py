"""Advice is chosen by what Proxmox says and where it says it; where the cause is unknown, that is said."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import FailedError, NodeUnreachableError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.advice import FailedCall, advise, started_by, unknown
from proxmox_mcp.proxmox.answers import Refusal
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.errors import refused
from proxmox_mcp.proxmox.upid import parse_upid

CONNECTION = Connection(hosts=(HostPort("pve1", 8006),), user="root@pam", secret="s")
VM = "/nodes/pve1/qemu/100"
NONE = "The cause is unknown."

REPORTS = [
    (report["at"], report["said"], report["words"], report.get("not", ""))
    for report in tomllib.loads(Path(__file__).with_name("advice_reports.toml").read_text("utf-8"))["report"]
]


def call_of(at: str) -> FailedCall:
    method, path, *task = at.split()
    return FailedCall(method, path, task=bool(task))


@pytest.mark.parametrize(("at", "said", "words", "forbidden"), REPORTS)
def test_a_report_gets_the_advice_of_its_own_cause(at: str, said: str, words: str, forbidden: str) -> None:
    call = call_of(at)
    advice = advise(said, call)
    assert re.search(words, advice), advice
    assert not (forbidden and re.search(forbidden, advice)), advice
    told = refused(Refusal(500, said), call, CONNECTION)
    assert isinstance(told, FailedError)
    assert told.advice == (advice or unknown(call))


NONSENSE_WORDS = (
    *("blorp", "the", "quux", "of", "zim's", "'vax'", "wobbled", "before", "17", "zibs", "-", "gnarl:", "flumm"),
    *("(42)", "in", "wup", "at", "noon!"),
)
TOPICAL = (
    *("zone", "vnet", "controller", "subnet", "dhcp", "plugin", "certificate", "monitor", "mds", "mon", "osd", "join"),
    *(
        "corosync",
        "tfa",
        "data",
        "schedule",
        "filename",
        "different",
        "only",
        "can't",
        "strange",
        "conflict",
        "aborted",
    ),
    *("without", "required", "'Job", "exit"),
)
ENDPOINTS = st.sampled_from(sorted({at for at, *_ in REPORTS}))
NONSENSE = st.lists(
    st.sampled_from(tuple(NONSENSE_WORDS)),
    min_size=1,
    max_size=12,
).map(" ".join)


@given(NONSENSE, ENDPOINTS)
def test_words_that_nobody_knows_get_no_guess(said: str, at: str) -> None:
    call = call_of(at)
    assert advise(said, call) == ""
    told = refused(Refusal(500, said), call, CONNECTION).advice
    assert NONE in told
    assert "GET /nodes/pve1/syslog" in told or "journalctl" in told or "GET /nodes/pve9/syslog" in told


TOPICS = {
    "/sdn": "[Zz]ones, vnets",
    "/ceph": "Ceph",
    "/acme": "/cluster/acme",
    "/cluster/config": "totem",
    "/rrd": "statistics",
    "/access/tfa": "Only users who sign in",
    "/cluster/ha": "HA",
}
WORDS = st.sampled_from(TOPICAL)


@given(st.lists(WORDS | st.sampled_from(tuple(NONSENSE_WORDS)), min_size=1, max_size=8).map(" ".join))
def test_the_words_of_a_topic_mean_nothing_at_another_endpoint(said: str) -> None:
    for method, path in (("PUT", f"{VM}/config"), ("GET", "/version"), ("PUT", "/nodes/pve1/dns")):
        advice = advise(said, FailedCall(method, path))
        assert not [topic for topic, words in TOPICS.items() if re.search(words, advice)], (said, advice)


@pytest.mark.parametrize(
    "said", ["tls_process_server_certificate: certificate verify failed", "ssl3_get_record: wrong version number",
             "TLS handshake failed", "certificate verify failed"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_tls_between_nodes_failed_nothing_was_sent(said: str, method: str) -> None:
    error = refused(Refusal(596, said), FailedCall(method, "/nodes/pve2/qemu/100/status/start"), CONNECTION)
    assert isinstance(error, NodeUnreachableError)
    assert error.sent is False
    assert "Nothing was done" in error.advice
    assert "On pve2: `pvecm updatecerts --force`" in error.advice
    assert "may have taken effect" not in error.advice


@pytest.mark.parametrize("said", ["Broken pipe", "Connection timed out", "Unexpected end-of-file"])
def test_where_a_connection_between_nodes_broke_later_the_outcome_is_unknown(said: str) -> None:
    error = refused(Refusal(596, said), FailedCall("POST", "/nodes/pve2/qemu/100/status/start"), CONNECTION)
    assert error.sent
    assert "may have taken effect" in error.advice


@pytest.mark.parametrize(
    ("kind", "number", "call"),
    [
        ("qmstart", "100", "POST /nodes/pve1/qemu/100/status/start TASK"),
        ("vzstart", "100", "POST /nodes/pve1/lxc/100/status/start TASK"),
        ("qmdelsnapshot", "100", "DELETE /nodes/pve1/qemu/100/snapshot/{snapname} TASK"),
        ("vzdelsnapshot", "100", "DELETE /nodes/pve1/lxc/100/snapshot/{snapname} TASK"),
        ("qmdestroy", "100", "DELETE /nodes/pve1/qemu/100 TASK"),
        ("vzdump", "", "POST /nodes/pve1/vzdump TASK"),
        ("download", "x.iso", "POST /nodes/pve1/storage/{storage}/download-url TASK"),
        ("imgdel", "local:iso", "DELETE /nodes/pve1/storage/{storage}/content/{volume} TASK"),
        ("brandnew", "", "POST /nodes/pve1 TASK"),
    ],
)
def test_a_task_is_advised_as_the_call_that_starts_such_a_task(kind: str, number: str, call: str) -> None:
    task = parse_upid(f"UPID:pve1:00001E80:0006EDD9:6B02646B:{kind}:{number.replace(':', '=')}:root@pam:")
    assert task is not None
    assert str(started_by(task)) == call


def test_a_name_that_proxmox_says_is_quoted_and_filled_in_no_further() -> None:
    advice = advise("invalid privilege 'x {node} \"IGNORE'", FailedCall("POST", "/access/roles"))
    assert r'no privilege "x {node} \"IGNORE". GET' in advice
