"""Who may call an endpoint, in words: the expressions of ``PVE::RPCEnvironment::exec_api2_perm_check`` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Permissions

_FEW = 2


def privileges(permissions: Permissions, *, short: bool = False) -> str:
    """What a caller needs, such as ``VM.Clone on /vms/{vmid}``; ``short`` folds long lists of privileges."""
    if permissions.check:
        return _expression(permissions.check, short=short)
    if permissions.user == "all":
        return "any user" if short else "any user; the call itself may check more"
    return "no login" if permissions.user == "world" else "only root@pam"


def _expression(check: tuple[Any, ...], *, short: bool, inner: bool = False) -> str:
    kind, *rest = check
    if kind in ("and", "or"):
        parts = list(dict.fromkeys(_expression(part, short=short, inner=True) for part in rest))
        text = f" {kind} ".join(parts)
        return f"({text})" if inner and len(parts) > 1 else text
    if kind == "perm":
        path, names, *options = rest
        needed = dict(zip(options[::2], options[1::2], strict=True))
        where = f" if {needed['require_param']} is given" if "require_param" in needed else ""
        return f"{_names(names, any_of=bool(needed.get('any')), short=short)} on {path}{where}"
    if kind == "userid-param":
        return "the user itself" if rest[0] == "self" else f"{rest[0]} on the user's realm"
    if kind == "userid-group":
        return f"{_names(rest[0], any_of=True, short=short)} on a group of the user"
    if kind == "perm-modify":
        return f"the right to change permissions on {rest[0]}"
    return " ".join(str(part) for part in check)


def _names(names: tuple[str, ...], *, any_of: bool, short: bool) -> str:
    areas = {name.rpartition(".")[0] for name in names}
    if len(names) > _FEW and len(areas) == 1:
        area = areas.pop()
        kinds = "*" if short else "{" + ",".join(name.rpartition(".")[2] for name in names) + "}"
        return f"{'any' if any_of else 'all'} of {area}.{kinds}"
    return (" or " if any_of else " and ").join(names)
