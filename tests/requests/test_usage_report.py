"""Usage by day is exact, wherever the sums are read from."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from apps.meters.rules.usage import Usage
from apps.requests.charging import Charged, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import ProviderCost, Report
from apps.requests.usage_report import PeriodInvalid, Sums, report_usage
from apps.requests.voiding import void_request
from tests.factories.catalogue import make_meter
from tests.factories.people import make_customer

NOW = datetime(2026, 1, 20, 10, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def history(acme, ada, starter, at):
    """A request every 47 minutes for five days, of two customers, some without a known cost."""
    make_customer(acme, plan=starter, reference_id="bob", at=at)
    moment, number, reports = at, 0, []
    while moment < NOW:
        report = Report(
            merchant=acme,
            request_id=f"r{number}",
            customer="bob" if number % 3 == 0 else "ada",
            meter_slug="tokens",
            usage=Usage(input_tokens=1000 + number, output_tokens=number),
            cost=None if number % 5 == 0 else ProviderCost(Decimal("0.001") * number),
            metadata={"parity": "even" if number % 2 == 0 else "odd"},
        )
        [outcome] = charge([report], at=moment)
        assert isinstance(outcome, Charged)
        reports.append(outcome)
        moment, number = moment + 47 * MINUTE + timedelta(microseconds=1), number + 1
    voided = MeteredRequest.objects.for_merchant(acme).get(request_id="r7")
    void_request(request=voided, at=NOW, actor="test")
    return list(MeteredRequest.objects.for_merchant(acme).filter(voided_at__isnull=True))


def _by_hand(requests, starts_at, until):
    sums: dict[date, Sums] = {}
    for request in requests:
        if starts_at <= request.created_at < until:
            on = request.created_at.astimezone(starts_at.tzinfo).date()
            sums[on] = sums.get(on, Sums()) + Sums(
                1,
                int(request.cost is None),
                request.input_tokens + request.output_tokens,
                request.cost or Decimal(0),
                request.charge,
            )
    return sums


PERIODS = {
    "whole days": (datetime(2026, 1, 16, tzinfo=UTC), datetime(2026, 1, 19, tzinfo=UTC)),
    "to the minute": (datetime(2026, 1, 15, 13, 37, tzinfo=UTC), datetime(2026, 1, 18, 3, 3, tzinfo=UTC)),
    "within an hour": (datetime(2026, 1, 16, 5, 10, tzinfo=UTC), datetime(2026, 1, 16, 5, 40, tzinfo=UTC)),
    "until now": (datetime(2026, 1, 15, tzinfo=UTC), NOW + timedelta(microseconds=1)),
    "into the future": (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    "in Berlin": (
        datetime(2026, 1, 16, tzinfo=timezone(HOUR)),
        datetime(2026, 1, 18, tzinfo=timezone(HOUR)),
    ),
    "in Los Angeles": (
        datetime(2026, 1, 15, 18, tzinfo=timezone(-8 * HOUR)),
        datetime(2026, 1, 19, tzinfo=timezone(-8 * HOUR)),
    ),
    "in Mumbai": (
        datetime(2026, 1, 16, tzinfo=timezone(5.5 * HOUR)),
        datetime(2026, 1, 19, tzinfo=timezone(5.5 * HOUR)),
    ),
}


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
def test_it_is_what_adding_up_by_hand_gives(acme, history, period):
    starts_at, until = period
    report = report_usage(merchant=acme, starts_at=starts_at, until=until, at=NOW)
    expected = _by_hand(history, starts_at, until)
    assert {day.on: day.sums for day in report.days if day.sums.requests} == expected
    assert report.totals == sum(expected.values(), Sums())
    assert report.totals.requests > 0


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
def test_it_can_be_told_whose_on_what_and_with_which_metadata(acme, ada, tokens, history, period, at):
    starts_at, until = period
    of_ada = [request for request in history if request.customer_id == ada.pk]
    odd = [request for request in of_ada if request.metadata == {"parity": "odd"}]
    whose = {"merchant": acme, "customer": ada, "meter": tokens, "starts_at": starts_at, "until": until, "at": NOW}
    assert report_usage(**whose).totals == sum(_by_hand(of_ada, starts_at, until).values(), Sums())
    filtered = report_usage(**whose, metadata=[("parity", "odd")])
    assert filtered.totals == sum(_by_hand(odd, starts_at, until).values(), Sums())
    unused = make_meter(acme, slug="unused", at=at)
    assert report_usage(**(whose | {"meter": unused})).totals == Sums()


def test_every_day_is_there_from_the_merchants_first_to_today(acme, history):
    report = report_usage(
        merchant=acme, starts_at=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(2026, 3, 1, tzinfo=UTC), at=NOW
    )
    assert [day.on for day in report.days] == [date(2026, 1, 15 + number) for number in range(6)]


def test_a_period_that_ends_before_it_starts_is_refused(acme):
    with pytest.raises(PeriodInvalid):
        report_usage(merchant=acme, starts_at=NOW, until=NOW, at=NOW)


def test_the_neighbours_usage_is_not_in_it(umbrella, history):
    starts_at, until = PERIODS["until now"]
    assert report_usage(merchant=umbrella, starts_at=starts_at, until=until, at=NOW).totals == Sums()
