"""/v1/requests"""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import clock
from apps.ledger.models import LedgerEntry
from apps.requests.models import MeteredRequest
from tests.factories.catalogue import make_meter
from tests.factories.people import make_customer


@pytest.fixture
def at():
    return clock.now() - timedelta(seconds=1)


def report(request_id="r-1", **fields):
    return {"request_id": request_id, "customer_id": "ada", "meter_slug": "tokens", **fields}


def test_usage_is_recorded_charged_and_read_back(api, ada, tokens):
    made = api.post("/requests", report(input_tokens=845, output_tokens=412, metadata={"user_id": "7"}))
    assert made.status == 201
    request = made.body
    assert (request["customer_id"], request["meter_id"]) == (ada.public_id, tokens.public_id)
    assert (request["request_id"], request["status"]) == ("r-1", "completed")
    assert request["model_usage"]["total_tokens"] == 1257
    assert request["charge"]["amount"] == "0.0025140000"
    assert request["metadata"] == {"user_id": "7"}
    assert api.get("/requests/r-1").body == request
    assert api.get("/requests").body["data"] == [request]


def test_the_same_report_again_charges_nothing(api, ada):
    first = api.post("/requests", report(input_tokens=1000))
    again = api.post("/requests", report(input_tokens=1000))
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    other = api.post("/requests", report(input_tokens=1001))
    assert (other.status, other.code) == (409, "request_id_conflict")
    assert MeteredRequest.objects.for_merchant(api.merchant).count() == 1


def test_a_providers_answer_can_be_forwarded_as_it_came(api, ada):
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-mini",
        "choices": [],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }
    made = api.post("/requests", report(provider="openai", response=response)).body
    assert (made["provider"], made["model"], made["response_id"]) == ("openai", "gpt-4o-mini", "chatcmpl-1")
    assert (made["model_usage"]["input_tokens"], made["model_usage"]["output_tokens"]) == (1000, 500)
    assert made["cost"] is not None
    assert made["charge"]["amount"] == "0.0030000000"
    assert api.post("/requests", report("r-2", response=None, input_tokens=1)).status == 201


def test_a_batch_has_an_answer_per_item(api, ada):
    answers = api.post(
        "/requests/batch",
        {"requests": [report("a", input_tokens=1), report("b", customer_id="nobody"), report("c", inptu_tokens=1)]},
    )
    assert answers.status == 200
    results = answers.body["results"]
    assert [item["status"] for item in results] == [201, 404, 400]
    assert results[0]["request"] == api.get("/requests/a").body
    assert results[1]["error"]["code"] == "customer_not_found"
    assert "input_tokens" in results[2]["error"]["message"]


def test_an_estimate_is_what_the_charge_would_be_and_touches_nothing(api, ada):
    usage = {"customer_id": "ada", "meter_slug": "tokens", "input_tokens": 500_000}
    estimate = api.post("/requests/estimate", usage).body
    assert estimate["charge"]["amount"] == "1.0000000000"
    assert (estimate["balance_before"], estimate["balance_after"]) == ("10.0000000000", "9.0000000000")
    assert not MeteredRequest.objects.for_merchant(api.merchant).exists()
    made = api.post("/requests", report(input_tokens=500_000)).body
    assert made["charge"] == estimate["charge"]
    assert api.get("/customers/ada/balance").body["balance"] == estimate["balance_after"]


def test_a_receipt_says_at_what_price_and_from_which_grant(api, ada):
    api.post("/requests", report(input_tokens=6_000_000))
    receipt = api.get("/requests/r-1/receipt").body
    assert receipt["request"] == api.get("/requests/r-1").body
    assert receipt["rate"]["version"] == 1
    assert (receipt["used_before"], receipt["quantity"]) == (0, 6_000_000)
    assert (receipt["balance_before"], receipt["balance_after"]) == ("10.0000000000", "-2.0000000000")
    assert [(draw["origin"], draw["amount"]) for draw in receipt["draws"]] == [
        ("cycle", "10.0000000000"),
        ("deficit", "2.0000000000"),
    ]


