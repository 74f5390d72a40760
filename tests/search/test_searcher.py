from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search import Searcher
from searchers import searcher

if TYPE_CHECKING:
    from pathlib import Path


def _found(query: str, limit: int = 5) -> list[str]:
    return [f"{hit.endpoint.method} {hit.endpoint.path}" for hit in searcher("9.1").search(query, limit)]


def test_hits_come_best_first_and_no_more_than_asked_for() -> None:
    hits = searcher("9.1").search("take a snapshot of a vm", limit=3)
    assert len(hits) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_verb_tells_the_methods_of_one_path_apart() -> None:
    assert _found("show firewall options of the cluster")[0] == "GET /cluster/firewall/options"
    assert _found("change firewall options of the cluster")[0] == "PUT /cluster/firewall/options"


def test_the_kind_of_guest_tells_twins_apart() -> None:
    assert _found("clone a container")[0] == "POST /nodes/{node}/lxc/{vmid}/clone"
    assert _found("clone a vm")[0] == "POST /nodes/{node}/qemu/{vmid}/clone"


def test_a_typo_is_mended_and_told() -> None:
    results = searcher("9.1").find("take a snapshto of vm 100")
    assert results.corrections == (("snapshto", "snapshot"),)
    assert results.hits[0].endpoint.path == "/nodes/{node}/qemu/{vmid}/snapshot"


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("remove a node from the cluster", {"DELETE /cluster/config/nodes/{node}"}),
        ("join or create a cluster", {"POST /cluster/config/join", "POST /cluster/config"}),
        ("suspend or resume a vm", {"POST /nodes/{node}/qemu/{vmid}/status/suspend"}),
        ("snapshot blocked by a PCI device", {"PUT /nodes/{node}/qemu/{vmid}/config"}),
        ("live migration refused because of a mapped device", {"GET /nodes/{node}/qemu/{vmid}/migrate"}),
        ("cannot delete vm, protection is set", {"PUT /nodes/{node}/qemu/{vmid}/config"}),
        ("remove a guest from a pool", {"PUT /pools"}),
    ],
)
def test_what_blocks_something_one_of_two_and_what_is_taken_out_of_something_are_found(
    question: str, calls: set[str]
) -> None:
    assert calls <= set(_found(question))


def test_numbers_and_names_in_a_question_change_nothing() -> None:
    assert _found("start vm 117 on pve-node7") == _found("start vm 204 on pve-node2")


def test_german_is_understood() -> None:
    assert _found("container herunterfahren")[0] == "POST /nodes/{node}/lxc/{vmid}/status/shutdown"


def test_a_hit_names_the_parameter_that_was_asked_for() -> None:
    hits = {
        hit.endpoint.method: hit
        for hit in searcher("9.1").search("add tags to a vm", 5)
        if "config" in hit.endpoint.path
    }
    assert any(hit.parameter == "tags" for hit in hits.values())


def test_a_path_is_browsed() -> None:
    results = searcher("9.1").find("POST /nodes/pve1/qemu/100/clone")
    assert results.confident
    assert [hit.endpoint.path for hit in results.hits] == ["/nodes/{node}/qemu/{vmid}/clone"]


def test_only_endpoints_of_a_method_are_found_where_it_is_given() -> None:
    for query in ("backup job", "/cluster/backup"):
        hits = searcher("9.1").find(query, limit=5, method="DELETE").hits
        assert hits
        assert {hit.endpoint.method for hit in hits} == {"DELETE"}


def test_what_the_api_has_not_got_is_said_with_what_to_do_instead() -> None:
    results = searcher("9.1").find("how hot is the cpu of the host, fan speed")
    assert not results.confident
    assert results.absent is not None
    assert "sensors" in results.absent.instead


def test_what_has_nothing_to_do_with_proxmox_is_doubted() -> None:
    assert not searcher("9.1").find("bake a chocolate cake with cherries").confident
    assert not searcher("9.1").find("zzqx vvrk").hits


@pytest.mark.parametrize("query", ["", "   ", "the of and", "100", "?!"])
def test_a_question_without_words_finds_nothing(query: str) -> None:
    results = searcher("9.1").find(query)
    assert not results.hits
    assert not results.confident


def test_every_hit_of_a_bundled_version_says_what_it_does() -> None:
    assert all(hit.summary for hit in searcher("9.1").find("/", limit=10_000).hits)


@given(st.text(max_size=200))
def test_any_text_can_be_asked(query: str) -> None:
    hits = searcher("9.1").search(query, 3)
    assert len(hits) <= 3


def test_many_threads_get_the_same_answers() -> None:
    queries = ["grow disk", "wer darf was", "reboot nod", "list backups of a storage", "/pools"] * 5
    alone = [_found(query) for query in queries]
    together: dict[int, list[list[str]]] = {}
    searcher = Searcher(load_index("9.1"))

    def ask(number: int) -> None:
        together[number] = [[f"{h.endpoint.method} {h.endpoint.path}" for h in searcher.search(q)] for q in queries]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(together.values()) == [alone] * 4


