"""How callers prove who they are."""

import pytest
from django.test import Client

from apps.merchants.secret_keys import COOL_DOWN, create_secret_key, revoke_secret_key


def _get(header=None):
    headers = {} if header is None else {"Authorization": header}
    return Client().get("/v1/meters", headers=headers)


def test_a_call_without_a_key_is_told_so(db):
    answer = _get()
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "auth_header_missing"
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer aks_test_no", "Basic YTpi", "aks_test_x", "Bearer é"])
def test_any_other_failure_is_one_401(db, header):
    answer = _get(header)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"message": "The secret key is not valid.", "code": "invalid_secret_key", "status": 401}
    }


def test_bearer_may_be_written_in_any_case(api):
    assert _get(f"bearer {api.key}").status_code == 200


def test_a_revoked_key_stops_working(api, acme, at):
    create_secret_key(merchant=acme, name="Another", at=at)
    assert api.get("/meters").status == 200
    revoke_secret_key(key=api.secret_key, at=at + COOL_DOWN)
    assert api.get("/meters").status == 401
