"""The error tree: codes that never change, a docstring that shows the tree as it is, and errors that never change."""

from __future__ import annotations

import contextlib
import copy
import inspect
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from proxmox_mcp import errors
from proxmox_mcp.errors import ProxmoxError, ProxmoxMcpError, SettingsError, SettingsFaults
from proxmox_mcp.server.client import QuestionPending

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ProxmoxMcpError)]
TEXTS = ("message", "advice", "errors")


def made(kind: type[ProxmoxMcpError], text: str = "hunter2") -> ProxmoxMcpError:
    """An error of a kind with every field set, each of its texts around ``text``."""
    fields: dict[str, Any] = {"message": f"message {text}", "advice": f"advice {text}"}
    if issubclass(kind, ProxmoxError):
        fields |= {"status": 400, "errors": {f"name {text}": f"error {text}"}, "sent": True}
    if kind is QuestionPending:
        fields["token"] = "t-1"
    return kind(**fields)


EVERY_ERROR = pytest.mark.parametrize(
    "error", [made(kind) for kind in (*KINDS, QuestionPending)], ids=lambda e: type(e).__name__
)


def seen(error: ProxmoxMcpError) -> tuple[Any, ...]:
    """Everything about an error that somebody may read."""
    fields = [getattr(error, name, None) for name in (*TEXTS, "status", "sent", "code", "result")]
    return (type(error), *fields, error.args, str(error), repr(error))


def test_every_code_belongs_to_one_error() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))


def test_a_code_begins_with_that_of_its_parent() -> None:
    for kind in KINDS:
        parent = kind.__mro__[1]
        if issubclass(parent, ProxmoxMcpError) and parent is not ProxmoxMcpError:
            assert kind.code.startswith(f"{parent.code}."), kind


def test_the_docstring_shows_every_error_with_its_code() -> None:
    shown = {tuple(line.split()[:2]) for line in (errors.__doc__ or "").splitlines() if len(line.split()) > 1}
    assert {(kind.__name__, kind.code) for kind in KINDS} <= shown


def test_the_text_of_an_error_is_its_message_and_its_advice() -> None:
    assert str(ProxmoxMcpError("wrong", "mend it")) == "wrong\nmend it"
    assert str(ProxmoxMcpError("wrong")) == "wrong"


@EVERY_ERROR
@pytest.mark.parametrize("name", [*TEXTS, "status", "sent", "code", "args", "result", "_message", "anything"])
def test_nothing_of_an_error_can_be_assigned_or_deleted(error: ProxmoxMcpError, name: str) -> None:
    before = seen(error)
    with pytest.raises(AttributeError, match="is frozen"):
        setattr(error, name, "other")
    with pytest.raises(AttributeError, match="is frozen"):
        delattr(error, name)
    assert seen(error) == before


def test_the_faults_of_the_parameters_are_a_copy_that_cannot_be_changed() -> None:
    given = {"cores": "too many"}
    error = ProxmoxError("wrong", errors=given)
    given["memory"] = "too much"
    assert error.errors == {"cores": "too many"}
    with pytest.raises(TypeError):
        error.errors["cores"] = "other"  # type: ignore[index]


@EVERY_ERROR
def test_other_advice_and_other_words_make_another_error_of_the_same_class(error: ProxmoxMcpError) -> None:
    before = seen(error)
    advised = error.with_advice("do this")
    assert (type(advised), advised.message, advised.advice) == (type(error), error.message, "do this")
    assert getattr(advised, "errors", None) == getattr(error, "errors", None)
    reworded = error.reworded(lambda text: text.replace("hunter2", "[secret]"))
    assert seen(reworded) == seen(made(type(error), "[secret]"))
    assert seen(error) == before


@EVERY_ERROR
def test_an_error_reworded_shows_the_old_words_nowhere(error: ProxmoxMcpError) -> None:
    reworded = error.reworded(lambda text: text.replace("hunter2", "[secret]"))
    shown = f"{seen(reworded)}{vars(reworded)}{traceback.format_exception(reworded)}{pickle.dumps(reworded)!r}"
    assert "hunter2" not in shown


@EVERY_ERROR
def test_an_error_survives_pickling_and_copying(error: ProxmoxMcpError) -> None:
    noted = error.fresh()
    noted.add_note("a note")
    for again in (pickle.loads(pickle.dumps(noted)), copy.copy(noted), copy.deepcopy(noted)):
        assert again is not noted
        assert seen(again) == seen(error)
        assert again.__notes__ == ["a note"]
        with pytest.raises(AttributeError):
            again.message = "other"  # type: ignore[misc]


@contextlib.contextmanager
def passing() -> Iterator[None]:
    """A context that an error passes through, raised again by contextlib, which sets its traceback."""
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: None)
        yield


@pytest.mark.anyio
@EVERY_ERROR
async def test_python_can_raise_chain_and_annotate_an_error(error: ProxmoxMcpError, anyio_backend: str) -> None:
    cause = ValueError("cause")
    raised = error.fresh()
    with pytest.raises(ProxmoxMcpError) as caught, passing(), passing():
        raise raised from cause
    assert caught.value is raised
    assert raised.__cause__ is cause
    raised.add_note("note")
    raised.with_traceback(None)
    assert raised.__notes__ == ["note"]

    async def fail() -> None:
        raise raised

    with pytest.raises(ExceptionGroup) as grouped:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
    assert grouped.value.exceptions == (raised,)


@EVERY_ERROR
def test_a_fresh_error_keeps_nothing_of_where_it_was_raised(error: ProxmoxMcpError) -> None:
    with pytest.raises(type(error)) as caught:
        raise error.fresh() from ValueError("cause")
    caught.value.add_note("note")
    fresh = caught.value.fresh()
    assert (fresh.__traceback__, fresh.__cause__, fresh.__context__) == (None, None, None)
    assert not hasattr(fresh, "__notes__")
    assert seen(fresh) == seen(error)


def test_several_wrong_settings_are_one_error_with_a_list() -> None:
    faults = SettingsFaults()
    faults.raise_all()
    with faults.collected():
        raise SettingsError("MCP_PORT is hunter2", "Use:\n1 to 65535")
    assert str(faults.error()) == "MCP_PORT is hunter2\nUse:\n1 to 65535"
    with faults.collected("[lab] "):
        raise SettingsError("PROXMOX_HOST is empty.", "Set it.")
    with pytest.raises(SettingsError) as caught:
        faults.raise_all()
    listed = "- MCP_PORT is hunter2. Use:\n  1 to 65535\n- [lab] PROXMOX_HOST is empty. Set it."
    assert str(caught.value) == f"2 settings are wrong or missing.\n{listed}"
    assert [each.message for each in caught.value.faults] == ["MCP_PORT is hunter2", "[lab] PROXMOX_HOST is empty."]
    reworded = caught.value.reworded(lambda text: text.replace("hunter2", "[secret]"))
    assert "hunter2" not in f"{reworded}{reworded.faults}{vars(reworded)}"
    outer = SettingsFaults()
    with outer.collected():
        raise caught.value
    assert len(outer.found) == 2, "the single ones are taken over"
