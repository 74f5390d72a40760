"""A model at an address solves a scenario, over both APIs; a stand-in answers for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from evaluation.by_model import MOST_TURNS, Solver
from evaluation.command import main
from evaluation.models import APIS, Model, ModelError
from evaluation.run import run
from evaluation.scenarios import read_scenarios
from evaluation.stand_in import anthropic, openai, standing_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAID: dict[str, Callable[..., dict[str, Any]]] = {"openai": openai, "anthropic": anthropic}
SHUTDOWN = {"path": "/nodes/*/qemu/stage-web/status/shutdown", "method": "POST"}
SCENARIOS = {scenario.name: scenario for scenario in read_scenarios()}


def _told(body: dict[str, Any]) -> list[str]:
    """What tools answered so far, in either API's messages."""
    told: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            told.append(message["content"])
        elif message["role"] == "user" and isinstance(message["content"], list):
            told += [block["content"] for block in message["content"]]
    return told


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("api", APIS)
async def test_a_model_confirms_with_the_token_it_was_given_and_passes(api: str, tmp_path: Path) -> None:
    said = SAID[api]

    def answers(body: dict[str, Any]) -> dict[str, Any]:
        told = _told(body)
        if not told:
            return said("I shut it down.", ("proxmox_api_call", json.dumps(SHUTDOWN)))
        if len(told) == 1:
            token = told[0].partition("\nconfirm: ")[2].split()[0]
            return said("", ("proxmox_api_call", json.dumps({**SHUTDOWN, "confirm": token})))
        return said("stage-web is down.")

    with standing_in(answers) as server:
        solver = Solver(api, Model("a-model", server.url, "a-key"))
        ended = await run(SCENARIOS["a clean shutdown"], solver, tmp_path)
    assert ended.faults == ()
    assert (ended.calls, ended.confirmed, ended.used) == (2, 1, 330)
    path, headers, body = server.asked[0]
    assert body["model"] == "a-model"
    assert SCENARIOS["a clean shutdown"].asks in json.dumps(body["messages"])
    if api == "openai":
        assert (path, headers["authorization"]) == ("/chat/completions", "Bearer a-key")
        assert "proxmox_api_call" in [tool["function"]["name"] for tool in body["tools"]]
    else:
        assert (path, headers["x-api-key"]) == ("/v1/messages", "a-key")
        assert all(tool["input_schema"]["type"] == "object" for tool in body["tools"])


@pytest.mark.anyio
@pytest.mark.parametrize("api", ["openai", pytest.param("anthropic", marks=pytest.mark.slow)])
async def test_a_model_that_never_ends_is_stopped_and_reads_what_was_wrong(api: str, tmp_path: Path) -> None:
    with standing_in(lambda _: SAID[api]("", ("no_such_tool", "[]" if api == "openai" else "{}"))) as server:
        solver = Solver(api, Model("a-model", server.url))
        ended = await run(SCENARIOS["address of a VM"], solver, tmp_path)
    assert len(server.asked) == MOST_TURNS
    assert not ended.passed
    told = _told(server.asked[-1][2])
    assert ("no JSON object" if api == "openai" else "no_such_tool") in told[0]
    assert not {"authorization", "x-api-key"} & server.asked[0][1].keys()


@pytest.mark.parametrize("api", APIS)
def test_an_answer_of_another_kind_or_an_error_is_told_with_its_text(api: str) -> None:
    with standing_in(lambda _: {"error": "no such model"}, status=404) as server:
        conversation = APIS[api](Model("x", server.url), "", "?", [])
        with pytest.raises(ModelError, match=r"404.*no such model"):
            conversation.turn()
    with standing_in(lambda _: {"odd": 1}) as server:
        conversation = APIS[api](Model("x", server.url), "", "?", [])
        with pytest.raises(ModelError, match=r"no answer of this API.*odd"):
            conversation.turn()


@pytest.mark.slow
def test_the_command_runs_a_scenario_several_times_and_writes_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    replies = iter(["Which one: old-crm or old-wiki?", "Done.", "old-wiki or old-crm?"])
    report = tmp_path / "report.json"
    with standing_in(lambda _: openai(next(replies))) as server:
        options = ["--only", "the old VM", "--times", "3", "--json", str(report)]
        assert main(["--model", "m", "--url", f"{server.url}/v1", *options]) == 1
    assert server.asked[0][0] == "/v1/chat/completions"
    assert server.asked[0][1]["authorization"] == "Bearer key-of-the-environment"
    written = json.loads(report.read_text(encoding="utf-8"))
    assert written["pass^k"] == {"1": pytest.approx(2 / 3), "2": pytest.approx(1 / 3), "3": 0}
    printed = capsys.readouterr().out
    assert "| the old VM, of two | 2/3 | 0.0 | 0.0 | 0.0 | 110.0 |" in printed
    assert "run 2: the reply does not say 'old-crm'" in printed
    assert "key-of-the-environment" not in printed + report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "m"], "belong together"),
        (["--times", "0"], "at least 1"),
        (["--only", "no such"], "the old VM, of two"),
    ],
)
def test_the_command_refuses_what_it_can_not_run(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
