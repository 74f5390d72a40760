"""The workflows of Gitea: what they do on which push, and that none can start another."""

from __future__ import annotations

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


def test_every_push_is_tested() -> None:
    assert WORKFLOW[True] == {"push": None}  # YAML reads the key `on` as a boolean
    assert "if" not in JOBS["test"]
    assert ".ci/run" in COMMANDS
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_image_waits_for_the_tests_and_is_built_for_main_master_and_version_tags_alone() -> None:
    assert JOBS["image"]["needs"] == "test"
    for part in ("'refs/heads/main'", "'refs/heads/master'", "startsWith(github.ref, 'refs/tags/v')"):
        assert part in JOBS["image"]["if"]


def test_nothing_is_written_to_the_repository() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "git push" not in COMMANDS
    assert "git commit" not in COMMANDS
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_two_runs_never_race() -> None:
    assert all("concurrency" in job and "timeout-minutes" in job for job in JOBS.values())
    assert JOBS["image"]["concurrency"]["cancel-in-progress"] is False


def test_a_tag_that_deployments_follow_moves_only_after_the_pushed_image_has_answered() -> None:
    pushed = position('--tag "$IMAGE:$GITHUB_SHA"')
    checked = position('scripts/check-image --image "$IMAGE:$GITHUB_SHA"')
    assert pushed < checked < position("imagetools create")


def test_the_registry_and_its_token_come_from_gitea() -> None:
    assert "${{ secrets.REGISTRY_TOKEN }}" in text(FILE)
    assert JOBS["image"]["env"]["REGISTRY"] == "${{ vars.REGISTRY }}"
    assert "--password-stdin" in COMMANDS


def test_what_others_may_name_is_never_put_into_a_shell_line() -> None:
    assert "${{" not in COMMANDS
