"""Who may call an endpoint, in words."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import Endpoint, EndpointPermissions, load_index
from proxmox_mcp.apidoc.reference.privileges import needed, needed_besides, privileges

_INDEX = load_index("9.2")


@pytest.mark.parametrize(
    ("permissions", "text"),
    [
        (EndpointPermissions(user="all"), "any user; the call itself may check more"),
        (EndpointPermissions(user="world"), "no login"),
        (EndpointPermissions(), "only root@pam"),
        (EndpointPermissions(check=("perm", "/vms/{vmid}", ("VM.Clone",))), "VM.Clone on /vms/{vmid}"),
        (
            EndpointPermissions(check=("perm", "/", ("Sys.Audit", "Sys.Modify"), "any", 1)),
            "Sys.Audit or Sys.Modify on /",
        ),
        (
            EndpointPermissions(
                check=("and", ("perm", "/a", ("A.B",)), ("or", ("perm", "/b", ("C.D",)), ("userid-param", "self")))
            ),
            "A.B on /a and (C.D on /b or the user itself)",
        ),
        (
            EndpointPermissions(
                check=("perm", "/vms/{vmid}", ("VM.Config.CPU", "VM.Config.Disk", "VM.Config.Memory"), "any", 1)
            ),
            "any of VM.Config.{CPU,Disk,Memory} on /vms/{vmid}",
        ),
        (
            EndpointPermissions(check=("perm", "/pool/{pool}", ("VM.Allocate",), "require_param", "pool")),
            "VM.Allocate on /pool/{pool} if pool is given",
        ),
    ],
)
def test_permissions_are_told_in_words(permissions: EndpointPermissions, text: str) -> None:
    assert privileges(permissions) == text


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("POST", "/cluster/acme/account", "only root@pam"),
        ("PUT", "/access/acl", "the right to change permissions on {path}"),
        (
            "PUT",
            "/access/password",
            "the user itself or (Realm.AllocateUser on the user's realm and User.Modify on a group of the user)",
        ),
        # The call has no parameter for the node: Proxmox checks a path with a dash in its place.
        ("GET", "/cluster/acme/meta", "Sys.Audit on /nodes/-"),
        # What its code always checks counts as its published permissions do: beside them, or alone.
        (
            "PUT",
            "/nodes/{node}/lxc/{vmid}/resize",
            "VM.Config.Disk on /vms/{vmid} and Datastore.AllocateSpace on /storage/{storage}",
        ),
        ("POST", "/cluster/replication", "VM.Replicate on /vms/{guest}"),
    ],
)
def test_what_every_caller_needs_is_one_phrase(method: str, path: str, text: str) -> None:
    assert needed(_endpoint(method, path)) == text


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/cluster/qemu/cpu-flags", "Sys.Audit on /nodes or any of Mapping.* on /mapping/cpu"),
        ("GET", "/access/permissions", "any user, more by parameter"),
        ("GET", "/access/acl", "any user"),
    ],
)
def test_the_short_phrase_folds_privileges_and_says_that_there_are_more(method: str, path: str, text: str) -> None:
    assert needed(_endpoint(method, path), short=True) == text


def test_what_the_code_checks_by_parameter_is_told_once_for_each_privilege_with_its_conditions() -> None:
    (line,) = needed_besides(_endpoint("POST", "/nodes/{node}/lxc"))
    assert line.startswith("Its code also checks: VM.Config.* by option; ")
    assert "; only root@pam (for mount points of host paths, for features other than nesting, with dev[n], " in line
    assert line.endswith("VM.Allocate on /vms/{vmid} or its pool (to change nesting).")


def test_what_a_list_leaves_out_is_a_line_of_its_own() -> None:
    seen = "It lists only what the caller may see: the right to change permissions on {path}."
    assert needed_besides(_endpoint("GET", "/access/acl")) == [seen]


def test_an_endpoint_whose_code_checks_no_more_has_no_line() -> None:
    assert needed_besides(_endpoint("GET", "/version")) == []


def _endpoint(method: str, path: str) -> Endpoint:
    found = _INDEX.get(method, path)
    assert found is not None
    return found
