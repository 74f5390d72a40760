"""``search``, ``check``, ``index``, ``openapi``: commands that need the schema and no cluster.

Tested through them: ``cli.arguments``, ``cli.search``, ``cli.check``, ``cli.index``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from apidoc_documents import document, method, node
from proxmox_mcp.cli import commands
from proxmox_mcp.errors import ApidocSourceError, CallError
from web_servers import answering, self_signed, serving

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str, stdin: str = "") -> Result:
    result = CliRunner().invoke(commands, arguments, input=stdin)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


def lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_search_names_endpoints_with_what_they_need() -> None:
    told = run("search", "--apidoc", "9.1", "grow", "a", "disk").output
    assert "/nodes/{node}/qemu/{vmid}/resize" in told
    assert "disk* " in told
    assert ", size* " in told


def test_a_search_for_a_path_gives_its_reference() -> None:
    told = run("search", "--apidoc", "9.1", "--method", "PUT", "/nodes/{node}/qemu/{vmid}/resize").output
    assert told.startswith("PUT /nodes/{node}/qemu/{vmid}/resize")
    assert "size" in told


def test_a_search_as_json_is_a_line_of_hits() -> None:
    (hits,) = lines(run("search", "--json", "--apidoc", "9.1", "--limit", "3", "start a vm"))
    assert len(hits) == 3
    assert hits[0][:2] == ["POST", "/nodes/{node}/qemu/{vmid}/status/start"]
    assert hits[0][2] >= hits[1][2] >= hits[2][2]


def test_a_batch_of_questions_gives_a_line_for_each_line_bad_ones_included() -> None:
    batch = '{"query": "start a vm", "limit": 2}\nnot json\n[]\n{"query": 7}\n{"query": "x", "limit": true}\n\n'
    found = lines(run("search", "--json", "--apidoc", "9.1", "--batch", "-", stdin=batch))
    assert len(found) == 6
    assert len(found[0]) == 2
    assert found[1] == found[2] == found[5] == []


def test_a_search_takes_a_path_as_it_is_called() -> None:
    told = run("search", "--apidoc", "9.1", "POST", "/nodes/pve1/qemu/100/status/start").output
    assert told.startswith("POST /nodes/{node}/qemu/{vmid}/status/start\n")
    assert "Parameters" in told


@pytest.mark.parametrize("option", [("--limit", "-1"), ("--limit", "0"), ("--method", "FETCH")])
def test_a_limit_or_method_that_is_none_is_refused(option: tuple[str, str]) -> None:
    result = run("search", *option, "start")
    assert result.exit_code == 2
    assert option[0] in result.output


def test_nothing_to_search_for_is_said() -> None:
    with pytest.raises(CallError, match="query is empty"):
        run("search", "--apidoc", "9.1", " ")


def test_a_check_says_what_would_be_sent_or_what_is_wrong() -> None:
    sound = run(
        "check", "--apidoc", "9.1", "put", "/nodes/pve1/qemu/100/config", "cores=4", "delete=net1", "delete=net2"
    )
    assert sound.exit_code == 0
    assert "cores = 4" in sound.output
    assert "delete = net1,net2" in sound.output
    wrong = run("check", "--apidoc", "9.1", "PUT", "/nodes/pve1/qemu/100/config", "memroy=4")
    assert wrong.exit_code == 1
    assert "memroy" in wrong.output
    assert "memory" in wrong.output


def test_a_check_as_json_is_the_contract_of_the_batch() -> None:
    (verdict,) = lines(run("check", "--json", "--apidoc", "9.1", "GET", "/nodes/pve1/nothing"))
    assert verdict["ok"] is False
    assert list(verdict["errors"]) == ["path"]


def test_a_batch_of_calls_gives_a_line_for_each_line_bad_ones_included() -> None:
    calls: list[Any] = [
        {"method": "GET", "path": "/nodes"},
        {"method": "GET", "path": "/nodes", "params": {"x": 1}},
        {"method": "POST", "path": "/nodes/pve1/qemu/100/clone", "params": {"newid": "abc"}},
        [],
        {},
        {"method": 1, "path": None, "params": "x"},
    ]
    batch = "\n".join(map(json.dumps, calls)) + "\nnonsense\n"
    verdicts = lines(run("check", "--json", "--apidoc", "9.1", "--batch", "-", stdin=batch))
    assert [verdict["ok"] for verdict in verdicts] == [True, False, False, False, False, False, False]
    assert list(verdicts[1]["errors"]) == ["x"]
    assert list(verdicts[2]["errors"]) == ["newid"]
    assert all(list(verdict["errors"]) == ["path"] for verdict in verdicts[3:])


@pytest.mark.parametrize("arguments", [(), ("GET",), ("GET", "/nodes", "cores"), ("GET", "/nodes", "=4")])
def test_what_is_no_call_is_said(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CallError):
        run("check", "--apidoc", "9.1", *arguments)


def test_an_index_is_made_of_a_file_cached_and_written_as_facts(tmp_path: Path) -> None:
    file, facts = tmp_path / "apidoc.js", tmp_path / "facts.jsonl"
    file.write_bytes(document(node("/version", GET=method("version"))))
    cache = ("--cache-dir", str(tmp_path / "cache"))
    told = run("index", "--file", str(file), "--version", "9.9", "--snapshot", str(facts), *cache).output
    assert "Proxmox VE 9.9, 1 endpoints" in told
    assert "SHA-256 " in told
    assert '"/version"' in facts.read_text()


def test_a_document_like_no_version_is_not_cached_as_one(tmp_path: Path) -> None:
    (tmp_path / "apidoc.js").write_bytes(document(node("/version", GET=method("version"))))
    with pytest.raises(CallError, match="resembles no bundled version"):
        run("index", "--file", str(tmp_path / "apidoc.js"), "--cache-dir", str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_file_that_is_not_there_is_answered_with_what_the_command_takes(tmp_path: Path) -> None:
    with pytest.raises(ApidocSourceError) as refused:
        run("index", "--file", str(tmp_path / "apidoc.js"), "--cache-dir", str(tmp_path / "cache"))
    assert "apidoc.js can't be read: No such file or directory." in refused.value.message
    assert refused.value.advice == "Give the path of an apidoc.js."


@pytest.mark.parametrize("sources", [(), ("--site", "--node", "pve1"), ("--url", "https://x", "--file", "y")])
def test_an_index_is_of_one_source(sources: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(CallError, match="Name one source"):
        run("index", "--cache-dir", str(tmp_path), *sources)


def test_the_schema_of_a_configured_node_is_fetched_under_its_tls_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fingerprint = self_signed(tmp_path / "node.pem")
    settings = {"PROXMOX_USER": "mcp@pve", "PROXMOX_TOKEN_ID": "t1", "PROXMOX_PASSWORD": "x-1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    arguments = ("index", "--version", "9.9", "--cache-dir", str(tmp_path / "cache"), "--node")
    with serving(answering(document(node("/version", GET=method("version")))), path) as address:
        place = address.removeprefix("https://")
        assert "certificate is not checked" in run(*arguments, place).output
        monkeypatch.setenv("PROXMOX_HOST", place)
        monkeypatch.setenv("PROXMOX_FINGERPRINT", "ab" * 32)
        with pytest.raises(ApidocSourceError, match="pinned"):
            run(*arguments, place)
        monkeypatch.setenv("PROXMOX_FINGERPRINT", fingerprint)
        assert "Proxmox VE 9.9" in run(*arguments, place).output


def test_the_schema_is_written_as_openapi() -> None:
    written = json.loads(run("openapi", "--apidoc", "9.1").stdout)
    assert written["openapi"].startswith("3.1")
    assert "/nodes/{node}/qemu/{vmid}/config" in written["paths"]


@pytest.mark.parametrize(
    "arguments", [("search", "--apidoc", "9.1", "zzzz"), ("search", "--json", "--apidoc", "9.1", "zzzz")]
)
def test_a_search_that_finds_nothing_fails(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 1


def test_what_the_api_does_not_have_fails_too_and_a_find_does_not() -> None:
    absent = run("search", "--apidoc", "9.1", "shrink a disk")
    assert (absent.exit_code, "The API has no endpoint for this." in absent.output) == (1, True)
    assert run("search", "--apidoc", "9.1", "start a vm").exit_code == 0
    assert run("search", "--json", "--apidoc", "9.1", "start a vm").exit_code == 0


def test_a_check_takes_the_schema_that_the_node_served_last_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_CACHE_DIR", str(tmp_path / "cache"))
    unknown = run("check", "GET", "/only/here")
    assert (unknown.exit_code, "bundled; your node may know more" in unknown.stderr) == (1, True)
    file = tmp_path / "apidoc.js"
    file.write_bytes(document(node("/only/here", GET=method("index"))))
    run("index", "--file", str(file), "--version", "9.9")
    known = run("check", "GET", "/only/here")
    assert (known.exit_code, "Proxmox VE 9.9, cached from your node." in known.stderr) == (0, True)
    assert run("check", "GET", "/nodes").exit_code == 1
    monkeypatch.setenv("MCP_MODE", "careful")
    assert run("check", "GET", "/nodes").exit_code == 0
