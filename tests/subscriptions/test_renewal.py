"""What happens when a cycle ends: once, in order, at the moment it was due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from apps.ledger.granting import give_credits
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.statements import credits_of
from apps.requests.charging import charge
from apps.subscriptions.models import Cycle
from apps.subscriptions.renewal import bring_up_to_date, customers_to_renew, renew_next_cycle
from apps.subscriptions.tasks import renew_due
from tests.factories.catalogue import make_plan
from tests.factories.people import make_customer
from tests.requests.test_charging import report


def renew(customer, *, at):
    bring_up_to_date(merchant_id=customer.merchant_id, customer_id=customer.pk, at=at)


def test_unused_credits_expire_and_the_next_cycle_grants_afresh(ada, at):
    charge([report(ada, input_tokens=1_000_000)], at=at)
    renew(ada, at=at + timedelta(days=31))
    assert credits_of(ada, at=at + timedelta(days=31)).total_remaining == Decimal(10)
    expired = LedgerEntry.objects.for_merchant(ada.merchant).get(kind="expiry")
    assert expired.amount == Decimal(-8)
    assert expired.created_at == at.replace(month=2)


def test_unused_credits_roll_over_in_full(acme, tokens, at):
    plan = make_plan(acme, meters=[tokens], at=at, included_credit=Decimal(25), rollover_type="full")
    ben = make_customer(acme, plan=plan, at=at)
    charge([report(ben, input_tokens=7_500_000)], at=at)
    renew(ben, at=at + timedelta(days=31))
    assert credits_of(ben, at=at + timedelta(days=31)).cycle_remaining == Decimal(35)


def test_a_cap_limits_what_rolls_over(acme, tokens, at):
    plan = make_plan(
        acme, meters=[tokens], at=at, included_credit=Decimal(25), rollover_type="full", rollover_cap=Decimal(4)
    )
    ben = make_customer(acme, plan=plan, at=at)
    renew(ben, at=at + timedelta(days=31))
    assert credits_of(ben, at=at + timedelta(days=31)).cycle_remaining == Decimal(29)
    # The cap holds for what was rolled over before, too.
    renew(ben, at=at + timedelta(days=62))
    assert credits_of(ben, at=at + timedelta(days=62)).cycle_remaining == Decimal(29)


def test_a_deficit_is_paid_by_the_next_cycle_first(ada, at):
    charge([report(ada, input_tokens=6_000_000)], at=at)
    renew(ada, at=at + timedelta(days=31))
    assert credits_of(ada, at=at + timedelta(days=31)).total_remaining == Decimal(8)


def test_gifts_outlive_the_cycle(ada, at):
    give_credits(customer=ada, amount=Decimal(5), at=at, key="gift", actor="test", reason="welcome")
    renew(ada, at=at + timedelta(days=31))
    credits = credits_of(ada, at=at + timedelta(days=31))
    assert (credits.cycle_remaining, credits.bundle_remaining) == (Decimal(10), Decimal(5))


def test_renewing_again_does_nothing(ada, at):
    later = at + timedelta(days=31)
    renew(ada, at=later)
    assert not renew_next_cycle(merchant_id=ada.merchant_id, customer_id=ada.pk, at=later)
    assert Grant.objects.for_merchant(ada.merchant).filter(origin="cycle").count() == 2


def test_a_worker_that_slept_catches_up_cycle_by_cycle(acme, tokens):
    """Signed up on 31 January: February ends on its last day, March on the 31st again."""
    start = datetime(2028, 1, 31, 9, tzinfo=UTC)
    plan = make_plan(acme, meters=[tokens], at=start)
    ben = make_customer(acme, plan=plan, at=start)
    renew(ben, at=datetime(2028, 6, 1, tzinfo=UTC))
    cycles = Cycle.objects.for_merchant(acme).filter(customer=ben, subscription__plan=plan).order_by("seq")
    assert [(cycle.ends_at.month, cycle.ends_at.day) for cycle in cycles] == [
        (2, 29),
        (3, 31),
        (4, 30),
        (5, 31),
        (6, 30),
    ]
    assert all(before.ends_at == after.starts_at for before, after in pairwise(cycles))
    assert credits_of(ben, at=datetime(2028, 6, 1, tzinfo=UTC)).total_remaining == Decimal(10)


def test_bundle_credits_that_do_not_roll_over_end_with_the_cycle(acme, tokens, at):
    plan = make_plan(acme, meters=[tokens], at=at, bundle_rollover_type="none")
    ben = make_customer(acme, plan=plan, at=at)
    cycle = Cycle.objects.for_merchant(acme).get(customer=ben, closed_at__isnull=True)
    give_credits(customer=ben, amount=Decimal(5), at=at, key="bundle", actor="test", reason="bought")
    Grant.objects.for_merchant(acme).filter(idempotency_key="bundle").update(
        cycle_id=cycle.pk, expires_at=cycle.ends_at
    )
    renew(ben, at=at + timedelta(days=31))
    assert credits_of(ben, at=at + timedelta(days=31)).bundle_remaining == 0


def test_the_sweep_renews_whoever_is_due(ada, at):
    assert (ada.merchant_id, ada.pk) in customers_to_renew(at=at + timedelta(days=31), most=10)
    assert customers_to_renew(at=at, most=10) == []


@pytest.mark.usefixtures("ada")
def test_the_task_brings_everybody_up_to_now(acme):
    renew_due()
    renew_due()
    now = datetime.now(UTC)
    assert all(cycle.ends_at > now for cycle in Cycle.objects.for_merchant(acme).filter(closed_at__isnull=True))
