"""A key may call so often a minute, whichever process it calls."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import connection

from apps.core import clock
from apps.merchants.models import RateWindow
from apps.merchants.rate_limits import Lane, count_call, forget_old_windows
from apps.merchants.secret_keys import authenticate
from tests.factories.callers import Api

NOON = datetime(2026, 1, 15, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def at():
    return clock.now()


def test_management_routes_say_what_is_left(api):
    headers = api.get("/meters").headers
    assert headers["X-RateLimit-Limit"] == "1000"
    assert int(headers["X-RateLimit-Remaining"]) < 1000
    assert 0 <= int(headers["X-RateLimit-Reset"]) - clock.now().timestamp() <= 60


def test_one_call_too_many_is_refused_and_told_when_to_come_back(api, settings):
    settings.RATE_LIMIT_PER_MINUTE = 1
    answers = [api.get("/meters") for _ in range(3)]  # a minute may begin in between
    refused = answers[-1]
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def test_refusals_count_too(api, settings):
    settings.RATE_LIMIT_PER_MINUTE = 1
    assert "X-RateLimit-Limit" in api.get("/customers/nobody").headers


def test_reporting_usage_has_no_limit_by_default(api, ada):
    body = {"request_id": "r", "customer_id": "ada", "meter_slug": "tokens"}
    assert "X-RateLimit-Limit" not in api.post("/requests", body).headers


def test_reporting_usage_is_counted_apart(api, ada, settings):
    settings.RATE_LIMIT_PER_MINUTE, settings.USAGE_RATE_LIMIT_PER_MINUTE = 5, 100
    body = {"request_id": "r", "customer_id": "ada", "meter_slug": "tokens"}
    for _ in range(10):
        assert api.post("/requests", body).status in {200, 201}
    assert api.get("/meters").status == 200


def test_a_minute_begins_anew(acme, settings):
    settings.RATE_LIMIT_PER_MINUTE = 1
    caller = authenticate(Api(acme, at=NOON).key)
    assert not count_call(caller, Lane.MANAGEMENT, at=NOON).is_exceeded
    assert count_call(caller, Lane.MANAGEMENT, at=NOON + timedelta(seconds=39)).is_exceeded
    assert not count_call(caller, Lane.MANAGEMENT, at=NOON + timedelta(seconds=40)).is_exceeded


def test_another_key_has_its_own_allowance(acme, settings):
    settings.RATE_LIMIT_PER_MINUTE = 1
    callers = [authenticate(Api(acme, at=NOON).key) for _ in range(2)]
    assert not any(count_call(caller, Lane.MANAGEMENT, at=NOON).is_exceeded for caller in callers)


def test_counts_of_minutes_gone_by_are_dropped(acme):
    caller = authenticate(Api(acme, at=NOON).key)
    count_call(caller, Lane.MANAGEMENT, at=NOON)
    assert forget_old_windows(at=NOON + timedelta(minutes=1)) == 0
    assert forget_old_windows(at=NOON + timedelta(hours=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_calls_at_once_are_each_counted(acme):
    caller = authenticate(Api(acme, at=NOON).key)

    def call() -> None:
        try:
            for _ in range(20):
                count_call(caller, Lane.MANAGEMENT, at=NOON)
        finally:
            connection.close()

    threads = [Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert RateWindow.objects.for_merchant(acme).get().count == 100
