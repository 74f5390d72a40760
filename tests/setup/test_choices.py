"""The settings that follow from answers: what is there is kept, and secrets are not shown."""

from __future__ import annotations

import hashlib
import tomllib

from proxmox_mcp.setup import Use, difference, new_caller, served


def test_a_server_for_this_machine_listens_on_loopback_and_keeps_another_choice() -> None:
    assert served(Use.LOCAL, (), {}, callers=False) == {"MCP_HOST": "127.0.0.1"}
    assert served(Use.LOCAL, (), {"MCP_HOST": "::1"}, callers=False) == {"MCP_HOST": "::1"}
    assert served(Use.LOCAL, (), {"MCP_HOST": "0.0.0.0"}, callers=False) == {"MCP_HOST": "127.0.0.1"}


def test_a_server_for_others_gets_a_token_once() -> None:
    first = served(Use.NETWORK, ("a.lan", "b.lan"), {}, callers=False)
    assert first["MCP_ALLOWED_HOSTS"] == "a.lan,b.lan"
    assert len(first["MCP_AUTH_TOKEN"]) >= 40
    assert served(Use.NETWORK, (), first, callers=False) == {"MCP_HOST": "0.0.0.0"}
    by_file = {"MCP_AUTH_TOKEN_FILE": "/run/secrets/token"}
    assert "MCP_AUTH_TOKEN" not in served(Use.NETWORK, (), by_file, callers=False)


def test_callers_take_the_place_of_the_one_token() -> None:
    assert served(Use.NETWORK, (), {"MCP_AUTH_TOKEN": "old"}, callers=True)["MCP_AUTH_TOKEN"] == ""


def test_a_container_listens_where_compose_says() -> None:
    found = served(Use.COMPOSE, ("a.lan", "b.lan"), {}, callers=False)
    assert "MCP_HOST" not in found
    assert (found["PUBLIC_NAME"], found["MCP_ALLOWED_HOSTS"]) == ("a.lan", "a.lan,b.lan")


def test_the_callers_file_holds_the_digest_of_the_token_alone() -> None:
    made = new_caller("anna", "guarded")
    (entry,) = tomllib.loads(made.entry)["caller"]
    assert entry == {
        "name": "anna",
        "token_sha256": hashlib.sha256(made.token.encode()).hexdigest(),
        "mode": "guarded",
    }


def test_the_difference_shows_what_changes_and_no_secret() -> None:
    before = {"PROXMOX_HOST": "a", "PROXMOX_PASSWORD": "old-secret", "MCP_AUTH_TOKEN": "old-token", "MCP_HOST": "x"}
    after = {"PROXMOX_HOST": "b", "PROXMOX_PASSWORD": "new-secret", "MCP_AUTH_TOKEN": "", "MCP_HOST": "x"}
    assert difference(before, after) == [
        "- PROXMOX_HOST=a",
        "+ PROXMOX_HOST=b",
        "- PROXMOX_PASSWORD=[hidden]",
        "+ PROXMOX_PASSWORD=[hidden]",
        "- MCP_AUTH_TOKEN=[hidden]",
    ]
