"""Usage that cannot have happened, or is not what it seems, is refused at both doors and leaves no trace."""

import json
from datetime import timedelta

import pytest

from apps.core import clock
from apps.ledger.models import LedgerEntry
from apps.requests.lane import answer_together
from apps.requests.models import HourlyRollup, MeterCounter, MeteredRequest

REPORT = {"request_id": "r", "customer_id": "ada", "meter_slug": "tokens", "input_tokens": 10}
INVALID = (400, "invalid_request")


@pytest.fixture
def at():
    return clock.now() - timedelta(seconds=1)


def report(**fields):
    return json.dumps({name: value for name, value in (REPORT | fields).items() if value is not ...}).encode()


REFUSED = {
    "nothing": (b"", (400, "invalid_json")),
    "half": (b'{"request_id": "r"', (400, "invalid_json")),
    "NaN": (b'{"input_tokens": NaN}', (400, "invalid_json")),
    "Infinity": (b'{"input_seconds": Infinity}', (400, "invalid_json")),
    "not UTF-8": (b'{"request_id": "\xff"}', (400, "invalid_json")),
    "too deep": (b'{"response": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", (400, "invalid_json")),
    "a list": (b"[]", INVALID),
    "a NUL in an id": (report(request_id="a\0b"), INVALID),
    "a NUL in a customer": (report(customer_id="a\0b"), INVALID),
    "half a surrogate pair": (report().replace(b'"r"', rb'"\ud800"'), (400, "invalid_json")),
    "a misspelt field": (report(inptu_tokens=5), INVALID),
    "an unknown field": (report(surprise=1), INVALID),
    "no request_id": (report(request_id=...), INVALID),
    "an empty request_id": (report(request_id=""), INVALID),
    "a long request_id": (report(request_id="x" * 256), INVALID),
    "a number for an id": (report(request_id=7), INVALID),
    "no customer": (report(customer_id=...), INVALID),
    "no meter": (report(meter_slug=...), INVALID),
    "a boolean for tokens": (report(input_tokens=True), INVALID),
    "a text for tokens": (report(input_tokens="10"), INVALID),
    "half a token": (report(input_tokens=0.5), INVALID),
    "negative tokens": (report(input_tokens=-1), INVALID),
    "10^30 tokens": (report(input_tokens=10**30), INVALID),
    "negative seconds": (report(input_seconds=-1), (400, "usage_invalid")),
    "10^30 seconds": (report(input_seconds=10**30), (400, "usage_invalid")),
    "a boolean for seconds": (report(input_seconds=True), INVALID),
    "seconds beyond all exponents": (
        report().replace(b": 10", b': 10, "input_seconds": 1e999999999'),
        (400, "usage_invalid"),
    ),
    "a negative cost": (report(cost="-1"), INVALID),
    "a boolean for a cost": (report(cost=True), INVALID),
    "a cost beyond all exponents": (report().replace(b": 10", b': 10, "cost": 1e999999999'), INVALID),
    "metadata that is no object": (report(metadata=[]), INVALID),
    "metadata with a number": (report(metadata={"a": 1}), INVALID),
    "metadata with an odd key": (report(metadata={"a-b": "1"}), (400, "metadata_invalid")),
    "metadata with an empty value": (report(metadata={"a": ""}), (400, "metadata_invalid")),
    "metadata with a long value": (report(metadata={"a": "x" * 256}), (400, "metadata_invalid")),
    "metadata with 101 pairs": (report(metadata={f"k{n}": "v" for n in range(101)}), (400, "metadata_invalid")),
    "usage and a response": (report(response={"usage": {}}), INVALID),
    "a response without usage": (report(input_tokens=..., response={"a": 1}), (400, "response_unreadable")),
    "nobody": (report(customer_id="nobody"), (404, "customer_not_found")),
    "no such meter": (report(meter_slug="nothing"), (404, "meter_not_found")),
    "two megabytes": (report(metadata={"a": "x" * 2_000_000}), (413, "body_too_large")),
}


def _is_untouched(merchant):
    tables = (MeteredRequest, HourlyRollup, MeterCounter, LedgerEntry)
    return [table.objects.for_merchant(merchant).count() for table in tables] == [0, 0, 0, 1]  # Ada's grant


@pytest.mark.parametrize(("raw", "refusal"), REFUSED.values(), ids=REFUSED)
def test_a_bad_report_is_refused_at_both_doors(api, ada, raw, refusal):
    answer = api.call("POST", "/requests", raw=raw)
    assert (answer.status, answer.code) == refusal, answer.body
    assert answer.body["error"]["status"] == answer.status
    if answer.status != 413:  # the lane refuses these before it reads them
        [(status, body)] = answer_together([(f"Bearer {api.key}", raw)])
        assert (status, json.loads(body)) == (answer.status, answer.body)
    assert _is_untouched(api.merchant)


def test_both_doors_answer_byte_for_byte_the_same(api, ada):
    first = api.call("POST", "/requests", raw=report(metadata={"a": "\N{SNOWMAN}"}))
    [(status, body)] = answer_together([(f"Bearer {api.key}", report(metadata={"a": "\N{SNOWMAN}"}))])
    assert status == 200
    assert json.loads(body) == first.body == api.get("/requests/r").body


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_1_to_1000_items(api, ada, count):
    items = [REPORT | {"request_id": str(number)} for number in range(count)]
    refused = api.post("/requests/batch", {"requests": items})
    assert (refused.status, refused.code) == (400, "too_many_items")
    assert _is_untouched(api.merchant)


@pytest.mark.parametrize("body", [{}, {"request": []}, {"requests": {}}, {"requests": [1]}, []])
def test_what_is_no_batch_is_refused(api, ada, body):
    answer = api.post("/requests/batch", body)
    if answer.status == 200:
        assert [item["error"]["code"] for item in answer.body["results"]] == ["invalid_request"]
    else:
        assert (answer.status, answer.code) == INVALID
    assert _is_untouched(api.merchant)


def test_bad_items_do_not_hold_up_good_ones(api, ada):
    raw = b'{"requests": [' + b",".join([report(request_id="good"), report(input_tokens=-1), b'{"NUL": 1}']) + b"]}"
    results = api.call("POST", "/requests/batch", raw=raw).body["results"]
    assert [item["status"] for item in results] == [201, 400, 400]


NEEDS_NO_REQUEST_ID = {"no request_id", "an empty request_id"}
REFUSED_ESTIMATES = {name: row for name, row in REFUSED.items() if name not in NEEDS_NO_REQUEST_ID}


@pytest.mark.parametrize(("raw", "refusal"), REFUSED_ESTIMATES.values(), ids=REFUSED_ESTIMATES)
def test_an_estimate_refuses_the_same(api, ada, raw, refusal):
    answer = api.call("POST", "/requests/estimate", raw=raw)
    assert (answer.status, answer.code) == refusal
    assert _is_untouched(api.merchant)
