"""/v1/usage"""

from datetime import UTC, timedelta

import pytest

from apps.core import clock


@pytest.fixture
def at():
    return clock.now() - timedelta(seconds=1)


@pytest.fixture
def used(api, ada):
    body = {"customer_id": "ada", "meter_slug": "tokens", "input_tokens": 400_000, "output_tokens": 100_000}
    for number in range(3):
        assert api.post("/requests", body | {"request_id": str(number), "cost": "0.5"}).status == 201


SUMS = {
    "total_requests": 3,
    "total_requests_without_cost": 0,
    "total_usage_tokens": 1_500_000,
    "total_cost": "1.5000000000",
    "total_charge": "3.0000000000",
}


def test_usage_is_added_up_by_day(api, used):
    today = clock.now().astimezone(UTC).date()
    yesterday = today - timedelta(days=1)
    answer = api.get("/usage", start=f"{yesterday}T00:00:00Z")
    assert answer.status == 200
    assert answer.body["totals"] == SUMS
    assert answer.body["items"][-1] == {
        "date": str(today),
        "start": f"{today}T00:00:00Z",
        "end": f"{today}T23:59:59Z",
        **SUMS,
    }


@pytest.mark.parametrize("end", ["{today}", "{today}T23:59:59Z", "{today}T23:59:59.999Z", "{tomorrow}T01:00:00+02:00"])
def test_the_end_belongs_to_the_period(api, used, end):
    today = clock.now().astimezone(UTC).date()
    end = end.format(today=today, tomorrow=today + timedelta(days=2))
    assert api.get("/usage", start=str(today), end=end).body["totals"] == SUMS


def test_an_offset_may_come_without_its_plus(api, used):
    start = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S") + " 05:30"
    answer = api.get("/usage", start=start)
    assert answer.body["totals"] == SUMS
    assert answer.body["items"][-1]["start"].endswith("T00:00:00+05:30")


def test_usage_can_be_filtered(api, used, tokens):
    assert api.get("/usage", start="2026-01-01", customer_id="ada", meter_id=tokens.public_id).body["totals"] == SUMS
    none = api.get("/usage", start="2026-01-01", metadata_filters='[["user_id","7"]]')
    assert none.body["totals"]["total_requests"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"start": ""},
        {"start": "yesterday"},
        {"start": "1969-12-31"},
        {"start": "9999-12-31"},
        {"start": "0001-01-01T00:00:00+14:00"},
        {"start": "2026-01-01", "end": "soon"},
        {"start": "2026-01-01", "ends": "2026-01-02"},
        {"start": "2026-01-01", "metadata_filters": "user_id"},
        {"start": "2026-01-01", "metadata_filters": '{"user_id":"7"}'},
        {"start": "2026-01-01", "metadata_filters": '[["user_id"]]'},
        {"start": "2026-01-01", "metadata_filters": '[["user_id",7]]'},
        {"start": "2026-01-01", "metadata_filters": '[["a","\\u0000"]]'},
        {"start": ["2026-01-01", "2026-01-02"]},
    ],
)
def test_what_is_no_period_is_refused(api, query):
    refused = api.get("/usage", **query)
    assert (refused.status, refused.code) == (400, "invalid_request")


def test_a_period_that_ends_before_it_starts_is_refused(api):
    refused = api.get("/usage", start="2026-02-01", end="2026-01-01")
    assert (refused.status, refused.code) == (400, "period_invalid")


def test_the_neighbour_cannot_see_it(umbrella_api, used, ada):
    assert umbrella_api.get("/usage", start="2026-01-01").body["totals"]["total_requests"] == 0
    assert umbrella_api.get("/usage", start="2026-01-01", customer_id=ada.public_id).status == 404
