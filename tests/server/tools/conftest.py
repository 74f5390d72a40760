"""The cluster of ``tests/gateway`` on the wire, and a gateway to it."""

from __future__ import annotations

from gateway.conftest import gateway, gateway_to, recorder

__all__ = ["gateway", "gateway_to", "recorder"]
