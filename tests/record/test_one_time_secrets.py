from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.errors import GuardError
from proxmox_mcp.record.one_time_secrets import OneTimeSecrets
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALL = "POST /access/users/anna@pve/token/t1"


def test_a_new_token_reaches_the_operator_once_and_the_model_never(open_store: Callable[[], Store]) -> None:
    kept = OneTimeSecrets(open_store())
    result = {"full-tokenid": "anna@pve!t1", "value": "ef30d6e0-7527", "info": {"privsep": "1"}}
    shown = Redactor().data(result, "/access/users/{userid}/token/{tokenid}", kept.keeper("ops", CALL))
    assert shown == {**result, "value": "[kept for the operator: proxmox-mcp secret 1]"}
    secret = OneTimeSecrets(open_store()).take(1)
    assert (secret.value, secret.name, secret.caller, secret.call) == ("ef30d6e0-7527", "value", "ops", CALL)
    with pytest.raises(GuardError, match="no secret 1"):
        kept.take(1)


def test_several_secrets_of_one_result_are_kept_as_they_are(store: Store) -> None:
    kept = OneTimeSecrets(store)
    result = {"ticket": "PVE:x", "CSRFPreventionToken": "y", "recovery": ["a1", "b2"]}
    Redactor().data(result, "/access/tfa/{userid}", kept.keeper("ops", CALL))
    assert [kept.take(number).value for number in (1, 2, 3)] == ["PVE:x", "y", '["a1", "b2"]']


def test_a_secret_is_forgotten_after_seven_days(store: Store) -> None:
    now = 0.0
    kept = OneTimeSecrets(store, clock=lambda: now)
    first = kept.keep("ops", CALL, "value", "x")
    now = 8 * 86400
    with pytest.raises(GuardError):
        kept.take(first)


def test_a_shown_secret_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    kept = OneTimeSecrets(Store.in_directory(tmp_path))
    number = kept.keep("ops", CALL, "value", "s3cr3t-s3cr3t")
    assert b"s3cr3t-s3cr3t" in _everything_in(tmp_path)
    kept.take(number)
    assert b"s3cr3t-s3cr3t" not in _everything_in(tmp_path)


def _everything_in(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


def test_a_number_is_never_given_twice(store: Store) -> None:
    kept = OneTimeSecrets(store)
    first = kept.keep("ops", CALL, "value", "x")
    kept.take(first)
    assert kept.keep("ops", CALL, "value", "y") > first
