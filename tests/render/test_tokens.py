from __future__ import annotations

import base64
import json
import random
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl100k import count_tokens
from proxmox_mcp.render.tokens import estimate_tokens

if TYPE_CHECKING:
    from pathlib import Path

_random = random.Random(11)


def _pick(alphabet: str, length: int) -> str:
    return "".join(_random.choices(alphabet, k=length))


def _words(alphabet: str) -> str:
    return " ".join(_pick(alphabet, _random.randrange(2, 13)) for _ in range(250))


def _between(low: int, high: int) -> str:
    return "".join(chr(_random.randrange(low, high)) for _ in range(400))


CORPORA = {
    "a table": "\n".join(
        f"{i} web-{i:02} running {_random.randrange(100)} {_random.random() * 64:.1f}/64 {i % 30}d prod;db"
        for i in range(80)
    ),
    "one short name a line": "pve1\n" * 300,
    "names with a realm": "\n".join(f"user{i}@pve" for i in range(200)),
    "raw figures": "\n".join(
        f"{_random.randrange(10**12)} {_random.random()} {_random.randrange(10**6)}" for _ in range(120)
    ),
    "JSON": json.dumps(
        [{"vmid": i, "net0": f"virtio=BC:24:11:00:{i:02X}:0F,bridge=vmbr0", "on": True} for i in range(60)]
    ),
    "indented JSON": json.dumps({"a": [{"name": f"n{i}", "list": [i, i * i]} for i in range(40)]}, indent=2),
    "a backup's log": "\n".join(
        f"INFO: {i:3d}% ({i * 1.28:.1f} GiB of 128.0 GiB) in {i * 3}s, read: {_random.random() * 900:.1f} MiB/s"
        for i in range(100)
    ),
    "a system log": "\n".join(
        f"Nov 12 03:{i % 60:02}:11 pve1 pvestatd[{_random.randrange(9999)}]: status update time ({i}.245 seconds)"
        for i in range(80)
    ),
    "English": "The backup failed because the storage was not reachable; check its mount point and the token's rights. "
    * 8,
    "German": "Die Sicherung schlug fehl, weil der Speicher „nas“ nicht erreichbar war. Überprüfen Sie bitte die Größe "
    "der Festplatte, die Hochverfügbarkeitsgruppe und die Berechtigungen für Schnappschüsse. " * 6,
    "French": "La sauvegarde a échoué : l'espace de stockage n'était pas disponible, vérifiez les privilèges. " * 8,
    "Polish": "Kopia zapasowa nie powiodła się, ponieważ magazyn był niedostępny. Żółć, gęślą jaźń. " * 8,
    "Italian": "Impossibile avviare la macchina virtuale perché l'archivio non è disponibile. " * 8,
    "Dutch": "De virtuele machine kon niet worden gestart omdat de opslag niet beschikbaar is. " * 8,
    "Spanish": "No se pudo iniciar la máquina virtual porque el almacenamiento no está disponible. " * 8,
    "Indonesian": "Mesin virtual tidak dapat dijalankan karena penyimpanan tidak tersedia, periksa izin pengguna. " * 8,
    "packages": "libpve-guest-common-perl 6.0.2, zfsutils-linux 2.3.4-pve1, ifupdown2 3.3.0-1+pmx11\n" * 8,
    "Russian": "Резервное копирование не удалось, потому что хранилище недоступно. " * 8,
    "Greek": "Η δημιουργία αντιγράφων ασφαλείας απέτυχε. " * 8,
    "Chinese": "备份失败,因为存储不可用。请检查用户的权限,然后重试。" * 8,
    "Japanese": "ストレージが利用できないため、バックアップに失敗しました。" * 8,
    "Korean": "스토리지를 사용할 수 없어 백업에 실패했습니다. " * 8,
    "Arabic": "فشل النسخ الاحتياطي لأن التخزين غير متاح. " * 8,
    "Hindi": "बैकअप विफल रहा क्योंकि भंडारण उपलब्ध नहीं था। " * 8,
    "hex": " ".join(f"{_random.getrandbits(128):032x}" for _ in range(60)),
    "a fingerprint": "\n".join(":".join(f"{_random.randrange(256):02X}" for _ in range(32)) for _ in range(20)),
    "UUIDs": "\n".join("-".join(_pick("0123456789abcdef", n) for n in (8, 4, 4, 4, 12)) for _ in range(60)),
    "UPIDs": "\n".join(
        f"UPID:pve{_random.randrange(1, 9)}:{_random.getrandbits(22):08X}:{_random.getrandbits(30):08X}:"
        f"{_random.getrandbits(31):08X}:{_random.choice(['vzdump', 'qmstart', 'imgcopy'])}:{i}:root@pam!mcp:"
        for i in range(60)
    ),
    "base64": base64.b64encode(_random.randbytes(2400)).decode(),
    "base64 in lines": "\n".join(base64.b64encode(_random.randbytes(57)).decode() for _ in range(40)),
    "letters by chance": _words(string.ascii_lowercase),
    "one word by chance": _pick(string.ascii_lowercase, 2000),
    "capitals by chance": _words(string.ascii_uppercase),
    "mixed letters": _words(string.ascii_letters),
    "letters and digits": _pick(string.ascii_letters + string.digits, 2000),
    "all of ASCII": _pick(string.printable, 3000),
    "signs": _pick(string.punctuation, 2000),
    "signs between blanks": " ".join(_pick(string.punctuation, _random.randrange(1, 5)) for _ in range(500)),
    "addresses": " ".join(f"10.{_random.randrange(256)}.{_random.randrange(256)}.1/24" for _ in range(150)),
    "IPv6": " ".join(":".join(f"{_random.randrange(65536):x}" for _ in range(8)) for _ in range(60)),
    "volumes": "\n".join(f"nas:backup/vzdump-qemu-{i}-2026_01_{i % 28:02}-03_00_07.vma.zst" for i in range(60)),
    "emoji": "🚀 ok ✅ done 🎉 👩‍💻 careful ⚠️ 🇩🇪 " * 15,
    "faces": _between(0x1F600, 0x1F64F),
    "newer emoji": _between(0x1F900, 0x1FAFF),
    "Latin letters": _between(0xA0, 0x24F),
    "the basic plane": _between(0xA0, 0xD7FF),
    "the planes above": _between(0x10000, 0x10FFFF),
    "symbols": _between(0x2190, 0x27BF),
    "control characters": _between(1, 32),
    "white space": ("    a\n" + " " * 40 + "b\n\n\n\t\tc  d\n") * 40,
    "escapes": json.dumps(_between(0xA0, 0xD7FF)),
    "rules": "\n".join(sign * 70 for sign in string.punctuation),
}


