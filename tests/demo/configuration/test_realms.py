"""Realms: the built-in ones stay, one is the default, and a broken section is what Proxmox makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_api import Api

LDAP = {"type": "ldap", "server1": "192.0.2.1", "base_dn": "dc=example", "user_attr": "uid"}


@pytest.fixture
def realm(root: Api) -> Iterator[str]:
    root.done("POST", "/access/domains", realm="staff", **LDAP)
    yield "/access/domains/staff"
    if root.answer("GET", "/access/domains/staff")[0] == 200:
        root.done("DELETE", "/access/domains/staff")


def test_a_built_in_realm_is_neither_made_nor_deleted(root: Api) -> None:
    assert (
        "unable to create builtin type 'pam'" in root.refusal("POST", "/access/domains", realm="other", type="pam")[1]
    )
    root.done("DELETE", "/access/domains/pve")
    assert root.get("/access/domains/pve")["type"] == "pve"


def test_one_realm_is_the_default(root: Api, realm: str) -> None:
    root.done("PUT", realm, default=1)
    root.done("PUT", "/access/domains/pve", default=1)
    listed = {each["realm"]: each.get("default") for each in root.get("/access/domains")}
    assert {name for name, default in listed.items() if default} == {"pve"}
    root.done("PUT", "/access/domains/pve", default=0)
    assert not [each for each in root.get("/access/domains") if "default" in each]


def test_what_a_realm_needs_is_not_deleted(root: Api, realm: str) -> None:
    assert "missing value for required option 'server1'" in root.refusal("PUT", realm, delete="server1")[1]
    assert root.get(realm)["server1"] == "192.0.2.1"


def test_the_kind_of_second_factor_is_listed_and_options_are_sorted(root: Api, realm: str) -> None:
    root.done("PUT", realm, tfa="type=oath,step=30", **{"sync-defaults-options": "scope=users,enable-new=1"})
    (listed,) = [each for each in root.get("/access/domains") if each["realm"] == "staff"]
    assert listed["tfa"] == "oath"
    assert root.get(realm)["sync-defaults-options"] == "enable-new=1,scope=users"


def test_an_empty_value_breaks_a_section_until_it_is_made_again(root: Api, realm: str) -> None:
    root.done("PUT", realm, base_dn="")
    assert root.answer("GET", realm)[0] == 500
    assert "cannot lookup undefined type" in root.refusal("PUT", realm, comment="x")[1]
    assert "unknown section type" in root.refusal("PUT", "/access/domains/pve", comment="x")[1]
    assert root.answer("DELETE", realm)[0] == 500
    root.done("POST", "/access/domains", realm="staff", **LDAP)
    assert root.get(realm)["base_dn"] == "dc=example"
