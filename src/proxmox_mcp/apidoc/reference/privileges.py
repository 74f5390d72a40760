"""Who may call an endpoint, in words: the expressions of ``PVE::RPCEnvironment::exec_api2_perm_check`` as text, and
what its code asks for besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.privileges import bound, needs_of, plain

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Endpoint, EndpointPermissions
    from proxmox_mcp.apidoc.privileges import Need

_FEW = 2
_GUEST, _POOL = "/vms/{vmid}", "/pool/{pool}"


def needed(endpoint: Endpoint, *, short: bool = False) -> str:
    """What every caller of an endpoint needs, in one phrase; ``short`` folds it."""
    published = endpoint.permissions
    needs = needs_of(endpoint.method, endpoint.path)
    checks = [need.check for need in needs if need.always and need.check]
    if published.check:
        # Proxmox puts a dash for what the call has no parameter for (PVE::Tools::template_replace).
        check = bound(published.check, {}, missing=lambda name: f"{{{name}}}" if name in endpoint.parameters else "-")
        checks.insert(0, check)
    elif not checks or published.user != "all":
        said = privileges(published, short=short or bool(needs))
        return f"{said}, more by parameter" if short and any(map(_by_parameter, needs)) else said
    return " and ".join(_expression(check, short=short, inner=len(checks) > 1) for check in checks)


def needed_besides(endpoint: Endpoint) -> list[str]:
    """What the code of an endpoint asks for by parameter, and what its answer leaves out: lines."""
    needs = needs_of(endpoint.method, endpoint.path)
    asked = _told([need for need in needs if _by_parameter(need) and not need.plain])
    lists = _told([need for need in needs if need.lists])
    by_option = "VM.Config.* by option; " if any(need.plain for need in needs) else ""
    lines = [f"Its code also checks: {by_option}{asked}."] if asked else []
    return [*lines, f"It lists only what the caller may see: {lists}."] if lists else lines


def _by_parameter(need: Need) -> bool:
    return not (need.always or need.lists)


def _told(needs: list[Need]) -> str:
    """Each need once, with all its conditions."""
    found: dict[str, list[str]] = {}
    for need in needs:
        said = "only root@pam" if need.root else _expression(need.check, short=False)
        found.setdefault(said, []).append(need.circumstances)
    return "; ".join(f"{said} ({', '.join(filter(None, when))})" if any(when) else said for said, when in found.items())


def privileges(permissions: EndpointPermissions, *, short: bool = False) -> str:
    """What a caller needs, such as ``VM.Clone on /vms/{vmid}``; ``short`` folds long lists of privileges."""
    if permissions.check:
        return _expression(permissions.check, short=short)
    if permissions.user == "all":
        return "any user" if short else "any user; the call itself may check more"
    return "no login" if permissions.user == "world" else "only root@pam"


def _expression(check: tuple[Any, ...], *, short: bool, inner: bool = False) -> str:
    kind, *rest = check
    if kind == "or" and tuple(part[1] for part in rest) == (_GUEST, _POOL) and rest[0][2] == rest[1][2]:
        return f"{_expression(rest[0], short=short)} or its pool"
    if kind in ("and", "or"):
        parts = list(dict.fromkeys(_expression(part, short=short, inner=True) for part in rest))
        text = f" {kind} ".join(parts)
        return f"({text})" if inner and len(parts) > 1 else text
    if kind == "perm":
        path, names, *pairs = rest
        options = dict(zip(pairs[::2], pairs[1::2], strict=True))
        where = f" if {options['require_param']} is given" if "require_param" in options else ""
        return f"{_names(names, any_of=bool(options.get('any')), short=short)} on {plain(path)}{where}"
    if kind == "userid-param":
        return "the user itself" if rest[0] == "self" else f"{rest[0]} on the user's realm"
    if kind == "userid-group":
        return f"{_names(rest[0], any_of=True, short=short)} on a group of the user"
    if kind == "perm-modify":
        return f"the right to change permissions on {plain(rest[0])}"
    return " ".join(str(part) for part in check)


def _names(names: tuple[str, ...], *, any_of: bool, short: bool) -> str:
    areas = {name.rpartition(".")[0] for name in names}
    if len(names) > _FEW and len(areas) == 1:
        area = areas.pop()
        kinds = "*" if short else "{" + ",".join(name.rpartition(".")[2] for name in names) + "}"
        return f"{'any' if any_of else 'all'} of {area}.{kinds}"
    return (" or " if any_of else " and ").join(names)
