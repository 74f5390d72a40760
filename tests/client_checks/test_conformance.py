"""How the results of the conformance suite are judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.client_checks.check import UnexpectedError
from scripts.client_checks.conformance import judge

PASSED = {"status": "SUCCESS"}


def failed(message: str) -> dict[str, Any]:
    return {"status": "FAILURE", "errorMessage": message}


def test_what_applies_passes_and_what_needs_a_fixture_is_counted_apart() -> None:
    results = {
        "ping": [PASSED],
        "server-stateless": [PASSED, failed("Not testable: server does not list the diagnostic tool 'test_x'")],
        "tools-call-image": [failed("Failed: There is no tool test_image_content; there are search_api")],
    }
    assert judge(results) == "passes 2 scenarios; 1 need a fixture of the suite's own server"


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("prompts-list", "Prompt 0: missing description"),
        ("tools-call-image", "Failed: fetch failed"),
        ("ping", "Failed: Method not found"),
        ("a-scenario-of-tomorrow", "Failed: There is no tool test_tomorrow"),
    ],
    ids=["applies", "fails for another reason", "applies, and a method is missing", "unknown"],
)
def test_a_failure_that_no_fixture_explains_is_unexpected(scenario: str, message: str) -> None:
    with pytest.raises(UnexpectedError, match=scenario):
        judge({scenario: [PASSED, failed(message)]})


def test_a_scenario_that_nothing_is_known_of_is_unexpected_even_where_it_passes() -> None:
    with pytest.raises(UnexpectedError, match="nothing is known of"):
        judge({"a-scenario-of-tomorrow": [PASSED]})
