"""Credits that the books could not hold are refused by name, and nothing is moved."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.core.money import AMOUNT_MAX, AmountTooLarge
from apps.ledger.granting import adjust_credits, give_credits
from apps.ledger.models import LedgerEntry
from apps.ledger.statements import credits_of


def entries_of(customer) -> int:
    return LedgerEntry.objects.for_merchant(customer.merchant).count()


def test_a_gift_up_to_the_largest_balance_is_given_and_one_more_cent_is_not(ada, at):
    gift = {"customer": ada, "at": at, "actor": "test", "reason": "generous"}
    give_credits(amount=AMOUNT_MAX - 10, key="all", **gift)
    before = entries_of(ada)
    with pytest.raises(AmountTooLarge):
        give_credits(amount=Decimal("0.01"), key="more", **gift)
    with pytest.raises(AmountTooLarge):
        adjust_credits(amount=Decimal("0.01"), key="more", **gift)
    assert entries_of(ada) == before
    assert credits_of(ada, at=at).total_remaining == AMOUNT_MAX


def test_an_adjustment_below_the_largest_debt_is_refused(ada, at):
    correction = {"customer": ada, "at": at, "actor": "test", "reason": "miscounted"}
    adjust_credits(amount=-AMOUNT_MAX, key="all", **correction)
    before = entries_of(ada)
    with pytest.raises(AmountTooLarge):
        adjust_credits(amount=Decimal("-10.01"), key="more", **correction)
    assert entries_of(ada) == before
