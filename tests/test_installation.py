"""The line that adds an extra fits how the program was installed, and names no package of ours in an index."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import Distribution, PathDistribution
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from install_commands import PROJECT, ROOT, faults
from proxmox_mcp.installation import DISTRIBUTION, install_command, installation_of

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "/usr/bin/python3"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "my checkout"
    directory.mkdir()
    (directory / "pyproject.toml").write_text("")
    return directory


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    (tmp_path / "environment").mkdir()
    return tmp_path / "environment"


def installed(prefix: Path, url: str, *, installer: str = "pip", **details: object) -> Distribution:
    """What an installer leaves of this project in an environment."""
    directory = prefix / "proxmox_mcp_gateway-0.1.0.dist-info"
    directory.mkdir()
    needs = "".join(
        f"Requires-Dist: {requirement}; extra == '{extra}'\n"
        for extra, requirements in PROJECT["optional-dependencies"].items()
        for requirement in requirements
        if extra in ("demo", "replicas")
    )
    (directory / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {DISTRIBUTION}\nVersion: 0.1.0\n{needs}")
    (directory / "INSTALLER").write_text(f"{installer}\n")
    if url:
        (directory / "direct_url.json").write_text(json.dumps({"url": url, **details}))
    return PathDistribution(directory)


def by_uv(prefix: Path) -> None:
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.13.9\n")


def line(found: Distribution | None, prefix: Path, extra: str = "demo") -> str:
    told = installation_of(found, prefix, PYTHON).command_for(extra)
    assert faults(told) == []
    return told


def test_a_checkout_installed_by_pip_is_installed_again_with_the_extra(checkout: Path, prefix: Path) -> None:
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\n")
    found = installed(prefix, checkout.as_uri(), dir_info={})
    assert line(found, prefix) == f"{PYTHON} -m pip install '{checkout}[demo]'"


def test_an_editable_checkout_stays_editable(checkout: Path, prefix: Path) -> None:
    found = installed(prefix, checkout.as_uri(), dir_info={"editable": True})
    assert line(found, prefix) == f"{PYTHON} -m pip install --editable '{checkout}[demo]'"


def test_what_pipx_installed_is_installed_again_by_pipx(checkout: Path, prefix: Path) -> None:
    (prefix / "pipx_metadata.json").write_text("{}")
    found = installed(prefix, checkout.as_uri(), dir_info={})
    assert line(found, prefix, "replicas") == f"pipx install --force '{checkout}[replicas]'"


def test_what_uv_installed_as_a_tool_is_installed_again_as_one(checkout: Path, prefix: Path) -> None:
    by_uv(prefix)
    (prefix / "uv-receipt.toml").write_text("")
    found = installed(prefix, checkout.as_uri(), installer="uv", dir_info={})
    assert line(found, prefix) == f"uv tool install --force '{checkout}[demo]'"


def test_the_environment_of_a_project_of_uv_s_is_synchronized_with_the_extra(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    by_uv(checkout / ".venv")
    found = installed(checkout / ".venv", checkout.as_uri(), installer="uv", dir_info={"editable": True})
    assert line(found, checkout / ".venv") == f"uv sync --project '{checkout}' --inexact --extra demo"


def test_an_environment_of_uv_s_has_no_pip(checkout: Path, prefix: Path) -> None:
    by_uv(prefix)
    found = installed(prefix, checkout.as_uri(), installer="uv", dir_info={})
    assert line(found, prefix) == f"uv pip install --python {PYTHON} '{checkout}[demo]'"


def test_a_wheel_is_installed_again_from_its_file(tmp_path: Path, prefix: Path) -> None:
    wheel = tmp_path / "proxmox_mcp_gateway-0.1.0-py3-none-any.whl"
    wheel.touch()
    found = installed(prefix, wheel.as_uri(), archive_info={})
    assert line(found, prefix) == f"{PYTHON} -m pip install '{wheel}[demo]'"


def test_a_repository_is_named_with_the_commit_that_was_installed(prefix: Path) -> None:
    url, commit = "https://git.example.org/owner/proxmox-mcp.git", "0123456789abcdef0123456789abcdef01234567"
    found = installed(prefix, url, vcs_info={"vcs": "git", "commit_id": commit})
    assert shlex.split(line(found, prefix))[-1] == f"{DISTRIBUTION}[demo] @ git+{url}@{commit}"


@pytest.mark.parametrize("url", ["", "file:///a/directory/that/is/gone"])
def test_without_its_source_only_the_packages_of_others_are_named(url: str, prefix: Path) -> None:
    found = installed(prefix, url)
    assert line(found, prefix) == f"{PYTHON} -m pip install 'fakepve[crypto]>=0.5,<0.6'"
    assert line(found, prefix, "replicas") == f"{PYTHON} -m pip install 'redis>=5.2'"
    (prefix / "pipx_metadata.json").write_text("{}")
    assert line(found, prefix, "replicas") == f"pipx inject {DISTRIBUTION} 'redis>=5.2'"


def test_a_damaged_record_of_the_installation_is_ignored(prefix: Path) -> None:
    found = installed(prefix, "x")
    (prefix / "proxmox_mcp_gateway-0.1.0.dist-info" / "direct_url.json").write_text('{"url": ')
    assert line(found, prefix).startswith(f"{PYTHON} -m pip install 'fakepve")


def test_source_that_was_never_installed_is_named_where_it_is(prefix: Path) -> None:
    assert line(None, prefix) == f"{PYTHON} -m pip install --editable '{ROOT}[demo]'"


def test_a_shell_of_windows_gets_its_own_quotes(checkout: Path, prefix: Path) -> None:
    found = installation_of(installed(prefix, checkout.as_uri(), dir_info={}), prefix, PYTHON)
    found = replace(found, windows=True)
    assert found.command_for("demo") == f'{PYTHON} -m pip install "{checkout}[demo]"'


def test_the_running_installation_has_a_line_too() -> None:
    assert faults(install_command("demo")) == []
    assert "demo" in install_command("demo") or "fakepve" in install_command("demo")
