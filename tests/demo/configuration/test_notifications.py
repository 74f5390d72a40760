"""Endpoints and matchers of notifications, which name each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api

BASE = "/cluster/notifications"


def test_an_endpoint_that_a_matcher_names_stays_and_no_two_have_one_name(root: Api) -> None:
    root.done("POST", f"{BASE}/endpoints/sendmail", name="desk", mailto="a@example.org")
    other = {"name": "desk", "server": "https://192.0.2.1", "token": "t"}
    assert root.refusal("POST", f"{BASE}/endpoints/gotify", **other)[0] == 400
    assert "endpoint 'none' does not exist" in root.refusal("POST", f"{BASE}/matchers", name="told", target="none")[1]
    root.done("POST", f"{BASE}/matchers", name="told", target="desk")
    assert root.refusal("PUT", f"{BASE}/matchers/told", target="none")[0] == 404
    refused = root.refusal("DELETE", f"{BASE}/endpoints/sendmail/desk")
    assert refused == (400, "cannot delete 'desk', referenced by: told")
    (target,) = [each for each in root.get(f"{BASE}/targets") if each["name"] == "desk"]
    assert (target["type"], target["origin"]) == ("sendmail", "user-created")
    root.done("DELETE", f"{BASE}/matchers/told")
    root.done("DELETE", f"{BASE}/endpoints/sendmail/desk")


def test_a_secret_of_a_webhook_is_never_shown_and_kept_where_its_name_alone_is_sent(root: Api) -> None:
    path = f"{BASE}/endpoints/webhook"
    root.done("POST", path, name="hook", method="post", url="https://192.0.2.1", secret="name=key,value=c2VjcmV0")
    assert root.get(f"{path}/hook")["secret"] == ["name=key"]
    assert "secret 'other' not known" in root.refusal("PUT", f"{path}/hook", secret="name=other")[1]
    root.done("PUT", f"{path}/hook", secret=["name=key", "name=other,value=eA=="])
    assert root.get(f"{path}/hook")["secret"] == ["name=key", "name=other"]
    root.done("PUT", f"{path}/hook", secret=["name=other"])
    assert root.get(f"{path}/hook")["secret"] == ["name=other"]
    root.done("DELETE", f"{path}/hook")
