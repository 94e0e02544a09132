"""A voided request: the credits come back, the request stays, the sums forget it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.ledger.granting import give_credits
from apps.ledger.models import Balance, Grant, LedgerEntry
from apps.ledger.statements import credits_of
from apps.requests.charging import charge
from apps.requests.models import HourlyRollup, MeterCounter, MeteredRequest
from apps.requests.voiding import void_request
from apps.subscriptions.enrolment import put_on_plan
from apps.subscriptions.models import Cycle
from tests.factories.catalogue import make_plan
from tests.requests.test_charging import report


def recorded(customer, request_id="r1") -> MeteredRequest:
    return MeteredRequest.objects.for_merchant(customer.merchant).get(request_id=request_id)


def balance_of(customer) -> Balance:
    return Balance.objects.for_merchant(customer.merchant).get(customer_id=customer.pk)


def test_the_credits_return_to_their_lot_and_the_sums_forget_the_request(ada, at):
    charge([report(ada, input_tokens=1_000_000)], at=at)
    voided = void_request(request=recorded(ada), at=at, actor="test")
    assert voided.voided_at == at
    assert credits_of(ada, at=at).cycle_remaining == Decimal(10)
    assert HourlyRollup.objects.for_merchant(ada.merchant).get().charge == 0
    assert MeterCounter.objects.for_merchant(ada.merchant).get().quantity == 0


def test_voiding_twice_gives_back_once(ada, at):
    charge([report(ada, input_tokens=1_000_000)], at=at)
    void_request(request=recorded(ada), at=at, actor="test")
    void_request(request=recorded(ada), at=at, actor="test")
    assert LedgerEntry.objects.for_merchant(ada.merchant).filter(kind="reversal").count() == 1


def test_a_lot_that_was_spent_is_open_again(ada, at):
    charge([report(ada, input_tokens=5_000_000)], at=at)
    assert balance_of(ada).balance == 0
    void_request(request=recorded(ada), at=at, actor="test")
    assert credits_of(ada, at=at).cycle_remaining == Decimal(10)


def test_a_deficit_is_forgiven(ada, at):
    charge([report(ada, input_tokens=6_000_000)], at=at)
    void_request(request=recorded(ada), at=at, actor="test")
    assert (balance_of(ada).balance, balance_of(ada).deficit) == (Decimal(10), Decimal(0))


def test_a_deficit_that_was_paid_comes_back_as_a_fresh_lot(ada, at):
    charge([report(ada, input_tokens=6_000_000)], at=at)
    give_credits(customer=ada, amount=Decimal(5), at=at, key="gift", actor="test", reason="sorry")
    void_request(request=recorded(ada), at=at, actor="test")
    assert balance_of(ada).balance == Decimal(15)
    assert balance_of(ada).deficit == 0
    assert credits_of(ada, at=at).total_remaining == Decimal(15)


@pytest.mark.parametrize("later", [timedelta(days=32), timedelta(days=70)])
def test_credits_of_a_cycle_that_is_over_last_as_long_as_the_open_one(ada, at, later):
    charge([report(ada, input_tokens=1_000_000)], at=at)
    void_request(request=recorded(ada), at=at + later, actor="test")
    credits = credits_of(ada, at=at + later)
    assert credits.cycle_remaining == Decimal(12)
    assert credits.bundle_remaining == 0


def test_credits_of_a_cycle_that_a_plan_change_cut_short_come_into_the_open_one(ada, acme, tokens, at):
    charge([report(ada, input_tokens=1_000_000)], at=at)
    other = make_plan(acme, meters=[tokens], at=at, name="Other", included_credit=Decimal(1))
    put_on_plan(customer=ada, plan=other, at=at + timedelta(days=1))
    void_request(request=recorded(ada), at=at + timedelta(days=2), actor="test")
    credits = credits_of(ada, at=at + timedelta(days=2))
    assert (credits.cycle_remaining, credits.bundle_remaining) == (Decimal(3), Decimal(0))
    assert not account_lots_of_closed_cycles(ada)


def account_lots_of_closed_cycles(customer) -> list[Grant]:
    cycle = Cycle.objects.for_merchant(customer.merchant).get(customer=customer, closed_at__isnull=True)
    lots = Grant.objects.for_merchant(customer.merchant).filter(customer=customer, spent_at__isnull=True)
    return [lot for lot in lots if lot.cycle_id not in (None, cycle.pk)]
