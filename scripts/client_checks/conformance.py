"""The official conformance suite.

Its scenarios are written for a test server with fixtures of its own (tools such as ``test_simple_text``, resources
``test://...``). Those that need such a fixture don't apply; each must fail for want of it and for nothing else.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import Check, Client, UnexpectedError, expect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

APPLIES = {
    "server-initialize": "",
    "server-session-lifecycle": "",
    "server-stateless": "all but the checks that need a tool of the suite's test server",
    "ping": "",
    "completion-complete": "",
    "tools-list": "",
    "server-sse-polling": "warns that streams can't be resumed: events are not stored, a call is not repeated",
    "server-sse-multiple-streams": "",
    "resources-list": "",
    "sep-2164-resource-not-found": "",
    "prompts-list": "",
    "dns-rebinding-protection": "",
    "caching": "",
    "http-header-validation": "",
    "input-required-result-unsupported-methods": "",
}
"""Scenarios that this server must pass, and what there is to say."""

_TOOL = "calls a tool of the suite's test server"
_PROMPT = "asks for a prompt of the suite's test server"
_RESOURCE = "reads a resource of the suite's test server"
NEEDS = {
    "tools-call-with-logging": "needs the `logging` capability, which is not offered",
    "tools-call-": _TOOL,
    "json-schema-2020-12": "looks at a tool of the suite's test server",
    "elicitation-": _TOOL,
    "input-required-result-": _TOOL,
    "resources-read-": _RESOURCE,
    "resources-templates-read": _RESOURCE,
    "resources-subscribe": "needs subscriptions, which are not offered",
    "resources-unsubscribe": "needs subscriptions, which are not offered",
    "prompts-get-": _PROMPT,
    "logging-set-level": "needs the `logging` capability, which is not offered",
    "http-custom-header-server-validation": "needs a tool that declares headers of its own (`x-mcp-header`)",
}
"""Why a scenario doesn't apply, by its name or the start of it."""

_FOR_WANT_OF = re.compile(
    r"There is no (tool|prompt) test_|There is no resource test://|Method not found|^Not testable: "
    r"|^Tool '\w+' not found|^Prerequisite failed|^Expected InputRequiredResult|re-requesting via InputRequiredResult"
)


def reason(scenario: str) -> str:
    """Why a scenario doesn't apply; empty where it does, or isn't known."""
    if scenario in APPLIES:
        return ""
    return next((why for start, why in NEEDS.items() if scenario.startswith(start)), "")


def _conforms(version: str, program: Program, servers: Servers) -> str:
    home = servers.home()
    words = ["server", "--url", servers.open.url("http"), "--suite", "all", "--spec-version", version, "-o", "results"]
    done = program.run(home, *words, timeout=300)
    results = _results(home / "work" / "results")
    expect(results, "there should be results", done.stderr or done.stdout)
    return judge(results)


def judge(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What the checks of each scenario come to. Raises UnexpectedError where one fails that should pass.

    Also where one fails for another reason than the fixture that it needs, or is not known here.
    """
    passed, not_applying = 0, 0
    for scenario, checks in results.items():
        faults = [str(check.get("errorMessage", "")) for check in checks if check["status"] == "FAILURE"]
        why = reason(scenario)
        lacking = [fault for fault in faults if not _FOR_WANT_OF.search(fault)]
        expect(not lacking, f"{scenario} should pass", "; ".join(lacking))
        if why:
            not_applying += 1
            continue
        expect(scenario in APPLIES, f"{scenario} is a scenario that nothing is known of: does it apply?")
        expect(not faults or APPLIES[scenario], f"{scenario} should pass whole", "; ".join(faults))
        passed += 1
    return f"passes {passed} scenarios; {not_applying} need a fixture of the suite's own server"


def _results(directory: Path) -> Mapping[str, list[dict[str, Any]]]:
    """The checks of each scenario; a directory is named ``server-<scenario>-<time>``."""
    found = {}
    for place in sorted(directory.glob("server-*")):
        match = re.fullmatch(r"server-(.+?)-\d{4}-\d\d-\d\dT[\d-]+Z", place.name)
        if match is None:
            raise UnexpectedError(f"{place.name} is not a name that the results of this suite had so far")
        found[match[1]] = json.loads((place / "checks.json").read_text(encoding="utf-8"))
    return found


_PACKAGE = "@modelcontextprotocol/conformance"


def _client(release: str, *specifications: str) -> Client:
    return Client(
        "MCP conformance suite",
        lambda cache: cache.npm(_PACKAGE, release, "dist/index.js"),
        [
            Check("http", f"every server scenario of the specification of {each}", partial(_conforms, each))
            for each in specifications
        ],
    )


CLIENTS = (_client("0.1.16", "2025-11-25"), _client("0.2.0-alpha.12", "2025-11-25", "2026-07-28"))
