"""What a retention would keep of the demo cluster's backups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo_api import Api

PRUNABLE = "/nodes/pve1/storage/nas/prunebackups"


def marks(root: Api, **given: Any) -> dict[str, list[str]]:
    """The marks of each guest's backups, the oldest first."""
    found: dict[str, list[str]] = {}
    for each in sorted(root.get(PRUNABLE, **given), key=lambda backup: int(backup["ctime"])):
        found.setdefault(str(each["vmid"]), []).append(each["mark"])
    return found


def test_the_newest_backups_of_each_guest_are_kept_and_nothing_is_removed(root: Api) -> None:
    before = marks(root, **{"prune-backups": "keep-all=1"})
    assert {mark for each in before.values() for mark in each} <= {"keep", "protected"}
    assert max(map(len, before.values())) > 1
    kept = marks(root, **{"prune-backups": "keep-last=1"})
    for guest, found in kept.items():
        unprotected = [mark for mark in found if mark != "protected"]
        assert unprotected == ["remove"] * (len(unprotected) - 1) + ["keep"] * bool(unprotected), guest
    assert marks(root, **{"prune-backups": "keep-all=1"}) == before


def test_the_backups_of_one_guest_are_told_alone(root: Api) -> None:
    guest = next(iter(marks(root)))
    assert list(marks(root, vmid=guest)) == [guest]


def test_the_defaults_of_a_backup_name_the_retention_of_its_storage(root: Api) -> None:
    assert root.get("/nodes/pve1/vzdump/defaults")["prune-backups"] == "keep-all=1"
    root.done("PUT", "/storage/nas", **{"prune-backups": "keep-last=7"})
    defaults = root.get("/nodes/pve1/vzdump/defaults", storage="nas")
    assert (defaults["storage"], defaults["prune-backups"]) == ("nas", "keep-last=7")
    root.done("PUT", "/storage/nas", delete="prune-backups")
