from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.search.text import fold, stem, without_number, words


def test_umlauts_are_written_out_and_apostrophes_dropped() -> None:
    assert fold("Größe, VM's") == "groesse, vms"
    assert fold("Máquina, señal, cœur, rôle, garçon") == "maquina, senal, coeur, role, garcon"


@pytest.mark.parametrize(
    "name",
    ["117", "10G", "192.168.1.10", "10.0.0.0/24", "fe80::1", "BC:24:11:00:22:33", "0000:01:00.0", "root@pam", "9.1.3"],
)
def test_numbers_addresses_and_users_are_no_words(name: str) -> None:
    assert words(f"show {name} please") == ["show", "please"]


def test_a_task_id_is_no_word() -> None:
    assert words("log of UPID:pve1:0003C1A2:0123:65A:qmstart:100:root@pam:") == ["log", "of"]


def test_a_compound_gives_its_parts_and_is_given_joined() -> None:
    assert words("cloud-init") == ["cloud", "init", "cloudinit"]
    assert words("/etc/hosts") == ["etc", "hosts", "etchosts"]


def test_a_name_with_a_number_is_kept_whole() -> None:
    assert words("scsi0 on eno1") == ["scsi0", "on", "eno1"]


def test_a_number_at_the_end_can_be_taken_off() -> None:
    assert without_number("scsi0") == "scsi"
    assert without_number("2fa") == "2fa"


@pytest.mark.parametrize(
    "forms",
    [
        ("snapshot", "snapshots"),
        ("migrate", "migrating", "migrated", "migration"),
        ("policy", "policies"),
        ("alias", "aliases"),
        ("stop", "stopping", "stopped"),
        ("vorlage", "vorlagen"),
        ("address", "addresses"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["dns", "zfs", "nfs", "vms", "tls"])
def test_abbreviations_keep_their_last_letter(word: str) -> None:
    assert stem(word) == word


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert all(word and word == word.strip() for word in words(text))
    assert all(stem(word) for word in words(text))


def test_the_letters_of_an_abbreviation_are_one_word() -> None:
    assert words("S.M.A.R.T. values") == ["smart", "values"]
    assert words("a.b c/d 1.2.3") == ["a", "b", "ab", "c", "d", "cd"]
