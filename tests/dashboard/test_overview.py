"""The first page: its numbers are those of the books, and what is not known is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from apps.core import clock
from apps.dashboard.charts import nice_ceiling, revenue_charts
from apps.dashboard.overview import DAYS_SHOWN, overview_of
from apps.ledger.audit import audit_and_store
from apps.ledger.models import Balance, LedgerEntry
from apps.meters.rules.usage import Usage
from apps.requests.records import ProviderCost
from apps.requests.voiding import void_request
from tests.factories.catalogue import make_meter
from tests.factories.pages import use
from tests.factories.people import make_customer


def test_the_figures_are_those_of_the_books(acme, ada, starter, at):
    ben = make_customer(acme, plan=starter, name="Ben", at=at)
    use(ada, at=at, request_id="r1", cost=ProviderCost(Decimal("0.5")))
    use(ada, at=at + timedelta(hours=2), request_id="r2")
    use(ben, at=at + timedelta(hours=2), request_id="r3", usage=Usage(input_tokens=7_000_000))
    voided = use(ben, at=at + timedelta(hours=3), request_id="r4", cost=ProviderCost(Decimal(9)))
    void_request(request=voided, at=at + timedelta(hours=4), actor="test", reason="test")

    overview = overview_of(acme, now=at + timedelta(hours=5))

    entries = LedgerEntry.objects.for_merchant(acme)
    kept = entries.filter(kind__in=["usage", "reversal"]).aggregate(Sum("amount"))["amount__sum"]
    assert overview.month.charge == -kept == Decimal(18)
    assert overview.month.cost == Decimal("0.5")
    assert overview.month.margin == Decimal("17.5")
    assert (overview.month.requests, overview.month.requests_without_cost, overview.month.customers) == (3, 2, 2)
    balances = Balance.objects.for_merchant(acme).aggregate(Sum("balance"))["balance__sum"]
    assert overview.unspent_credits - overview.owed == balances == Decimal(2)
    assert sum(day.revenue for day in overview.days) == Decimal(18)


def test_the_neighbours_business_is_not_in_it(acme, umbrella, ada, at):
    use(ada, at=at)
    overview = overview_of(umbrella, now=at)
    assert (overview.month.charge, overview.month.requests, overview.customers) == (0, 0, 0)
    assert not overview.recent


def test_unspent_credits_and_what_is_owed_are_told_apart(acme, ada, starter, at):
    make_customer(acme, plan=starter, name="Ben", at=at)
    use(ada, at=at, usage=Usage(input_tokens=7_000_000))  # $14 of her $10
    overview = overview_of(acme, now=at)
    assert overview.unspent_credits == Decimal(10)
    assert overview.owed == Decimal(4)
    [owing] = overview.attention.below_zero
    assert (owing.name, owing.balance) == ("Ada Lovelace", Decimal(-4))


def test_the_month_is_compared_with_as_much_of_the_month_before(acme, ada):
    def on(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 12, tzinfo=UTC)

    use(ada, at=on(2, 3), request_id="early in February")
    use(ada, at=on(2, 27), request_id="late in February")
    use(ada, at=on(3, 3), request_id="early in March", usage=Usage(input_tokens=3_000_000))
    overview = overview_of(acme, now=on(3, 5))
    assert overview.before.charge == Decimal(2)
    assert overview.revenue_change == Decimal(2)  # $6 after $2


def test_days_begin_at_midnight_of_the_merchant(acme, ada):
    acme.time_zone = "America/New_York"
    use(ada, at=datetime(2026, 1, 20, 3, 30, tzinfo=UTC))  # 22:30 on the 19th in New York
    overview = overview_of(acme, now=datetime(2026, 1, 20, 12, tzinfo=UTC))
    assert {day.on.day: day.revenue for day in overview.days if day.revenue} == {19: Decimal(2)}
    assert len(overview.days) == DAYS_SHOWN


def test_meters_that_no_plan_draws_on_need_attention(acme, ada, at):
    lonely = make_meter(acme, name="Lonely", slug="lonely", at=at)
    assert overview_of(acme, now=at).attention.meters_without_plan == [lonely]


def test_models_without_a_cost_are_named(acme, ada, at):
    use(ada, at=at, model="mystery-1")
    assert overview_of(acme, now=at).attention.models_without_cost == [("mystery-1", 1)]


def test_a_good_day_needs_no_attention(acme, ada, at):
    use(ada, at=at, cost=ProviderCost(Decimal(1)))
    assert not overview_of(acme, now=at).attention.is_needed


def test_the_page_says_what_is_not_known(owner, ada):
    use(ada, at=clock.now())
    page = owner.get("/dashboard/").content.decode()
    assert "unknown for 1 requests" in page
    assert "$2.00" in page
    assert "the first proof is still to come" in page
    audit_and_store(at=clock.now())
    assert "no difference" in owner.get("/dashboard/").content.decode()


def test_the_table_has_what_the_drawing_shows(owner, ada):
    use(ada, at=clock.now())
    page = owner.get("/dashboard/").content.decode()
    assert page.count("<svg") > 2
    assert "The same as a table" in page


def test_an_empty_book_has_no_drawing(acme, at):
    assert revenue_charts(overview_of(acme, now=at).days, currency="USD") == []


def test_an_axis_ends_on_a_round_number():
    numbers = {"0": "1", "0.003": "0.004", "1": "1", "33.9": "40", "41": "50", "999": "1000", "1001": "2000"}
    assert {amount: f"{nice_ceiling(Decimal(amount)):f}" for amount in numbers} == numbers
