"""/v1/customers/{id}/balance, /ledger and /grants"""

from datetime import timedelta

import pytest

from apps.core import clock


@pytest.fixture
def at():
    return clock.now() - timedelta(seconds=1)


def _use(api, tokens, request_id="r"):
    body = {"request_id": request_id, "customer_id": "ada", "meter_slug": "tokens", "input_tokens": tokens}
    assert api.post("/requests", body).status == 201


def test_the_balance_says_what_is_left_and_where(api, ada):
    _use(api, 1_000_000)
    assert api.get("/customers/ada/balance").body == {
        "customer_id": ada.public_id,
        "currency": "USD",
        "balance": "8.0000000000",
        "held": "0.0000000000",
        "available": "8.0000000000",
        "deficit": "0.0000000000",
        "cycle_remaining": "8.0000000000",
        "bundle_remaining": "0.0000000000",
    }


def test_a_gift_pays_the_deficit_first(api, ada):
    _use(api, 6_000_000)
    given = api.post("/customers/ada/grants", {"amount": "5.00", "reason": "Sorry"})
    assert given.status == 201
    assert (given.body["origin"], given.body["amount"]) == ("promotional", "5.0000000000")
    assert given.body["remaining"] == "3.0000000000"
    balance = api.get("/customers/ada/balance").body
    assert (balance["balance"], balance["deficit"]) == ("3.0000000000", "0.0000000000")


def test_a_gift_may_expire(api, ada):
    later = (clock.now() + timedelta(days=3)).isoformat()
    given = api.post("/customers/ada/grants", {"amount": 5, "reason": "Sorry", "expires_at": later}).body
    assert given["expires_at"] is not None


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("amount_not_positive", {"amount": "0"}),
        ("amount_not_positive", {"amount": "-1"}),
        ("invalid_request", {"amount": "1e3"}),
        ("invalid_request", {"amount": "0.00000000001"}),
        ("invalid_request", {"amount": True}),
        ("invalid_request", {"reason": "  "}),
        ("invalid_request", {"reason": None}),
        ("expires_in_the_past", {"expires_at": "2001-01-01T00:00:00Z"}),
        ("invalid_request", {"expires_at": "2031-01-01T00:00:00"}),
        ("invalid_request", {"expires_at": "tomorrow"}),
        ("invalid_request", {"expires_in": 5}),
    ],
)
def test_what_is_no_gift_is_refused(api, ada, code, change):
    refused = api.post("/customers/ada/grants", {"amount": "5", "reason": "Sorry"} | change)
    assert (refused.status, refused.code) == (400, code)
    assert api.get("/customers/ada/balance").body["balance"] == "10.0000000000"


def test_the_ledger_tells_every_movement_newest_first(api, ada):
    _use(api, 6_000_000)
    api.post("/customers/ada/grants", {"amount": "5", "reason": "Sorry"})
    api.post("/requests/r/void")
    entries, cursor = [], {}
    while True:
        page = api.get("/customers/ada/ledger", limit=2, **cursor).body
        entries += page["data"]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [entry["seq"] for entry in entries] == list(range(len(entries), 0, -1))
    by_kind = {entry["kind"]: entry for entry in entries}
    assert by_kind["grant_promotional"]["reason"] == "Sorry"
    assert by_kind["grant_promotional"]["actor"] == api.secret_key.public_id
    assert by_kind["usage"]["request_id"] == by_kind["reversal"]["request_id"] == "r"
    assert entries[0]["balance_after"] == api.get("/customers/ada/balance").body["balance"]


def test_a_ledger_cursor_of_somebody_else_is_refused(api, ada):
    _use(api, 1000)
    api.post("/customers", {"reference_id": "bob"})
    cursor = api.get("/customers/ada/ledger", limit=1).body["next_cursor"]
    refused = api.get("/customers/bob/ledger", cursor=cursor)
    assert (refused.status, refused.code) == (400, "invalid_cursor")


def test_the_neighbour_cannot_see_or_give(api, umbrella_api, ada):
    for answer in (
        umbrella_api.get(f"/customers/{ada.public_id}/balance"),
        umbrella_api.get(f"/customers/{ada.public_id}/ledger"),
        umbrella_api.post(f"/customers/{ada.public_id}/grants", {"amount": "5", "reason": "Mine"}),
    ):
        assert (answer.status, answer.code) == (404, "customer_not_found")
    assert api.get("/customers/ada/balance").body["balance"] == "10.0000000000"
