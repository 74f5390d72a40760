"""The Dockerfile, read; ``scripts/check-image`` holds the image that it makes to its promises."""

from __future__ import annotations

import re
import subprocess
import tomllib

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from scripts.image import promises

from deploy.files import ROOT, judged_by, project, text
from proxmox_mcp.cli.demo import demo
from proxmox_mcp.server.tools import TOOLS
from proxmox_mcp.settings import SECRETS

DOCKERFILE = text("Dockerfile")
FROM = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
STAGES = dict(zip((name for _, name in FROM), re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:], strict=True))


def test_a_linter_finds_nothing() -> None:
    assert judged_by("hadolint", "--failure-threshold", "style", "Dockerfile") == ""


def test_every_stage_stands_on_the_base_image_that_is_an_argument() -> None:
    assert {base for base, _ in FROM} - set(STAGES) == {"${BASE_IMAGE}"}
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == len(FROM)
    assert re.search(r"^ARG BASE_IMAGE=\S+:\S+$", DOCKERFILE, re.MULTILINE)


def test_what_is_installed_is_what_the_lock_says() -> None:
    syncs = re.findall(r"uv sync (.*)", DOCKERFILE)
    assert syncs
    assert all("--locked" in options for options in syncs)


def test_nothing_for_development_is_installed_and_for_the_demo_only_in_its_own_image() -> None:
    assert set(re.findall(r"--extra (\S+)", STAGES["build"])) == {"replicas", "postgres", "guests", "notify"}
    assert set(re.findall(r"--extra (\S+)", STAGES["build-demo"])) == {
        "replicas",
        "postgres",
        "guests",
        "notify",
        "demo",
    }
    assert "--all-extras" not in DOCKERFILE


def test_without_a_target_the_server_is_built_and_it_and_the_demo_start_what_they_are_named_for() -> None:
    assert list(STAGES)[-1] == "server"
    assert 'ENTRYPOINT ["proxmox-mcp"]' in STAGES["runtime"]
    assert 'CMD ["serve"]' in STAGES["server"]
    assert 'CMD ["demo"]' in STAGES["demo"]


def test_the_demo_in_a_container_serves_on_all_its_addresses() -> None:
    (host,) = (option for option in demo.params if option.name == "host")
    assert f"ENV {host.envvar}=0.0.0.0\n" in STAGES["demo"]
    assert host.default == "127.0.0.1"


def test_dependencies_come_as_wheels_so_that_no_compiler_is_needed() -> None:
    assert re.search(r"uv sync .*--no-build .*--no-install-project", STAGES["build"])
    assert "apt-get" not in DOCKERFILE


def test_what_runs_takes_nothing_but_its_environment() -> None:
    copied = {name: re.findall(r"^(?:COPY|ADD) (.*)$", stage, re.MULTILINE) for name, stage in STAGES.items()}
    assert copied["runtime"] == []
    assert copied["server"] == ["--from=build /app /app"]
    assert copied["demo"] == ["--from=build-demo /app /app"]


def test_no_secret_is_an_argument_or_a_default() -> None:
    assert not re.search(r"(PASSWORD|TOKEN|SECRET|KEY)\w*=", DOCKERFILE)


def test_the_build_sees_what_the_wheel_is_made_of_and_nothing_else() -> None:
    kept = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "src", *wheel["force-include"]}
    assert kept == needed
    assert "*" in text(".dockerignore").splitlines()


def test_the_lock_belongs_to_the_project_file() -> None:
    declared = project()["project"]
    asked = [
        *declared["dependencies"],
        *(each for extra in declared["optional-dependencies"].values() for each in extra),
    ]
    locked = next(each for each in tomllib.loads(text("uv.lock"))["package"] if each["name"] == declared["name"])
    wanted = {(canonicalize_name(each.name), each.specifier) for each in map(Requirement, asked)}
    held = {(each["name"], SpecifierSet(each["specifier"])) for each in locked["metadata"]["requires-dist"]}
    assert held == wanted, "run `uv lock`"
    assert locked["version"] == declared["version"], "run `uv lock`"


def test_the_shell_scripts_are_executable_and_parse() -> None:
    for name in ("scripts/check-image", "scripts/build-mcpb"):
        assert (ROOT / name).stat().st_mode & 0o111
        assert subprocess.run(["sh", "-n", str(ROOT / name)], check=False).returncode == 0


def test_what_is_promised_of_the_image_is_what_the_project_is() -> None:
    """The check runs on a bare Python, so it can't ask the project itself."""
    assert {tool.name for tool in TOOLS} == promises.TOOLS
    assert project()["project"]["name"] == promises.DISTRIBUTION
    assert promises.SECRETS == SECRETS
