"""How a customer comes to be on a plan, and leaves it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.customers.models import Customer
from apps.ledger.models import Balance, LedgerEntry
from apps.ledger.statements import credits_of
from apps.plans.catalogue import NewBundle, free_plan_of
from apps.plans.models import CreditBundle
from apps.subscriptions.enrolment import (
    BundleNotOfPlan,
    PlanArchived,
    PlanNotFree,
    SubscriptionEnded,
    delete_customer,
    put_on_plan,
    request_cancellation,
    set_auto_top_up,
    sign_up_customer,
)
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import subscription_of
from tests.factories.catalogue import make_plan
from tests.factories.people import make_customer


def open_cycle_of(customer) -> Cycle:
    return Cycle.objects.for_merchant(customer.merchant).get(customer=customer, closed_at__isnull=True)


def test_a_new_customer_is_on_the_free_plan(acme, at):
    customer, created = sign_up_customer(merchant=acme, name="Ben", at=at)
    assert created
    assert subscription_of(customer).plan == free_plan_of(acme)
    assert open_cycle_of(customer).contains(at)
    assert credits_of(customer, at=at).total_remaining == 0


def test_a_reference_signs_up_one_customer(acme, at):
    first, created = sign_up_customer(merchant=acme, reference_id="user-1", at=at)
    second, created_again = sign_up_customer(merchant=acme, reference_id="user-1", name="Other", at=at)
    assert (created, created_again) == (True, False)
    assert first.pk == second.pk


def test_the_neighbour_may_use_the_same_reference(acme, umbrella, at):
    ours, _ = sign_up_customer(merchant=acme, reference_id="user-1", at=at)
    theirs, created = sign_up_customer(merchant=umbrella, reference_id="user-1", at=at)
    assert created
    assert ours.pk != theirs.pk


def test_a_free_plan_grants_its_included_credit_at_once(ada, at):
    assert credits_of(ada, at=at).cycle_remaining == Decimal(10)
    assert open_cycle_of(ada).ends_at == at.replace(month=2)


def test_putting_somebody_on_the_plan_they_are_on_changes_nothing(ada, starter, at):
    before = subscription_of(ada)
    after = put_on_plan(customer=ada, plan=starter, at=at + timedelta(days=3))
    assert after.pk == before.pk
    assert credits_of(ada, at=at).total_remaining == Decimal(10)


def test_a_plan_change_ends_the_cycle_and_its_credits(ada, acme, tokens, at):
    other = make_plan(acme, meters=[tokens], at=at, name="Other", included_credit=Decimal(3))
    put_on_plan(customer=ada, plan=other, at=at + timedelta(days=3))
    assert credits_of(ada, at=at + timedelta(days=3)).total_remaining == Decimal(3)
    kinds = LedgerEntry.objects.for_merchant(acme).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["grant_cycle", "expiry", "grant_cycle"]


def test_a_plan_that_costs_money_is_not_given_away(ada, acme, tokens, at):
    pro = make_plan(acme, meters=[tokens], at=at, name="Pro", period_amount=Decimal(25))
    with pytest.raises(PlanNotFree):
        put_on_plan(customer=ada, plan=pro, at=at)


def test_an_archived_plan_takes_nobody(ada, acme, tokens, at):
    old = make_plan(acme, meters=[tokens], at=at, name="Old")
    old.deleted_at = at
    with pytest.raises(PlanArchived):
        put_on_plan(customer=ada, plan=old, at=at)


def test_a_cancelled_subscription_runs_to_its_end_and_the_free_plan_follows(ada, acme, at):
    subscription = request_cancellation(subscription=subscription_of(ada), at=at)
    assert subscription.status == "active"
    bring_up_to_date(merchant_id=acme.pk, customer_id=ada.pk, at=at + timedelta(days=40))
    assert subscription_of(ada).plan == free_plan_of(acme)
    ended = Subscription.objects.for_merchant(acme).get(pk=subscription.pk)
    assert (ended.status, ended.ended_at) == ("cancelled", at.replace(month=2))
    assert subscription_of(ada).started_at == ended.ended_at


def test_what_has_ended_cannot_be_changed(ada, acme, at):
    subscription = subscription_of(ada)
    delete_customer(customer=ada, at=at)
    with pytest.raises(SubscriptionEnded):
        request_cancellation(subscription=subscription, at=at)


def test_auto_top_up_takes_a_bundle_of_the_same_plan_only(ada, acme, tokens, at):
    ten = NewBundle("Ten", cost=Decimal(10), credit_amount=Decimal(12))
    other = make_plan(acme, meters=[tokens], at=at, name="Other", credit_bundles=[ten])
    bundle = CreditBundle.objects.for_merchant(acme).get(plan=other)
    with pytest.raises(BundleNotOfPlan):
        set_auto_top_up(subscription=subscription_of(ada), bundle=bundle)


def test_a_deleted_customer_is_nobody_and_the_ledger_stays_whole(ada, acme, at):
    delete_customer(customer=ada, at=at)
    forgotten = Customer.objects.for_merchant(acme).get(pk=ada.pk)
    assert (forgotten.name, forgotten.reference_id, forgotten.email) == ("", None, "")
    assert forgotten.deleted_at == at
    assert Balance.objects.for_merchant(acme).get(customer=ada).balance == 0
    assert LedgerEntry.objects.for_merchant(acme).filter(customer=ada).count() == 2
    again, created = sign_up_customer(merchant=acme, reference_id="ada", at=at)
    assert created
    assert again.pk != ada.pk


def test_deleting_twice_changes_nothing(ada, at):
    delete_customer(customer=ada, at=at)
    delete_customer(customer=ada, at=at + timedelta(days=1))
    assert Customer.objects.for_merchant(ada.merchant).get(pk=ada.pk).deleted_at == at


def test_customers_of_one_merchant_are_counted_apart(acme, umbrella, at):
    make_customer(acme, at=at)
    assert Customer.objects.for_merchant(umbrella).count() == 0