@pytest.mark.parametrize("name", CORPORA)
def test_an_estimate_is_at_most_a_tenth_under_the_true_count(name: str) -> None:
    text = CORPORA[name]
    assert estimate_tokens(text) >= 0.9 * count_tokens(text)


@pytest.mark.parametrize(
    "name", ["a table", "raw figures", "JSON", "a backup's log", "English", "UPIDs", "hex", "base64"]
)
def test_an_estimate_of_what_proxmox_answers_wastes_less_than_two_fifths(name: str) -> None:
    text = CORPORA[name]
    assert estimate_tokens(text) <= 1.4 * count_tokens(text)


def test_the_recorded_answers_of_a_node_are_estimated_within_a_tenth_below(shared_data: Path) -> None:
    lines = (shared_data / "recordings" / "pve-9.1.jsonl").read_text().splitlines()
    bodies = [body for line in lines if len(body := json.loads(line)["body"]) > 200]
    assert bodies
    assert [b[:80] for b in bodies if estimate_tokens(b) < 0.9 * count_tokens(b)] == []


def test_the_schema_itself_is_estimated_within_a_tenth_below(shared_data: Path) -> None:
    text = (shared_data / "apidoc" / "pve-9.1.3.js").read_text()
    pieces = [text[i : i + 4000] for i in range(0, len(text), 80_000)]
    assert [p[:80] for p in pieces if estimate_tokens(p) < 0.9 * count_tokens(p)] == []


@given(st.lists(st.sampled_from(sorted(CORPORA)), min_size=2, max_size=5))
def test_a_mixture_of_texts_is_estimated_no_worse(names: list[str]) -> None:
    text = " ".join(CORPORA[name][:500] for name in names)
    assert estimate_tokens(text) >= 0.9 * count_tokens(text)


@given(st.text(min_size=50))
def test_any_text_is_estimated(text: str) -> None:
    assert estimate_tokens(text) >= 0.9 * count_tokens(text) - 3