@pytest.mark.parametrize("name", ["pve-6.4-15.js", "pve-9.2-head.js"])
def test_a_live_schema_with_descriptions_is_searched_as_well(shared_data: Path, name: str) -> None:
    searcher = Searcher(load_index(shared_data / "apidoc" / name))
    assert searcher.search("clone a vm")[0].endpoint.path == "/nodes/{node}/qemu/{vmid}/clone"


@pytest.mark.parametrize("pasted", ["TASK ERROR: ", "error:", "  Error: "])
@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("VM is locked (backup)", ("PUT", "/nodes/{node}/qemu/{vmid}/config")),
        ("CT is locked (snapshot)", ("PUT", "/nodes/{node}/lxc/{vmid}/config")),
        (
            "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
            ("DELETE", "/nodes/{node}/tasks/{upid}"),
        ),
        ("can't migrate running VM without --online", ("POST", "/nodes/{node}/qemu/{vmid}/migrate")),
    ],
)
def test_an_error_that_was_pasted_is_searched_by_what_it_says(pasted: str, said: str, wanted: tuple[str, str]) -> None:
    found = [(hit.endpoint.method, hit.endpoint.path) for hit in searcher("9.1").search(pasted + said)]
    assert wanted in found
    assert found == [(hit.endpoint.method, hit.endpoint.path) for hit in searcher("9.1").search(said)]


def test_a_question_of_the_word_error_alone_stays_one() -> None:
    assert searcher("9.1").search("task error:")


@pytest.mark.parametrize(
    ("question", "call"),
    [
        ("redémarrer le conteneur 205", "POST /nodes/{node}/lxc/{vmid}/status/reboot"),
        ("supprimer une sauvegarde", "DELETE /nodes/{node}/storage/{storage}/content/{volume}"),
        ("créer un instantané de la vm", "POST /nodes/{node}/qemu/{vmid}/snapshot"),
        ("changer le mot de passe d'un utilisateur", "PUT /access/password"),
        ("état du cluster", "GET /cluster/status"),
        ("encender la máquina virtual 101", "POST /nodes/{node}/qemu/{vmid}/status/start"),
        ("eliminar un contenedor", "DELETE /nodes/{node}/lxc/{vmid}"),
        ("ampliar el disco de una máquina virtual", "PUT /nodes/{node}/qemu/{vmid}/resize"),
        ("cuánto espacio libre queda en el almacenamiento", "GET /nodes/{node}/storage"),
        ("crear usuario", "POST /access/users"),
    ],
)
def test_french_and_spanish_are_understood(question: str, call: str) -> None:
    assert _found(question)[0] == call
    assert searcher("9.1").find(question).confident


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("VM is locked (backup)", "PUT /nodes/{node}/qemu/{vmid}/config"),
        ("CT is locked (snapshot)", "PUT /nodes/{node}/lxc/{vmid}/config"),
        ("unable to create VM 100 - VM 100 already exists on node 'pve2'", "GET /cluster/nextid"),
        ("permission check failed (/storage/local, Datastore.AllocateSpace)", "GET /access/permissions"),
        ("storage 'local-zfs' does not exist", "GET /storage"),
        ("Configuration file 'nodes/pve1/qemu-server/105.conf' does not exist", "GET /cluster/resources"),
        ("unable to activate storage 'nas' - directory does not exist", "GET /nodes/{node}/storage"),
    ],
)
def test_a_message_of_proxmox_finds_what_tells_more_of_it(message: str, call: str) -> None:
    assert call in _found(message)


def test_a_compound_whose_parts_are_known_is_no_typo() -> None:
    assert searcher("9.1").find("what is in access/users of pve").corrections == ()


@pytest.mark.parametrize(
    ("question", "call"),
    [
        ("is a snapshot possible on this storage", "GET /nodes/{node}/lxc/{vmid}/feature"),
        ("can the vm be migrated without downtime", "GET /nodes/{node}/qemu/{vmid}/migrate"),
        ("is the firewall of the cluster on", "GET /cluster/firewall/options"),
        ("is the certificate still valid", "GET /nodes/{node}/certificates/info"),
        ("ist der Speicher nas voll", "GET /nodes/{node}/storage"),
    ],
)
def test_a_question_for_yes_or_no_is_for_a_get(question: str, call: str) -> None:
    assert _found(question)[0] == call


@pytest.mark.parametrize("question", ["start the ldap sync right now", "synchronize ad users immediately"])
def test_what_is_done_at_once_is_no_job(question: str) -> None:
    assert _found(question)[0] == "POST /access/domains/{realm}/sync"


@pytest.mark.parametrize("job", ["backup", "clone", "migrate", "snapshot-delete", "rollback", "disk"])
def test_a_lock_is_asked_about_whatever_job_left_it(job: str) -> None:
    assert _found(f"TASK ERROR: VM is locked ({job})") == _found("VM is locked")
