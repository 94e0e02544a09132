"""Whatever customers, staff and the clock do, in whatever order, the books stay right after every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from apps.core.errors import LavaError
from apps.customers.models import Customer
from apps.ledger.audit import run_audit
from apps.ledger.expiring import customers_with_expired_credits, expire_customer
from apps.ledger.granting import adjust_credits, give_credits
from apps.ledger.holds import place_hold, release_hold
from apps.meters.catalogue import change_meter
from apps.meters.models import Meter
from apps.plans.models import Plan
from apps.requests.charging import charge
from apps.requests.models import MeteredRequest
from apps.requests.records import ProviderCost
from apps.requests.voiding import void_request
from apps.subscriptions.enrolment import put_on_plan, request_cancellation
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import subscription_of
from tests.audit.conftest import JANUARY_31, open_shop, reported
from tests.factories.catalogue import make_plan, tier
from tests.factories.people import make_customer, make_merchant

STEPS = 50
PAUSES = [timedelta(0), timedelta(0), timedelta(hours=5), timedelta(days=1), timedelta(days=9), timedelta(days=33)]


class Business:
    """A merchant with three plans and three customers, to whom something happens at every step."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.at: datetime = JANUARY_31
        self.step = 0
        self.merchant = make_merchant("Acme", at=self.at).sandbox
        monthly = open_shop(self.merchant, at=self.at)
        self.meters = list(Meter.objects.for_merchant(self.merchant))
        self.plans: list[Plan] = [
            monthly,
            make_plan(
                self.merchant,
                meters=self.meters,
                at=self.at,
                name="Weekly",
                billing_interval="week",
                included_credit=Decimal(3),
                rollover_type="full",
            ),
            make_plan(self.merchant, meters=self.meters, at=self.at, name="Yearly", billing_interval="year"),
        ]
        self.customers: list[Customer] = [
            make_customer(self.merchant, plan=random.choice(self.plans), reference_id=name, at=self.at)
            for name in ("ada", "ben", "cleo")
        ]

    def happen(self) -> str:
        """Let some time pass and one thing happen; returns what it was."""
        self.step += 1
        self.at += self.random.choice(PAUSES)
        happening = self.random.choice(HAPPENINGS)
        try:
            happening(self, self.random.choice(self.customers))
        except LavaError as refusal:
            return f"{happening.__name__} was refused: {refusal}"
        finally:
            # What the clock does every few seconds.
            for merchant_id, customer_id in customers_with_expired_credits(at=self.at, most=100):
                expire_customer(merchant_id=merchant_id, customer_id=customer_id, at=self.at)
        return happening.__name__

    def usage_is_reported(self, customer: Customer) -> None:
        cost = ProviderCost(Decimal(self.random.randrange(1_000)) / 100)
        slug = self.random.choice(["tokens", "search", "resale", "pings"])
        tokens = self.random.randrange(3_000_000)
        charge([reported(customer, f"r{self.step}", slug, cost=cost, input_tokens=tokens)], at=self.at)

    def a_request_is_voided(self, customer: Customer) -> None:
        requests = MeteredRequest.objects.for_merchant(self.merchant).filter(customer_id=customer.pk)
        if requests:
            request = self.random.choice(requests.order_by("created_at", "request_id"))
            void_request(request=request, at=self.at, actor="test", reason="random")

    def credits_are_given(self, customer: Customer) -> None:
        give_credits(
            customer=customer,
            amount=Decimal(self.random.randrange(1, 500)) / 100,
            at=self.at,
            key=f"gift-{self.step}",
            actor="test",
            reason="random",
            expires_at=self.random.choice([None, self.at + timedelta(days=self.random.randrange(1, 40))]),
        )

    def the_balance_is_adjusted(self, customer: Customer) -> None:
        amount = Decimal(self.random.choice([-300, -20, 150])) / 100
        adjust_credits(
            customer=customer, amount=amount, at=self.at, key=f"adjust-{self.step}", actor="test", reason="random"
        )

    def the_plan_changes(self, customer: Customer) -> None:
        put_on_plan(customer=customer, plan=self.random.choice(self.plans), at=self.at)

    def the_customer_cancels(self, customer: Customer) -> None:
        subscription = subscription_of(customer)
        assert subscription is not None
        request_cancellation(subscription=subscription, at=self.at)

    def the_worker_wakes_up(self, customer: Customer) -> None:
        bring_up_to_date(merchant_id=customer.merchant_id, customer_id=customer.pk, at=self.at)

    def a_price_changes(self, customer: Customer) -> None:
        tiers = (tier("0", str(self.random.randrange(1, 9))), tier("900000", "1"))
        change_meter(meter=self.random.choice(self.meters), tiers=tiers, at=self.at)

    def credits_are_held(self, customer: Customer) -> None:
        hold = place_hold(customer=customer, amount=Decimal("0.1"), request_id=f"h{self.step}", at=self.at)
        release_hold(merchant_id=hold.merchant_id, hold_id=hold.pk, at=self.at)


HAPPENINGS: list[Callable[[Business, Customer], None]] = [
    *[Business.usage_is_reported] * 5,
    *[Business.a_request_is_voided] * 2,
    Business.credits_are_given,
    Business.the_balance_is_adjusted,
    Business.the_plan_changes,
    Business.the_customer_cancels,
    Business.the_worker_wakes_up,
    Business.a_price_changes,
    Business.credits_are_held,
]


@pytest.mark.parametrize("seed", range(4))
def test_the_books_stay_right(db: None, seed: int) -> None:
    business = Business(Random(seed))
    told = []
    for _ in range(STEPS):
        told.append(business.happen())
        assert run_audit(at=business.at).differences == [], f"after {told}"
