"""Plan changes, renewals, charges and deletions of one customer at the same moment, each seeing whole states only."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db.models import F

from apps.core import clock
from apps.core.errors import LavaError
from apps.customers.lookup import CustomerNotFound
from apps.customers.models import Customer
from apps.ledger.granting import give_credits
from apps.ledger.models import Balance
from apps.meters.rules.usage import Usage
from apps.plans.models import Plan
from apps.requests.charging import Charged, Outcome, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from apps.subscriptions.enrolment import delete_customer, put_on_plan, request_cancellation
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.renewal import bring_up_to_date
from tests.concurrency.crowd import at_once
from tests.concurrency.proof import assert_books_are_right
from tests.factories.catalogue import make_plan
from tests.factories.people import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plans(acme, tokens, at) -> list[Plan]:
    """Daily plans; credits of the first roll over, those of the second expire."""
    return [
        make_plan(acme, meters=[tokens], at=at, name=rollover, billing_interval="day", rollover_type=rollover)
        for rollover in ("full", "none")
    ]


@pytest.fixture
def eve(acme, plans, at) -> Customer:
    return make_customer(acme, plan=plans[0], name="Eve", at=at)


def charge_one(customer: Customer, request_id: str, at: datetime) -> Outcome:
    report = Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug="tokens",
        usage=Usage(input_tokens=100_000),
    )
    [outcome] = charge([report], at=at)
    return outcome


def subscriptions_of(customer: Customer) -> list[Subscription]:
    """The first one first; one that ended as it began stands before the one that followed."""
    subscriptions = Subscription.objects.for_merchant(customer.merchant).filter(customer=customer)
    return list(subscriptions.order_by("started_at", F("ended_at").asc(nulls_last=True)))


def open_cycles_of(customer: Customer) -> int:
    return Cycle.objects.for_merchant(customer.merchant).filter(customer=customer, closed_at__isnull=True).count()


def test_charges_renewals_and_plan_changes_leave_one_plan_and_exact_books(eve, plans, at):
    later = at + timedelta(days=1, hours=1)
    deeds = [partial(charge_one, eve, f"r{n}", later) for n in range(24)]
    deeds += [partial(put_on_plan, customer=eve, plan=plans[n % 2], at=later) for n in range(8)]
    deeds += [partial(bring_up_to_date, merchant_id=eve.merchant_id, customer_id=eve.pk, at=later)] * 8

    outcomes = at_once(deeds)

    assert Counter(map(type, outcomes)) == {Charged: 24, Subscription: 8, type(None): 8}
    assert MeteredRequest.objects.for_merchant(eve.merchant).count() == 24
    assert open_cycles_of(eve) == 1
    assert_books_are_right(at=later)


def test_plan_changes_by_clocks_that_differ_follow_each_other_without_a_gap(eve, plans):
    """Who asks the clock first is not who comes first."""

    def change(number: int) -> None:
        for turn in range(4):
            put_on_plan(customer=eve, plan=plans[(number + turn) % 2], at=clock.now())

    at_once([partial(change, number) for number in range(8)])

    history = subscriptions_of(eve)
    assert [one.ended_at for one in history[:-1]] == [one.started_at for one in history[1:]]
    assert_books_are_right(at=clock.now())


def test_16_times_the_same_plan_is_one_change(eve, plans, at):
    later = at + timedelta(hours=1)

    subscriptions = at_once([partial(put_on_plan, customer=eve, plan=plans[1], at=later)] * 16)

    assert len({one.pk for one in subscriptions}) == 1
    assert [one.plan_id for one in subscriptions_of(eve)[-2:]] == [plans[0].pk, plans[1].pk]
    assert_books_are_right(at=later)


def test_a_cancellation_in_the_middle_of_renewals_falls_to_the_free_plan_once(eve, at):
    later = at + timedelta(days=1)
    subscription = subscriptions_of(eve)[-1]

    at_once(
        [partial(request_cancellation, subscription=subscription, at=at)] * 4
        + [partial(bring_up_to_date, merchant_id=eve.merchant_id, customer_id=eve.pk, at=later)] * 8
    )

    assert open_cycles_of(eve) == 1
    assert_books_are_right(at=later + timedelta(days=1))
    assert subscriptions_of(eve)[-1].plan.is_free_default


@pytest.mark.parametrize("round", range(4))
def test_a_deletion_against_everything_else_leaves_nothing_behind(eve, plans, at, round):
    later = at + timedelta(days=1, hours=1)
    deeds = [partial(charge_one, eve, f"r{n}", later) for n in range(12)]
    deeds += [partial(put_on_plan, customer=eve, plan=plans[n % 2], at=later) for n in range(4)]
    deeds += [partial(bring_up_to_date, merchant_id=eve.merchant_id, customer_id=eve.pk, at=later)] * 2
    deeds += [partial(_give, eve, f"gift-{n}", later) for n in range(4)]
    deeds.insert(round * 5, partial(delete_customer, customer=eve, at=later))

    outcomes = at_once(deeds)

    charged = sum(isinstance(outcome, Charged) for outcome in outcomes)
    assert MeteredRequest.objects.for_merchant(eve.merchant).count() == charged
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, LavaError)} <= {CustomerNotFound}
    assert isinstance(charge_one(eve, "afterwards", later), CustomerNotFound)
    assert open_cycles_of(eve) == 0
    assert Balance.objects.for_merchant(eve.merchant).get(customer=eve).balance <= 0
    assert_books_are_right(at=later + timedelta(minutes=20))


def _give(customer: Customer, key: str, at: datetime) -> object:
    return give_credits(customer=customer, amount=Decimal(1), at=at, key=key, actor="test", reason="fair")
