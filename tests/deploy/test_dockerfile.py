"""The Dockerfile, read; ``scripts/check-image`` holds the image that it makes to its promises."""

from __future__ import annotations

import re
import subprocess
import tomllib

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from deploy.files import ROOT, judged_by, project, text

DOCKERFILE = text("Dockerfile")
FIRST, LAST = (stage for stage in re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:])


def test_a_linter_finds_nothing() -> None:
    assert judged_by("hadolint", "--failure-threshold", "style", "Dockerfile") == ""


def test_every_stage_stands_on_the_base_image_that_is_an_argument() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]
    assert re.search(r"^ARG BASE_IMAGE=\S+:\S+$", DOCKERFILE, re.MULTILINE)


def test_what_is_installed_is_what_the_lock_says() -> None:
    syncs = re.findall(r"uv sync (.*)", FIRST)
    assert syncs
    assert all("--locked" in options for options in syncs)


def test_nothing_for_development_or_the_demo_is_installed() -> None:
    assert set(re.findall(r"--extra (\S+)", FIRST)) == {"replicas"}
    assert "--all-extras" not in FIRST


def test_dependencies_come_as_wheels_so_that_no_compiler_is_needed() -> None:
    assert re.search(r"uv sync .*--no-build .*--no-install-project", FIRST)
    assert "apt-get" not in DOCKERFILE


def test_the_last_stage_takes_nothing_but_the_environment() -> None:
    assert re.findall(r"^(?:COPY|ADD) (.*)$", LAST, re.MULTILINE) == ["--from=build /app /app"]


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
