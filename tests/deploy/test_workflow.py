"""The workflows of Gitea: what they do on which push, and that none can start another."""

from __future__ import annotations

import re
from typing import Any

from deploy.files import ROOT, judged_by, text, yaml_of

FILE = ".gitea/workflows/build.yaml"
WORKFLOW: dict[Any, Any] = yaml_of(FILE)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
COMMANDS = "\n".join(step.get("run", "") for job in JOBS.values() for step in job["steps"])


def position(words: str) -> int:
    assert words in COMMANDS
    return COMMANDS.index(words)


def test_the_published_schema_takes_it() -> None:
    assert judged_by("check-jsonschema", "--builtin-schema", "vendor.github-workflows", FILE) == ""


HONOURED = {"name", "on", "env", "defaults", "jobs"}
"""Keys that Gitea's runner obeys; `permissions`, `concurrency` and `run-name` it passes over."""
HONOURED_OF_A_JOB = {"name", "needs", "if", "runs-on", "env", "strategy", "container", "services", "steps", "outputs"}
HONOURED_OF_A_STEP = {"name", "id", "if", "uses", "with", "run", "shell", "env", "working-directory"}


def test_nothing_is_asked_for_that_giteas_runner_passes_over() -> None:
    assert {"on" if key is True else key for key in WORKFLOW} <= HONOURED  # YAML reads the key `on` as a boolean
    for job in JOBS.values():
        assert set(job) <= HONOURED_OF_A_JOB
        assert all(set(step) <= HONOURED_OF_A_STEP for step in job["steps"])


def test_every_push_and_every_pull_request_of_others_is_tested_on_the_oldest_and_the_newest_python() -> None:
    assert WORKFLOW[True] == {"push": None, "pull_request": None}
    others = "github.event.pull_request.head.repo.full_name != github.repository"
    assert JOBS["test"]["if"] == f"github.event_name == 'push' || {others}"
    assert JOBS["test"]["strategy"]["matrix"] == {"python": ["3.11", "3.14"]}
    assert ".ci/run" in COMMANDS
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_image_waits_for_the_tests_and_is_built_for_main_master_and_version_tags_alone() -> None:
    assert JOBS["image"]["needs"] == "test"
    for part in (
        "github.event_name == 'push'",
        "'refs/heads/main'",
        "'refs/heads/master'",
        "startsWith(github.ref, 'refs/tags/v')",
    ):
        assert part in JOBS["image"]["if"]


def test_nothing_is_written_to_the_repository() -> None:
    assert "git push" not in COMMANDS
    assert "git commit" not in COMMANDS
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_run_that_was_overtaken_leaves_the_tags_alone() -> None:
    assert position('[ "$newest" != "$GITHUB_SHA" ]') < position("imagetools create")


def test_what_may_hang_is_bounded_by_the_shell() -> None:
    for command in (".ci/run", "docker buildx build", "scripts/check-image"):
        assert len(re.findall(re.escape(command), COMMANDS)) == len(re.findall(rf"timeout \d+m {command}", COMMANDS))


def test_the_image_is_built_for_both_processors_and_a_cache_that_fails_fails_nothing() -> None:
    assert "--platform linux/amd64,linux/arm64" in COMMANDS
    assert "for target in server demo" in COMMANDS
    assert re.findall(r"--cache-to (\S+)", COMMANDS) == ['"type=registry,ref=$IMAGE:cache,mode=max,ignore-error=true"']


def test_a_tag_that_deployments_follow_moves_only_after_the_pushed_image_has_answered() -> None:
    pushed = position('--tag "$IMAGE:$GITHUB_SHA$suffix"')
    for checked in ('--image "$IMAGE:$GITHUB_SHA"', '--demo --image "$IMAGE:$GITHUB_SHA-demo"'):
        assert pushed < position(f"scripts/check-image {checked}") < position("imagetools create")


def test_the_registry_and_its_token_come_from_gitea() -> None:
    assert "${{ secrets.REGISTRY_TOKEN }}" in text(FILE)
    assert JOBS["image"]["env"]["REGISTRY"] == "${{ vars.REGISTRY }}"
    assert "--password-stdin" in COMMANDS


def test_what_others_may_name_is_never_put_into_a_shell_line() -> None:
    assert "${{" not in COMMANDS
