from __future__ import annotations

from proxmox_mcp.search.typos import Corrector

_CORRECTOR = Corrector({"snapshot": 9, "migrate": 9, "container": 9, "disk": 9, "space": 3, "network": 9, "netzwerk": 2,
                  "schnittstelle": 2, "backup": 9, "backups": 5, "restart": 4, "storage": 9})  # fmt: skip


def test_known_words_are_left_alone() -> None:
    assert _CORRECTOR.correct("snapshot") == ("snapshot",)


def test_one_or_two_mistakes_are_mended() -> None:
    assert _CORRECTOR.correct("snapshto") == ("snapshot",)
    assert _CORRECTOR.correct("migarte") == ("migrate",)
    assert _CORRECTOR.correct("contianers") == ("container",)


def test_a_compound_of_known_words_is_cut() -> None:
    assert _CORRECTOR.correct("diskspace") == ("disk", "space")
    assert _CORRECTOR.correct("netzwerkschnittstelle") == ("netzwerk", "schnittstelle")


def test_names_are_not_mended() -> None:
    for name in ("eno1", "vmbr0", "pveam", "nas", "grafana", "jenkins", "k8s"):
        assert _CORRECTOR.correct(name) == (name,)


def test_the_commoner_of_two_words_as_near_is_meant() -> None:
    assert _CORRECTOR.correct("backupp") == ("backup",)
