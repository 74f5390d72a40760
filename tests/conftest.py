"""What all tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.policy.risk import reviewed_risks
from proxmox_mcp.policy.targets import Action

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The sample data beside the repository: real ``apidoc.js`` files, verdicts, questions, recordings."""
    if not SHARED.is_dir():
        pytest.skip("the sample data (../shared/data) is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def action() -> Callable[..., Action]:
    """Makes a resolved action: ``action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 102, purge=1)``.

    Positional values fill the template's parameters in their order. A template without braces that is not known to
    the schema is given with ``known=False``.
    """

    def make(
        method: str,
        template: str,
        *values: object,
        data: dict[str, Any] | None = None,
        known: bool = True,
        cluster: str = "",
        **more: Any,
    ) -> Action:
        names = [segment[1:-1] for segment in template.split("/") if segment.startswith("{")]
        assert len(names) == len(values), f"{template} takes {names}"
        path_params = {name: str(value) for name, value in zip(names, values, strict=True)}
        path = template
        for name, value in path_params.items():
            path = path.replace("{" + name + "}", value, 1)
        sent = {**(data or {}), **more}
        return Action(
            method=method,
            template=template if known else "",
            path=path,
            path_params=path_params if known else {},
            data=sent,
            judgement=reviewed_risks().judge(method, template if known else path, sent),
            cluster=cluster,
        )

    return make
