"""The floor: what the search reaches on questions of our own, which were written before the intents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc import EndpointIndex, load_index
from searchers import searcher

if TYPE_CHECKING:
    from proxmox_mcp.search import Searcher

_QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()
]
_FLOOR = {1: 0.80, 3: 0.92, 5: 0.95, 10: 0.97}


@pytest.fixture(scope="module")
def index() -> EndpointIndex:
    return load_index("9.1")


def test_there_are_two_hundred_questions_or_more_each_asked_once() -> None:
    assert len(_QUESTIONS) >= 200
    assert len({question["query"] for question in _QUESTIONS}) == len(_QUESTIONS)
    assert len({question["id"] for question in _QUESTIONS}) == len(_QUESTIONS)


def test_every_accepted_endpoint_exists(index: EndpointIndex) -> None:
    accepted = {(method, path) for question in _QUESTIONS for method, path in question["accept"]}
    assert accepted <= {(endpoint.method, endpoint.path) for endpoint in index.endpoints}


def test_the_floor_is_kept() -> None:
    ranks = [_rank(searcher("9.1"), question) for question in _QUESTIONS if question["accept"]]
    reached = {depth: sum(rank <= depth for rank in ranks) / len(ranks) for depth in _FLOOR}
    assert all(reached[depth] >= least for depth, least in _FLOOR.items()), reached


def test_most_questions_without_an_answer_are_doubted_and_few_others() -> None:
    doubted = {True: [0, 0], False: [0, 0]}
    for question in _QUESTIONS:
        count = doubted[bool(question["accept"])]
        count[0] += not searcher("9.1").find(question["query"]).confident
        count[1] += 1
    assert doubted[False][0] / doubted[False][1] >= 0.8
    assert doubted[True][0] / doubted[True][1] <= 0.05


def _rank(search: Searcher, question: dict[str, Any]) -> int:
    accepted = {(method, path) for method, path in question["accept"]}
    hits = search.search(question["query"], 10)
    found = (n for n, hit in enumerate(hits, 1) if (hit.endpoint.method, hit.endpoint.path) in accepted)
    return next(found, sys.maxsize)
