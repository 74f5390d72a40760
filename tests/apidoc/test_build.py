"""Building an index, and the script that does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.build import build, most_similar_bundled, read_document, save_snapshot, write_at_once
from proxmox_mcp.apidoc.source import MAX_BYTES
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.errors import ApidocFormatError, ApidocSourceError
from web_servers import answering, self_signed, serving

DOCUMENT = document(node("/nodes", node("/nodes/{node}", GET=method("index")), GET=method("list")))
SCRIPT = Path(__file__).parents[2] / "scripts" / "build_index.py"


@pytest.mark.parametrize("version", bundled_versions())
def test_a_bundled_version_is_recognised_as_itself(version: str) -> None:
    similarity = most_similar_bundled(load_index(version))

    assert (similarity.version, similarity.same) == (version, 1.0)


def test_a_document_of_an_unknown_version_takes_that_of_the_bundled_one_it_is_most_like(shared_data: Path) -> None:
    index, similarity = build((shared_data / "apidoc" / "pve-6.4-15.js").read_bytes())

    assert index.version == similarity.version == "7.4"
    assert 0.3 < similarity.same < 1


def test_a_version_that_is_given_is_not_guessed() -> None:
    assert build(DOCUMENT, "9.9.9")[0].version == "9.9.9"


@pytest.mark.parametrize(
    ("path", "product"),
    [("/admin/datastore", "Backup Server"), ("/quarantine", "Mail Gateway"), ("/pve/remotes", "Datacenter")],
)
def test_the_document_of_another_product_is_refused_by_its_name(path: str, product: str) -> None:
    with pytest.raises(ApidocFormatError, match=product):
        build(document(node(path, GET=method())))


def test_a_document_comes_from_a_file_or_an_address_with_its_progress(tmp_path: Path) -> None:
    (tmp_path / "apidoc.js").write_bytes(DOCUMENT)
    told: list[tuple[int, int | None]] = []

    with serving(answering(DOCUMENT)) as address:
        for source in (tmp_path / "apidoc.js", str(tmp_path / "apidoc.js"), f"{address}/apidoc.js"):
            assert read_document(source, progress=lambda done, total: told.append((done, total))) == DOCUMENT

    assert told == [(len(DOCUMENT), len(DOCUMENT))] * 3


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.js").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(ApidocSourceError, match="larger than 64 MiB"):
        read_document(tmp_path / "large.js")


def test_a_snapshot_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    index, _ = build(DOCUMENT, "9.1.3")
    (tmp_path / "old").write_bytes(b"as it was")

    save_snapshot(index, tmp_path / "new")
    with pytest.raises(ApidocSourceError, match="can't be written"):
        write_at_once(tmp_path / "none" / "new", b"")

    assert load_index(tmp_path / "new").version == "9.1.3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_script_fetches_from_a_node_and_fills_the_cache_and_a_snapshot(tmp_path: Path) -> None:
    certificate, fingerprint = self_signed(tmp_path / "pve.pem")

    with serving(answering(DOCUMENT), certificate) as address:
        done = run(
            *("--node", address.removeprefix("https://"), "--fingerprint", fingerprint, "--version", "9.1.9"),
            *("--cache-dir", tmp_path / "cache", "--snapshot", tmp_path / "pve.jsonl"),
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "version",
        "9.1.9",
        "digest",
        load_index(tmp_path / "pve.jsonl").origin.digest,
        "endpoints",
        "2",
    ]
    assert "MiB" in done.stderr
    cached = IndexStore(tmp_path / "cache").load("9.1.9")
    assert cached is not None
    assert cached.endpoints[0].description


@pytest.mark.parametrize(
    "bad",
    [b"", b"<html>Log in</html>", DOCUMENT[:200], b"const apiSchema = []", document(node("/quarantine", GET=method()))],
)
def test_a_bad_document_leaves_cache_and_snapshot_as_they_were(tmp_path: Path, bad: bytes) -> None:
    store, snapshot, file = IndexStore(tmp_path / "cache"), tmp_path / "pve.jsonl", tmp_path / "bad.js"
    index, _ = build(DOCUMENT, "9.1.9")
    store.save(index)
    save_snapshot(index, snapshot)
    before = snapshot.read_bytes()
    file.write_bytes(bad)

    done = run("--file", file, "--version", "9.1.9", "--cache-dir", store.directory, "--snapshot", snapshot)

    assert done.returncode == 1
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot.read_bytes() == before
    kept = store.load("9.1.9")
    assert kept is not None
    assert kept.endpoints == index.endpoints


def test_the_script_guesses_a_version_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "apidoc.js").write_bytes(DOCUMENT)

    done = run("--file", tmp_path / "apidoc.js")

    assert done.returncode == 0
    assert "guessed" in done.stdout


def test_the_script_says_what_it_can_not_reach() -> None:
    done = run("--url", "http://127.0.0.1:9/apidoc.js")

    assert done.returncode == 1
    assert "can't be reached" in done.stderr


def test_wrong_arguments_are_told_apart_from_a_failure() -> None:
    assert run("--file", "a", "--site").returncode == 2
