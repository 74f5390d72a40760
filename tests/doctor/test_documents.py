"""What the documents for operators tell people to paste is what the code takes, and what the doctor prints."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.client_configurations import configurations
from proxmox_mcp.doctor.privilege_profiles import PROFILES
from proxmox_mcp.doctor.stdio_clients import stdio_configurations
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.policy.callers import load_callers
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (
    "install",
    "setup",
    "connect-clients",
    "tokens-and-privileges",
    "safety",
    "several-clusters",
    "upgrade",
    "trouble",
)


def blocks(page: str, language: str) -> Iterator[str]:
    """The code blocks of a page, without the indentation of a list."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for found in re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        yield re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE).rstrip("\n")


def test_the_configurations_of_clients_are_those_that_the_doctor_prints() -> None:
    shown = {*blocks("connect-clients", "json"), *blocks("connect-clients", "sh")}
    known = {
        "PROXMOX_HOST": "pve1.example.org",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "a-secret",
    }
    printed = configurations("https://proxmox-mcp.example.org", token=True) + stdio_configurations(known, "proxmox-mcp")
    assert shown == {each.text for each in printed}


def test_the_lines_for_each_kind_of_token_are_those_that_the_doctor_prints() -> None:
    shown = set(blocks("tokens-and-privileges", "sh"))
    user = Connection(hosts=(HostPort("pve1", 8006),), user="mcp@pve", secret="x")
    for use in PROFILES:
        assert "\n".join(use.lines(user, 9)) in shown


def test_the_policies_have_no_errors_and_every_path_fits_an_endpoint(tmp_path: Path) -> None:
    templates = {each.path for version in bundled_versions() for each in load_index(version).endpoints}
    policies = [text for page in ("safety", "several-clusters") for text in blocks(page, "toml") if "[[rule]]" in text]
    assert len(policies) == 2
    for text in policies:
        (tmp_path / "policy.toml").write_text(text)
        assert load_rules(tmp_path / "policy.toml", templates)


def test_the_callers_files_have_no_errors(tmp_path: Path) -> None:
    files = [text for page in ("safety", "several-clusters") for text in blocks(page, "toml") if "[[caller]]" in text]
    assert len(files) == 2
    for text in files:
        (tmp_path / "callers.toml").write_text(text)
        load_callers(tmp_path / "callers.toml", ("home", "office"))


def test_the_clusters_are_read_as_they_stand(tmp_path: Path) -> None:
    text = next(blocks("several-clusters", "toml"))
    for name in tomllib.loads(text):
        (tmp_path / name).write_text("11111111-2222-3333-4444-555555555555")
    (tmp_path / "clusters.toml").write_text(text.replace("/run/secrets", str(tmp_path)))
    given = {"MCP_CLUSTERS_FILE": str(tmp_path / "clusters.toml"), "PROXMOX_USER": "mcp@pve"}
    settings = load_settings(given)
    assert list(settings.clusters) == ["home", "office"]
    assert settings.clusters["home"].proxmox_user == "mcp@pve"


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_that_a_link_names_is_there(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for file, anchor in re.findall(r"\]\(([\w./-]+\.md)#([\w-]+)\)", text):
        headings = re.findall(r"^#+ (.+)$", (DOCS / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings], anchor


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short_enough_to_read_in_a_terminal(page: str) -> None:
    prose = re.sub(r"^( *)```.*?^\1```$", "", (DOCS / f"{page}.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > 121 and not line.startswith("|")] == []
