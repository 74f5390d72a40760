"""``/livez`` and ``/readyz``: yes or no for everybody; ``/readyz?verbose`` gives reasons to authenticated callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from proxmox_mcp import __version__
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.server.mcp_server import CALLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.proxmox.failover import State


def live(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


def is_ready(gateway: Gateway | None) -> bool:
    """Whether calls can be served: the schemas are loaded, and the shared state is reachable."""
    return gateway is not None and _serves(gateway, _reasons(gateway))


def readiness(gateway: Gateway | None, what_to_set: str = "") -> Any:
    """The endpoint for ``/readyz``. ``gateway`` None: the settings are wrong, for the reason ``what_to_set``.

    Ready means: the schema is loaded and the shared state is reachable. An unreachable cluster does not make the
    server unready, because clients would then see the proxy's error instead of this server's; the reasons name it.
    """

    def answer(request: Request) -> Response:
        verbose = "verbose" in request.query_params
        if gateway is None:
            told = {"ready": False, "version": __version__, "settings": what_to_set}
            return JSONResponse(told, 503) if verbose else PlainTextResponse("not ready", 503)
        reasons = _reasons(gateway)
        ready = _serves(gateway, reasons)
        status = 200 if ready else 503
        if verbose:
            caller = request.scope[CALLER]
            shown = {name: why for name, why in reasons.items() if caller.may_use(name)}
            told = {"ready": ready, "version": __version__, "settings": "ok", "clusters": shown}
            return JSONResponse({**told, "shared_state": gateway.guard.limits.fault or "ok"}, status)
        return PlainTextResponse("ready" if ready else "not ready", status)

    return answer


def _reasons(gateway: Gateway) -> dict[str, dict[str, Any]]:
    return {name: _cluster(cluster) for name, cluster in gateway.clusters.items()}


def _serves(gateway: Gateway, reasons: Mapping[str, Mapping[str, Any]]) -> bool:
    return not gateway.guard.limits.fault and all("fault" not in each for each in reasons.values())


def _credentials(state: State) -> str:
    if state.refusal:
        return f"refused ({state.refusal}); run `proxmox-mcp doctor` with the server's settings"
    return "accepted" if state.accepted else "not tried yet"


def _cluster(cluster: Any) -> dict[str, Any]:
    state = cluster.pve.state()
    told: dict[str, Any] = {
        "host_in_use": state.in_use,
        "why": state.reason,
        "identity": cluster.pve.connection.identity,
        "credentials": _credentials(state),
        "hosts": {node.host: {"up": node.up, "reason": node.reason} for node in state.nodes},
    }
    try:
        schema = cluster.schema.load()
        told["schema"] = str(schema)
        if schema.trouble:
            told["cache"] = schema.trouble
    except ApidocError as error:
        told["fault"] = error.message
    return told