def test_a_receipt_keeps_its_price_when_the_meter_changes(api, ada, tokens):
    api.post("/requests", report(input_tokens=1000))
    before = api.get("/requests/r-1/receipt").body
    api.patch(f"/meters/{tokens.public_id}", {"tiers": [{"start": "0", "rate": "9"}]})
    assert api.get("/requests/r-1/receipt").body == before


def test_voiding_gives_back_and_keeps_the_request(api, ada):
    api.post("/requests", report(input_tokens=1_000_000))
    voided = api.post("/requests/r-1/void", {"reason": "Sent twice"})
    assert voided.status == 200
    assert voided.body["voided_at"] is not None
    assert api.get("/customers/ada/balance").body["balance"] == "10.0000000000"
    entries = LedgerEntry.objects.for_merchant(api.merchant).filter(kind="reversal")
    assert [(entry.actor, entry.reason) for entry in entries] == [(api.secret_key.public_id, "Sent twice")]
    assert api.post("/requests/r-1/void").body == voided.body


def test_the_list_is_filtered(api, acme, ada, tokens, starter, at):
    make_customer(acme, plan=starter, reference_id="bob", at=at)
    minutes = make_meter(acme, slug="minutes", tier_type="minutes", at=at)
    api.patch(
        f"/plans/{starter.public_id}", {"meter_ids": [meter["meter_id"] for meter in api.get("/meters").body["data"]]}
    )
    api.post("/requests", report("1", metadata={"user_id": "7", "tier": "pro"}))
    api.post("/requests", report("2", customer_id="bob", metadata={"user_id": "7"}))
    api.post("/requests", report("3", meter_slug="minutes", input_seconds=1.5))

    def ids(**query):
        return [request["request_id"] for request in api.get("/requests", **query).body["data"]]

    assert ids() == ["3", "2", "1"]
    assert ids(customer_id="bob") == ["2"]
    assert ids(customer_id=ada.public_id) == ["3", "1"]
    assert ids(meter_id=minutes.public_id) == ["3"]
    assert ids(metadata_filters='[["user_id","7"]]') == ["2", "1"]
    assert ids(metadata_filters='[["user_id","7"],["tier","pro"]]') == ["1"]
    assert ids(metadata_filters='[["user_id","7"],["user_id","8"]]') == []
    assert ids(metadata_filters="[]") == ["3", "2", "1"]


def test_requests_on_a_deleted_meter_can_still_be_listed(api, ada, tokens):
    api.post("/requests", report())
    api.delete(f"/meters/{tokens.public_id}")
    assert len(api.get("/requests", meter_id=tokens.public_id).body["data"]) == 1
    assert api.get("/requests/r-1/receipt").status == 200


def test_three_hundred_requests_are_listed_through_the_cursor(api, ada):
    items = [report(f"r{number:03}", input_tokens=number) for number in range(300)]
    api.post("/requests/batch", {"requests": items})
    seen, cursor = [], {}
    while True:
        page = api.get("/requests", limit=37, **cursor).body
        seen += [request["request_id"] for request in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == [item["request_id"] for item in items]
    assert len(seen) == len(set(seen)) == 300


def test_a_request_id_may_hold_a_slash(api, ada):
    api.post("/requests", report("run/7"))
    assert api.get("/requests/run/7").body["request_id"] == "run/7"
    assert api.get("/requests/run/7/receipt").status == 200


def test_the_neighbour_cannot_see_or_void_it(api, umbrella_api, ada):
    made = api.post("/requests", report(input_tokens=1000)).body
    for answer in (
        umbrella_api.get("/requests/r-1"),
        umbrella_api.get("/requests/r-1/receipt"),
        umbrella_api.post("/requests/r-1/void"),
    ):
        assert (answer.status, answer.code) == (404, "request_not_found")
    assert umbrella_api.get("/requests").body["data"] == []
    assert umbrella_api.get("/requests", customer_id=ada.public_id).status == 404
    assert umbrella_api.get("/requests", meter_id=made["meter_id"]).status == 404
    assert umbrella_api.post("/requests", report()).code == "customer_not_found"
    assert api.get("/requests/r-1").body == made
    assert Decimal(api.get("/customers/ada/balance").body["balance"]) == 10 - Decimal(made["charge"]["amount"])
