"""64 threads charge four customers while cycles renew, credits are given and requests are voided."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from apps.customers.models import Customer
from apps.ledger.granting import give_credits
from apps.ledger.models import Balance, Grant, LedgerEntry
from apps.meters.rules.usage import TierType, Usage
from apps.requests.charging import Charged, Outcome, RequestIdConflict, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from apps.requests.voiding import void_request
from apps.subscriptions.models import Cycle
from apps.subscriptions.renewal import bring_up_to_date
from tests.concurrency.crowd import at_once
from tests.concurrency.proof import assert_books_are_right
from tests.factories.catalogue import make_meter, make_plan, tier
from tests.factories.people import make_customer

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 64
TURNS = 12
BATCH_MAX = 20
TICK = timedelta(minutes=10)


class Clock:
    """Ten minutes pass at every reading, whoever reads, so that days go by while the threads work."""

    def __init__(self, starts_at: datetime) -> None:
        self._starts_at = starts_at
        self._readings = itertools.count(1)

    def now(self) -> datetime:
        return self._starts_at + TICK * next(self._readings)


@dataclass
class Told:
    """What the threads were told: every report with its answer, every voided request, every gift."""

    answers: list[tuple[Report, Outcome]] = field(default_factory=list)
    voided: list[MeteredRequest] = field(default_factory=list)
    given: dict[str, Grant] = field(default_factory=dict)


@pytest.fixture
def customers(acme, at) -> list[Customer]:
    """Two on a plan whose credits roll over, two on one whose credits expire; both renew every day."""
    meters = [
        make_meter(acme, at=at),
        make_meter(
            acme,
            at=at,
            name="Searches",
            slug="searches",
            tier_type=TierType.REQUESTS,
            tiers=(tier("0", "0.05"), tier("20", "0.03"), tier("90", "0.0033333333")),
        ),
    ]
    plans = [
        make_plan(
            acme,
            meters=meters,
            at=at,
            name=rollover,
            billing_interval="day",
            rollover_type=rollover,
            included_credit=Decimal(credit),
        )
        for rollover, credit in (("full", "3.5"), ("none", "20"))
    ]
    return [make_customer(acme, plan=plan, at=at) for plan in plans for _ in range(2)]


def report(customer: Customer, request_id: str, number: int) -> Report:
    """A report whose meter and usage follow from `number`."""
    meter, usage = ("tokens", Usage(input_tokens=number * 977 % 30_000, output_tokens=number))
    if number % 3 == 0:
        meter, usage = ("searches", Usage())
    return Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug=meter,
        usage=usage,
    )


class Actor:
    """One of the threads. What it does follows from its number; when, from the others."""

    def __init__(self, number: int, customers: list[Customer], clock: Clock) -> None:
        self.random = Random(number)
        self.number = number
        self.customers = customers
        self.clock = clock
        self.told = Told()

    def act(self) -> Told:
        for turn in range(TURNS):
            deed = self.random.choices(
                (self.charge_a_batch, self.void_one, self.give, self.renew), weights=(70, 12, 10, 8)
            )[0]
            deed(turn)
        return self.told

    def charge_a_batch(self, turn: int) -> None:
        some = self.random.sample(self.customers, self.random.randint(1, 3))
        size = self.random.randint(1, BATCH_MAX)
        reports = [self._report(some, f"{self.number}-{turn}-{item}") for item in range(size)]
        self.told.answers += zip(reports, charge(reports, at=self.clock.now()), strict=True)

    def _report(self, some: list[Customer], fresh_id: str) -> Report:
        kind, number = self.random.random(), self.random.randrange(60)
        if kind < 0.2:  # many threads report the same request
            return report(self.customers[number % len(self.customers)], f"again-{number}", number)
        if kind < 0.3:  # and some claim it for different customers
            return report(self.random.choice(some), f"contested-{number}", number)
        return report(self.random.choice(some), fresh_id, self.random.randrange(1, 10_000))

    def void_one(self, turn: int) -> None:
        charged = [outcome for _, outcome in self.told.answers if isinstance(outcome, Charged)]
        if charged:
            merchant, record = self.customers[0].merchant, self.random.choice(charged).record
            request = MeteredRequest.objects.for_merchant(merchant).get(pk=record.id)
            self.told.voided.append(void_request(request=request, at=self.clock.now(), actor="test"))

    def give(self, turn: int) -> None:
        number = self.random.randrange(40)
        at, key = self.clock.now(), f"gift-{number}"
        customer = self.customers[number % len(self.customers)]
        lasts = None if number % 2 else at + timedelta(days=1)
        self.told.given[key] = give_credits(
            customer=customer, amount=Decimal("0.5"), at=at, key=key, actor="test", reason="fair", expires_at=lasts
        )

    def renew(self, turn: int) -> None:
        customer, at = self.random.choice(self.customers), self.clock.now()
        bring_up_to_date(merchant_id=customer.merchant_id, customer_id=customer.pk, at=at)


@pytest.fixture
def clock(at) -> Clock:
    return Clock(at)


@pytest.fixture
def told(customers, clock) -> Told:
    """The storm, and everything that anybody in it was told."""
    actors = [Actor(number, customers, clock) for number in range(THREADS)]
    everything = Told()
    for one in at_once([actor.act for actor in actors]):
        assert isinstance(one, Told)
        everything.answers += one.answers
        everything.voided += one.voided
        everything.given |= one.given
    return everything


def test_it_ends_with_every_acknowledged_request_recorded_once_and_the_books_exact(acme, customers, clock, told):
    assert_books_are_right(at=clock.now())
    assert_recorded_exactly_once(acme, told)
    assert_balances_are_exact(acme, customers, told)
    assert Cycle.objects.for_merchant(acme).filter(seq__gte=3).exists(), "cycles renewed meanwhile"


def assert_recorded_exactly_once(acme, told: Told) -> None:
    rows = MeteredRequest.objects.for_merchant(acme).select_related("customer__merchant")
    stored = {row.request_id: row for row in rows}
    creations = defaultdict(int)
    for reported, outcome in told.answers:
        row = stored[reported.request_id]
        if isinstance(outcome, RequestIdConflict):
            assert row.customer.public_id != reported.customer
            continue
        assert isinstance(outcome, Charged), outcome
        creations[reported.request_id] += outcome.created
        record = outcome.record
        assert (record.id, record.charge, record.balance_after) == (str(row.pk), row.charge, row.balance_after)
        assert row.customer.public_id == reported.customer
    assert creations == dict.fromkeys(stored, 1)


def assert_balances_are_exact(acme, customers: list[Customer], told: Told) -> None:
    """Everything given, less everything charged and not voided, less what expired: to the last digit."""
    charges = {o.record.id: o.record for _, o in told.answers if isinstance(o, Charged)}
    for voided in told.voided:
        charges.pop(str(voided.pk), None)
    for customer in customers:
        cycles = Cycle.objects.for_merchant(acme).filter(customer=customer)
        expired = LedgerEntry.objects.for_merchant(acme).filter(customer=customer, kind="expiry")
        expected = (
            sum(cycle.included_credit for cycle in cycles)
            + sum(grant.amount for grant in told.given.values() if grant.customer_id == customer.pk)
            - sum(record.charge for record in charges.values() if record.customer_id == str(customer.pk))
            + sum(entry.amount for entry in expired)
        )
        assert Balance.objects.for_merchant(acme).get(customer_id=customer.pk).balance == expected
