"""Charging a batch: exactly once, to the last digit, whoever else is charging."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from apps.ledger.models import Balance, LedgerEntry
from apps.ledger.statements import credits_of
from apps.meters.rules.usage import Usage
from apps.requests.charging import Charged, RequestIdConflict, charge
from apps.requests.models import HourlyRollup, MeterCounter, MeteredRequest
from apps.requests.records import Report
from tests.factories.catalogue import make_meter


def report(customer, request_id="r1", **usage) -> Report:
    return Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug="tokens",
        usage=Usage(**(usage or {"input_tokens": 500, "output_tokens": 200})),
    )


def test_a_request_is_charged_and_its_receipt_adds_up(ada, at):
    [outcome] = charge([report(ada)], at=at)
    assert isinstance(outcome, Charged)
    assert outcome.created
    assert outcome.record.charge == Decimal("0.0014")
    assert outcome.record.balance_before == Decimal(10)
    assert outcome.record.balance_after == Decimal("9.9986")
    stored = MeteredRequest.objects.for_merchant(ada.merchant).get()
    assert stored.charge == Decimal("0.0014")
    entry = LedgerEntry.objects.for_merchant(ada.merchant).get(kind="usage")
    assert (entry.amount, entry.seq) == (Decimal("-0.0014"), stored.first_entry_seq)
    assert HourlyRollup.objects.for_merchant(ada.merchant).get().charge == Decimal("0.0014")
    assert MeterCounter.objects.for_merchant(ada.merchant).get().quantity == 700
    assert credits_of(ada, at=at).total_remaining == Decimal("9.9986")


def test_a_retry_moves_nothing(ada, at):
    charge([report(ada)], at=at)
    [again] = charge([report(ada)], at=at + timedelta(minutes=1))
    assert isinstance(again, Charged)
    assert not again.created
    assert again.record.charge == Decimal("0.0014")
    assert again.record.created_at == at
    assert credits_of(ada, at=at).total_remaining == Decimal("9.9986")


def test_the_same_request_id_twice_in_a_batch_is_one_request(ada, at):
    first, second = charge([report(ada), report(ada)], at=at)
    assert (first.created, second.created) == (True, False)
    assert credits_of(ada, at=at).total_remaining == Decimal("9.9986")


def test_a_request_id_with_other_usage_is_a_conflict(ada, at):
    charge([report(ada)], at=at)
    [outcome] = charge([report(ada, input_tokens=1)], at=at)
    assert isinstance(outcome, RequestIdConflict)


def test_one_bad_item_never_fails_the_others(ada, umbrella, at):
    make_meter(umbrella, at=at)
    foreign = replace(report(ada, "r2"), merchant=umbrella)
    unknown = replace(report(ada, "r3"), meter_slug="nothing")
    outcomes = charge([report(ada, "r1"), foreign, unknown, report(ada, "r4")], at=at)
    assert [getattr(outcome, "code", "charged") for outcome in outcomes] == [
        "charged",
        "customer_not_found",
        "meter_not_found",
        "charged",
    ]


def test_usage_beyond_the_credits_is_charged_and_leaves_a_deficit(ada, at):
    [outcome] = charge([report(ada, input_tokens=6_000_000)], at=at)
    assert outcome.record.charge == Decimal(12)
    assert outcome.record.entry_count == 2
    balance = Balance.objects.for_merchant(ada.merchant).get()
    assert (balance.balance, balance.deficit) == (Decimal(-2), Decimal(2))


def test_a_cycle_that_ended_is_renewed_before_the_charge(ada, at):
    charge([report(ada)], at=at)
    [outcome] = charge([report(ada, "r2")], at=at + timedelta(days=40))
    assert outcome.record.balance_before == Decimal(10)
    assert MeterCounter.objects.for_merchant(ada.merchant).count() == 2


@pytest.mark.django_db(transaction=True)
def test_it_is_committed_when_it_returns(ada, at):
    [outcome] = charge([report(ada)], at=at)
    assert outcome.created
    connection.close()
    assert MeteredRequest.objects.for_merchant(ada.merchant).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_caller_who_rolls_back_takes_the_charge_along(ada, at):
    with transaction.atomic():
        charge([report(ada)], at=at)
        transaction.set_rollback(True)
    assert MeteredRequest.objects.for_merchant(ada.merchant).count() == 0
    assert credits_of(ada, at=at).total_remaining == Decimal(10)
