"""What a node answered, read: a success, a refusal with its faults, or no answer of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxmox_mcp.errors import AnswerError
from proxmox_mcp.net.client import HttpResponse
from proxmox_mcp.proxmox.answers import DEEPEST, Answer, Refusal, mend, read


def reply(content: Any = None, status: int = 200, reason: str = "OK", body: bytes | None = None) -> HttpResponse:
    return HttpResponse(
        status=status, reason=reason, headers={}, body=json.dumps(content).encode() if body is None else body
    )


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"data": [1]}, Answer([1])),
        ({"data": None}, Answer(None)),
        ({"data": [1], "total": 7}, Answer([1], 7)),
        ({"data": [1], "total": "7"}, Answer([1])),
        ({"data": [], "changes": "--- a"}, Answer([], pending=True)),
    ],
)
def test_a_success_has_the_data_and_what_is_beside_it(content: Any, answer: Answer) -> None:
    assert read(reply(content)) == answer


@pytest.mark.parametrize(
    ("errors", "read_as"),
    [
        ({"memory": "too\nlarge"}, {"memory": "too large"}),
        ({"memory": {"min": 1}}, {"memory": "{'min': 1}"}),
        ({"x" * 300: "y" * 2000}, {"x" * 200: "y" * 1000}),
        (["no object"], {}),
        (None, {}),
    ],
)
def test_the_faults_of_a_refusal_are_by_parameter_each_on_one_line(errors: Any, read_as: dict[str, str]) -> None:
    refusal = read(reply({"data": None, "message": "Parameter verification failed.", "errors": errors}, 400, "x"))
    assert refusal == Refusal(400, "Parameter verification failed.", read_as)


def test_of_very_many_faults_the_first_are_kept() -> None:
    refusal = read(reply({"errors": {f"p{number}": "no" for number in range(500)}}, 400))
    assert isinstance(refusal, Refusal)
    assert list(refusal.errors) == [f"p{number}" for number in range(50)]


@pytest.mark.parametrize(("status", "message"), [(403, "Forbidden"), (499, "status 499")])
def test_a_refusal_without_words_has_those_of_its_status(status: int, message: str) -> None:
    assert read(reply(status=status, reason="", body=b"")) == Refusal(status, message)


def test_a_proxy_of_the_node_may_say_why_in_any_form() -> None:
    refusal = read(reply(status=595, reason="No route to host", body=b"<html>"))
    assert refusal == Refusal(595, "No route to host")


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (reply({"x": 1}), "answered 200, but with other JSON"),
        (reply(body=b" <!DOCTYPE html>"), "a web page"),
        (reply(body=b""), "with nothing instead"),
        (reply(body=b'{"data": NaN}'), "something that is not JSON"),
        (reply(status=502, body=b"<html>"), "A web page came with status 502"),
    ],
)
def test_what_is_no_answer_of_the_api_says_what_it_is_and_whether_the_call_may_have_taken_effect(
    given: HttpResponse, said: str, writes: bool
) -> None:
    with pytest.raises(AnswerError) as raised:
        read(given, writes=writes)
    assert said in raised.value.message
    assert ("may have taken effect" in raised.value.advice) is writes


@pytest.mark.parametrize(("levels", "is_read"), [(DEEPEST - 2, True), (DEEPEST + 1, False), (100_000, False)])
def test_an_answer_that_is_nested_too_deep_is_not_read(levels: int, is_read: bool) -> None:
    given = reply(body=b'{"data":' + b"[" * levels + b"]" * levels + b"}")
    if is_read:
        assert isinstance(read(given), Answer)
    else:
        with pytest.raises(AnswerError):
            read(given)


def test_half_characters_are_replaced_wherever_they_are() -> None:
    assert read(reply(body=b'{"data":[{"a\\ud800":"\\uDFFF","b":"\\ud83d\\ude00"}]}')) == Answer(
        [{"a?": "?", "b": "😀"}]
    )
    assert mend(("x", 1, None)) == ("x", 1, None)
