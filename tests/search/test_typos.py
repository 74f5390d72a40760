from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.search.typos import Mender, edits

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


def test_edits_count_swaps_of_neighbours_once() -> None:
    assert edits("storgae", "storage", 2) == 1
    assert edits("restrat", "restart", 2) == 1


def test_edits_stop_counting_past_the_limit() -> None:
    assert edits("abc", "wxyz", 1) == 2


@given(st.text("abcd", max_size=7), st.text("abcd", max_size=7))
def test_edits_agree_with_the_definition(one: str, other: str) -> None:
    assert edits(one, other, 20) == _distance(one, other)
    assert edits(one, other, 2) == min(3, _distance(one, other))


def _distance(one: str, other: str) -> int:
    """The optimal string alignment distance, by its definition."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = one[i - 1] != other[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]
