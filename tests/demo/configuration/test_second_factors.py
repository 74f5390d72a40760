"""Second factors: who may change them, and what a login asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from demo.conftest import PASSWORD
from demo_api import Api
from proxmox_mcp.demo.configuration.second_factors import totp_code

if TYPE_CHECKING:
    from proxmox_mcp.demo import DemoCluster

OTP_SECRET = "JBSWY3DPEHPK3PXP"


def test_a_login_asks_for_the_second_factor_that_a_user_has(
    cluster: DemoCluster, root: Api, user: str, by_password: Api
) -> None:
    assert root.refusal("POST", f"/access/tfa/{user}", type="recovery")[0] == 403
    login = {"username": user, "password": PASSWORD}
    uri = f"otpauth://totp/{user}?secret={OTP_SECRET}"
    by_password.done(
        "POST",
        f"/access/tfa/{user}",
        type="totp",
        totp=uri,
        value=totp_code(OTP_SECRET, time.time()),
        password=PASSWORD,
    )
    assert [entry["type"] for entry in root.get(f"/access/tfa/{user}")] == ["totp"]
    half = root.done("POST", "/access/ticket", **login)
    assert half["NeedTFA"] == 1
    assert Api.by_ticket(cluster, half).refusal("GET", "/version") == (401, "Authentication failed!")
    code = f"totp:{totp_code(OTP_SECRET, time.time())}"
    whole = root.done("POST", "/access/ticket", username=user, password=code, **{"tfa-challenge": half["ticket"]})
    assert Api.by_ticket(cluster, whole).answer("GET", "/version")[0] == 200


def test_a_recovery_key_counts_once(root: Api, user: str, by_password: Api) -> None:
    login = {"username": user, "password": PASSWORD}
    made = by_password.done("POST", f"/access/tfa/{user}", type="recovery", password=PASSWORD)
    assert (
        "already has recovery keys"
        in by_password.refusal("POST", f"/access/tfa/{user}", type="recovery", password=PASSWORD)[1]
    )

    def answered(key: str) -> int:
        half = root.done("POST", "/access/ticket", **login)
        answer = {"username": user, "password": f"recovery:{key}", "tfa-challenge": half["ticket"]}
        return root.answer("POST", "/access/ticket", **answer)[0]

    assert [answered(key) for key in (made["recovery"][0], made["recovery"][0], made["recovery"][1], "none")] == [
        200, 401, 200, 401,
    ]  # fmt: skip
    assert root.get(f"/access/users/{user}/tfa", multiple=1)["types"] == ["recovery"]
    assert [each["userid"] for each in root.get("/access/tfa")] == [user]


def test_who_changes_a_second_factor_gives_their_password(root: Api, user: str, by_password: Api) -> None:
    login = {"username": user, "password": PASSWORD}
    by_password.done("POST", f"/access/tfa/{user}", type="recovery", password=PASSWORD)
    path = f"/access/tfa/{user}/recovery"
    assert by_password.refusal("PUT", path, description="paper")[0] == 400
    assert by_password.refusal("PUT", path, description="paper", password="another-one")[0] == 401
    by_password.done("PUT", path, description="paper", enable=0, password=PASSWORD)
    shown = root.get(path)
    assert (shown["description"], shown["enable"]) == ("paper", False)
    assert "_secret" not in shown
    assert "NeedTFA" not in root.done("POST", "/access/ticket", **login), "a factor that is off is not asked for"
    by_password.done("DELETE", path, password=PASSWORD)
    assert root.refusal("GET", path)[0] == 404


def test_a_code_generator_is_added_once_it_has_shown_a_right_code(root: Api, user: str, by_password: Api) -> None:
    good = {"totp": f"otpauth://totp/x?secret={OTP_SECRET}", "value": totp_code(OTP_SECRET, time.time())}
    for wrong, said in (
        ({"totp": "https://example.org"}, "missing or invalid 'totp' uri"),
        ({"totp": "otpauth://totp/x?secret=1"}, "invalid secret"),
        ({"value": totp_code(OTP_SECRET, time.time() + 3600)}, "failed to verify"),
    ):
        given = {**good, **wrong, "type": "totp", "password": PASSWORD}
        assert said in by_password.refusal("POST", f"/access/tfa/{user}", **given)[1]
    assert root.get(f"/access/tfa/{user}") == []
    kind = by_password.refusal("POST", f"/access/tfa/{user}", type="webauthn", password=PASSWORD)
    assert "only totp and recovery" in kind[1]


def test_a_code_is_that_of_the_standard() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [totp_code(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]
