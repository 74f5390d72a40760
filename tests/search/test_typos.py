from __future__ import annotations

from proxmox_mcp.search.typos import Mender

_MENDER = Mender({"snapshot": 9, "migrate": 9, "container": 9, "disk": 9, "space": 3, "network": 9, "netzwerk": 2,
                  "schnittstelle": 2, "backup": 9, "backups": 5, "restart": 4, "storage": 9})  # fmt: skip


def test_known_words_are_left_alone() -> None:
    assert _MENDER.mend("snapshot") == ("snapshot",)


def test_one_or_two_mistakes_are_mended() -> None:
    assert _MENDER.mend("snapshto") == ("snapshot",)
    assert _MENDER.mend("migarte") == ("migrate",)
    assert _MENDER.mend("contianers") == ("container",)


def test_a_compound_of_known_words_is_cut() -> None:
    assert _MENDER.mend("diskspace") == ("disk", "space")
    assert _MENDER.mend("netzwerkschnittstelle") == ("netzwerk", "schnittstelle")


def test_names_are_not_mended() -> None:
    for name in ("eno1", "vmbr0", "pveam", "nas", "grafana", "jenkins", "k8s"):
        assert _MENDER.mend(name) == (name,)


def test_the_commoner_of_two_words_as_near_is_meant() -> None:
    assert _MENDER.mend("backupp") == ("backup",)
