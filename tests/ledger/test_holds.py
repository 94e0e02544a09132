"""Credits reserved before a request runs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.ledger.holds import HoldConflict, InsufficientCredits, expired_holds, place_hold, release_hold
from apps.ledger.statements import credits_of
from tests.factories.people import make_customer


def test_a_hold_reserves_and_a_release_gives_free(ada, at):
    hold = place_hold(customer=ada, amount=Decimal(4), request_id="r1", at=at)
    assert (credits_of(ada, at=at).total_remaining, credits_of(ada, at=at).available) == (Decimal(10), Decimal(6))
    assert release_hold(merchant_id=ada.merchant_id, hold_id=hold.pk, at=at)
    assert not release_hold(merchant_id=ada.merchant_id, hold_id=hold.pk, at=at)
    assert credits_of(ada, at=at).available == Decimal(10)


def test_asking_again_reserves_nothing_more(ada, at):
    first = place_hold(customer=ada, amount=Decimal(4), request_id="r1", at=at)
    assert place_hold(customer=ada, amount=Decimal(4), request_id="r1", at=at).pk == first.pk
    assert credits_of(ada, at=at).held == Decimal(4)


def test_a_request_holds_one_amount_of_one_customer(ada, acme, starter, at):
    place_hold(customer=ada, amount=Decimal(4), request_id="r1", at=at)
    with pytest.raises(HoldConflict):
        place_hold(customer=ada, amount=Decimal(5), request_id="r1", at=at)
    with pytest.raises(HoldConflict):
        place_hold(customer=make_customer(acme, plan=starter, at=at), amount=Decimal(4), request_id="r1", at=at)


def test_what_is_not_available_is_not_reserved(ada, at):
    place_hold(customer=ada, amount=Decimal(7), request_id="r1", at=at)
    with pytest.raises(InsufficientCredits):
        place_hold(customer=ada, amount=Decimal(4), request_id="r2", at=at)
    assert credits_of(ada, at=at).held == Decimal(7)


def test_a_hold_that_nobody_came_back_for_is_found(ada, at):
    hold = place_hold(customer=ada, amount=Decimal(4), request_id="r1", at=at)
    assert expired_holds(at=at + timedelta(minutes=14), most=10) == []
    assert expired_holds(at=at + timedelta(minutes=15), most=10) == [(ada.merchant_id, hold.pk)]
