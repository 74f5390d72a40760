"""Plug-ins of ACME and CPU models."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api


def test_the_credentials_of_a_dns_plugin_are_shown_decoded(root: Api) -> None:
    data = base64.b64encode(b"KEY=value").decode()
    root.done("POST", "/cluster/acme/plugins", id="dns1", type="dns", api="cf", data=data)
    assert root.get("/cluster/acme/plugins/dns1")["data"] == "KEY=value"
    assert "data" not in root.get("/cluster/acme/plugins/standalone")
    root.done("DELETE", "/cluster/acme/plugins/dns1")


def test_a_cpu_model_is_shown_as_custom(root: Api) -> None:
    path = "/cluster/qemu/custom-cpu-models"
    root.done("POST", path, cputype="tuned", **{"reported-model": "kvm64"})
    assert [each["cputype"] for each in root.get(path)] == ["custom-tuned"]
