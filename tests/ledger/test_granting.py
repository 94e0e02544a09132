"""Credits given and taken by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.ledger.expiring import customers_with_expired_credits, expire_customer
from apps.ledger.granting import (
    AmountNotPositive,
    ExpiresInThePast,
    GrantKeyReused,
    ReasonMissing,
    adjust_credits,
    give_credits,
)
from apps.ledger.models import Balance, Grant, LedgerEntry
from apps.ledger.posting import AccountMissing
from apps.ledger.statements import credits_of
from tests.factories.people import make_customer


@pytest.fixture
def give(at):
    def give(customer, amount, key="gift", **values):
        return give_credits(
            customer=customer, amount=Decimal(amount), at=at, key=key, actor="staff", reason="welcome", **values
        )

    return give


@pytest.fixture
def adjust(at):
    def adjust(customer, amount, key="fix"):
        adjust_credits(customer=customer, amount=Decimal(amount), at=at, key=key, actor="staff", reason="mistake")

    return adjust


def test_a_gift_is_a_lot_of_its_own(ada, give, at):
    grant = give(ada, "5")
    assert (grant.origin, grant.remaining) == ("promotional", Decimal(5))
    assert credits_of(ada, at=at).bundle_remaining == Decimal(5)
    entry = LedgerEntry.objects.for_merchant(ada.merchant).get(kind="grant_promotional")
    assert (entry.actor, entry.reason, entry.balance_after) == ("staff", "welcome", Decimal(15))


def test_the_same_key_gives_once(ada, give, at):
    assert give(ada, "5").pk == give(ada, "5").pk
    assert credits_of(ada, at=at).bundle_remaining == Decimal(5)


def test_the_same_key_for_another_amount_or_customer_is_refused(ada, acme, give, at):
    give(ada, "5")
    with pytest.raises(GrantKeyReused):
        give(ada, "6")
    with pytest.raises(GrantKeyReused):
        give(make_customer(acme, at=at), "5")


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_gift_is_more_than_nothing(ada, give, amount):
    with pytest.raises(AmountNotPositive):
        give(ada, amount)


def test_a_gift_cannot_be_over_before_it_is_given(ada, give, at):
    with pytest.raises(ExpiresInThePast):
        give(ada, "5", expires_at=at)


def test_whoever_moves_credits_says_why(ada, at):
    with pytest.raises(ReasonMissing):
        give_credits(customer=ada, amount=Decimal(5), at=at, key="k", actor="staff", reason="  ")


def test_an_adjustment_up_gives_and_down_takes(ada, adjust, at):
    adjust(ada, "2.5", "up")
    assert credits_of(ada, at=at).total_remaining == Decimal("12.5")
    adjust(ada, "-4", "down")
    assert credits_of(ada, at=at).total_remaining == Decimal("8.5")


def test_an_adjustment_happens_once_per_key(ada, adjust, at):
    adjust(ada, "-4")
    adjust(ada, "-4")
    assert credits_of(ada, at=at).total_remaining == Decimal(6)
    with pytest.raises(GrantKeyReused):
        adjust(ada, "-5")


def test_an_adjustment_may_go_below_zero(ada, adjust):
    adjust(ada, "-12")
    balance = Balance.objects.for_merchant(ada.merchant).get(customer=ada)
    assert (balance.balance, balance.deficit) == (Decimal(-2), Decimal(2))


def test_a_gift_pays_the_deficit_first(ada, adjust, give, at):
    adjust(ada, "-12")
    grant = give(ada, "5")
    assert grant.remaining == Decimal(3)
    assert Balance.objects.for_merchant(ada.merchant).get(customer=ada).deficit == 0
    assert credits_of(ada, at=at).total_remaining == Decimal(3)


def test_credits_that_are_over_count_no_more_and_expire_once(ada, give, at):
    give(ada, "5", expires_at=at + timedelta(days=2))
    later = at + timedelta(days=3)
    assert credits_of(ada, at=later).bundle_remaining == 0
    assert customers_with_expired_credits(at=later, most=10) == [(ada.merchant_id, ada.pk)]
    assert expire_customer(merchant_id=ada.merchant_id, customer_id=ada.pk, at=later) == 1
    assert expire_customer(merchant_id=ada.merchant_id, customer_id=ada.pk, at=later) == 0
    entry = LedgerEntry.objects.for_merchant(ada.merchant).get(kind="expiry")
    assert (entry.amount, entry.created_at) == (Decimal(-5), at + timedelta(days=2))
    assert Grant.objects.for_merchant(ada.merchant).get(origin="promotional").spent_at is not None


def test_the_neighbour_has_no_such_account(ada, umbrella, give):
    ada.merchant = umbrella
    with pytest.raises(AccountMissing):
        give(ada, "5")
