"""``/livez`` and ``/readyz``: bare for anybody, with the reasons for who is authenticated (``/readyz?verbose``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from proxmox_mcp import __version__
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.server.mcp_server import CALLER

if TYPE_CHECKING:
    from starlette.requests import Request

    from proxmox_mcp.gateway import Gateway


def live(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


def readiness(gateway: Gateway) -> Any:
    """The endpoint for ``/readyz``.

    Ready means that calls are taken: the schema is loaded, and what replicas share can be reached. A cluster that is
    away does not make the server unready, since then its clients would get a proxy's error in place of ours; the
    reasons name it.
    """

    def ready(request: Request) -> Response:
        reasons = {name: _cluster(cluster) for name, cluster in gateway.clusters.items()}
        fault = gateway.guard.limits.fault
        is_ready = not fault and all("fault" not in each for each in reasons.values())
        status = 200 if is_ready else 503
        if "verbose" in request.query_params:
            caller = request.scope[CALLER]
            shown = {name: why for name, why in reasons.items() if caller.may_use(name)}
            told = {"ready": is_ready, "version": __version__, "clusters": shown}
            return JSONResponse({**told, "shared_state": fault or "ok"}, status)
        return PlainTextResponse("ready" if is_ready else "not ready", status)

    return ready


def _cluster(cluster: Any) -> dict[str, Any]:
    state = cluster.pve.state()
    told: dict[str, Any] = {
        "host_in_use": state.in_use,
        "why": state.reason,
        "hosts": {node.host: {"up": node.up, "reason": node.reason} for node in state.nodes},
    }
    try:
        told["schema"] = str(cluster.schema.current)
        if cluster.schema.current.trouble:
            told["cache"] = cluster.schema.current.trouble
    except ApidocError as error:
        told["fault"] = error.message
    return told
