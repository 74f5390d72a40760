"""The error tree: codes that never change, and a docstring that shows the tree as it is."""

from __future__ import annotations

import inspect

from proxmox_mcp import errors
from proxmox_mcp.errors import ProxmoxMcpError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ProxmoxMcpError)]


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
