"""A small book with a bit of everything in it, written by the functions that write real ones.

Ada, at Acme, has a plan with $10 a month of which at most $5 roll over; docs/how-money-moves.md tells what she
does, entry by entry. Ben is on the same plan since 31 January, holds $2 for a request that is running, and had $1
released. Cleo, at Umbrella, has spent 20 cents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from apps.customers.models import Customer
from apps.ledger.granting import adjust_credits, give_credits
from apps.ledger.holds import place_hold, release_hold
from apps.ledger.models import Grant, LedgerEntry
from apps.merchants.models import Merchant, RateWindow
from apps.merchants.secret_keys import create_secret_key
from apps.merchants.tenancy import TenantModel
from apps.meters.models import Meter, Rate
from apps.meters.rules.pricing import RateType
from apps.meters.rules.usage import TierType, Usage
from apps.plans.catalogue import NewBundle
from apps.plans.models import Plan, PlanMeter
from apps.requests.charging import Charged, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import ProviderCost, Report
from apps.requests.voiding import void_request
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.renewal import bring_up_to_date
from tests.factories.catalogue import make_meter, make_plan, tier
from tests.factories.people import make_customer, make_merchant

JANUARY_15 = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
JANUARY_31 = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
FEBRUARY_16 = datetime(2026, 2, 16, 12, 0, tzinfo=UTC)
MARCH_20 = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
AUDITED_AT = MARCH_20 + timedelta(minutes=5)


@dataclass(frozen=True)
class Book:
    """Whom the stories of these tests are about."""

    acme: Merchant
    umbrella: Merchant
    ada: Customer
    ben: Customer
    cleo: Customer

    def ids(self) -> dict[str, UUID]:
        """Their ids, for statements."""
        return {name: getattr(self, name).pk for name in ("acme", "umbrella", "ada", "ben", "cleo")}

    def names(self) -> dict[str, str]:
        """What people call the rows, by the ids that findings call them: `ben's Starter of 28 February`."""
        customers = {customer.pk: str(customer.reference_id) for customer in Customer.across_merchants.all()}
        named: dict[TenantModel, str] = {}
        for customer in Customer.across_merchants.all():
            named[customer] = customers[customer.pk]
        for meter in Meter.across_merchants.select_related("merchant"):
            named[meter] = f"{meter.merchant.name}'s {meter.slug}"
        for rate in Rate.across_merchants.all():
            named[rate] = f"version {rate.version}"
        for subscription in Subscription.across_merchants.select_related("plan"):
            named[subscription] = f"{customers[subscription.customer_id]}'s {subscription.plan.name}"
        for cycle in Cycle.across_merchants.select_related("subscription__plan"):
            plan = cycle.subscription.plan.name
            named[cycle] = f"{customers[cycle.customer_id]}'s {plan} of {cycle.starts_at:%-d %B}"
        cycles = {str(row.pk): name for row, name in named.items() if isinstance(row, Cycle)}
        for grant in Grant.across_merchants.all():
            named[grant] = re.sub(r"cycle:([\w-]+)", lambda key: cycles[key[1]], grant.idempotency_key)
        for entry in LedgerEntry.across_merchants.all():
            named[entry] = f"{customers[entry.customer_id]}'s {entry.seq}"
        for request in MeteredRequest.across_merchants.all():
            named[request] = request.request_id
        for link in PlanMeter.across_merchants.select_related("plan", "meter"):
            named[link] = f"{link.plan.name}'s {link.meter.slug}"
        names = {merchant.public_id: merchant.name for merchant in Merchant.objects.filter(mode="test")}
        for row, name in named.items():
            names[row.public_id] = names[str(row.pk)] = name
        return names


_ID = re.compile(r"\b[a-z]+_test_[0-9A-Z]{26}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def readable(text: str, names: dict[str, str]) -> str:
    """A finding with the names of its rows instead of their ids."""
    return _ID.sub(lambda found: names.get(found[0], found[0]), text)


@pytest.fixture
def book(db: None) -> Book:
    """The book as it is on 20 March."""
    acme, umbrella = (make_merchant(name, at=JANUARY_15).sandbox for name in ("Acme", "Umbrella"))
    growth, other = (open_shop(merchant, at=JANUARY_15) for merchant in (acme, umbrella))
    ada = make_customer(acme, plan=growth, reference_id="ada", at=JANUARY_15)
    ben = make_customer(acme, plan=growth, reference_id="ben", at=JANUARY_31)
    cleo = make_customer(umbrella, plan=other, reference_id="cleo", at=JANUARY_15)
    live_through_january(ada)
    report(cleo, "cleo-1", "tokens", JANUARY_15, input_tokens=100_000)
    report(ada, "ada-8", "tokens", FEBRUARY_16, input_tokens=2_000_000)
    for customer in (ada, ben, cleo):
        bring_up_to_date(merchant_id=customer.merchant_id, customer_id=customer.pk, at=MARCH_20)
    live_through_march(ada, ben)
    return Book(acme, umbrella, ada, ben, cleo)


def open_shop(merchant: Merchant, *, at: datetime) -> Plan:
    """A key, four meters, and a plan with a bundle that draws on them."""
    meters = [
        make_meter(merchant, at=at),
        make_meter(merchant, at=at, slug="search", tiers=(tier("0", "5"), tier("1000000", "3"))),
        make_meter(merchant, at=at, slug="resale", rate_type=RateType.PERCENTAGE, tiers=(tier("0", "20"),)),
        make_meter(merchant, at=at, slug="pings", tier_type=TierType.REQUESTS, tiers=(tier("0", "0"),)),
    ]
    key, _ = create_secret_key(merchant=merchant, name="shop", at=at)
    RateWindow.objects.create(merchant=merchant, secret_key_id=key.pk, starts_at=at, count=1)
    return make_plan(
        merchant,
        meters=meters,
        at=at,
        rollover_type="full",
        rollover_cap=Decimal(5),
        credit_bundles=[NewBundle("Ten dollars", cost=Decimal(9), credit_amount=Decimal(10))],
        default_auto_top_up_bundle_index=0,
    )


def live_through_january(ada: Customer) -> None:
    at = JANUARY_15
    report(ada, "ada-1", "tokens", at, input_tokens=1_000_000, output_tokens=500_000)
    report(ada, "ada-2", "search", at, input_tokens=600_000)
    report(ada, "ada-3", "search", at, input_tokens=800_000)
    report(ada, "ada-4", "resale", at, input_tokens=10, cost=ProviderCost(Decimal("0.5")))
    report(ada, "ada-5", "tokens", at, input_tokens=1_000_000)
    in_60_days = at + timedelta(days=60)
    give_credits(
        customer=ada, amount=Decimal(5), at=at, key="welcome", actor="test", reason="welcome", expires_at=in_60_days
    )
    report(ada, "ada-6", "pings", at)
    request = report(ada, "ada-7", "tokens", at, input_tokens=500_000)
    void_request(request=request, at=at, actor="test", reason="a mistake")


def live_through_march(ada: Customer, ben: Customer) -> None:
    at = MARCH_20
    report(ada, "ada-9", "tokens", at, input_tokens=1_000_000)
    adjust_credits(customer=ada, amount=Decimal(-1), at=at, key="down", actor="test", reason="too much given")
    adjust_credits(customer=ada, amount=Decimal("0.5"), at=at, key="up", actor="test", reason="half of it back")
    place_hold(customer=ben, amount=Decimal(2), request_id="ben-running", at=at)
    released = place_hold(customer=ben, amount=Decimal(1), request_id="ben-released", at=at)
    release_hold(merchant_id=ben.merchant_id, hold_id=released.pk, at=at)


def reported(
    customer: Customer, request_id: str, meter: str, *, cost: ProviderCost | None = None, **usage: int
) -> Report:
    """Usage of a customer on the meter with this slug."""
    return Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug=meter,
        usage=Usage(**usage),
        cost=cost,
    )


def report(
    customer: Customer, request_id: str, meter: str, at: datetime, *, cost: ProviderCost | None = None, **usage: int
) -> MeteredRequest:
    """Report usage of a customer; it must be charged."""
    [outcome] = charge([reported(customer, request_id, meter, cost=cost, **usage)], at=at)
    assert isinstance(outcome, Charged), outcome
    request: MeteredRequest = MeteredRequest.objects.for_merchant(customer.merchant).get(pk=outcome.record.id)
    return request
