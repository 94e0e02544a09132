"""Plans and their bundles are made, changed and deleted as a whole or not at all."""

from decimal import Decimal

import pytest

from apps.plans.catalogue import (
    BUNDLES_MAX,
    AmountNotWholeCents,
    AmountOutOfRange,
    BundleChange,
    BundleIndexInvalid,
    BundleNotFound,
    FreePlanStays,
    NewBundle,
    PlanNotFound,
    TooManyBundles,
    change_plan,
    delete_plan,
    ensure_free_plan,
    find_bundle,
    find_plan,
    free_plan_of,
)
from apps.plans.models import CreditBundle, Plan
from tests.factories.catalogue import make_meter, make_plan

SMALL = NewBundle("Small", Decimal("5.00"), Decimal(6))
LARGE = NewBundle("Large", Decimal("50.00"), Decimal(70))


@pytest.fixture
def plan(acme, tokens, at):
    return make_plan(acme, meters=[tokens], credit_bundles=[SMALL, LARGE], default_auto_top_up_bundle_index=1, at=at)


def _bundles(plan):
    rows = CreditBundle.objects.for_merchant(plan.merchant).filter(plan=plan, deleted_at__isnull=True)
    return {bundle.name: bundle for bundle in rows}


def test_a_plan_includes_credits_worth_its_price(acme, at):
    plan = make_plan(acme, meters=[], period_amount=Decimal("49.00"), included_credit=None, at=at)
    assert plan.included_credit == Decimal(49)


def test_the_index_chooses_among_the_bundles_being_made(plan):
    assert plan.default_auto_top_up_bundle == _bundles(plan)["Large"]


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_outside_them_stores_nothing(acme, at, index):
    with pytest.raises(BundleIndexInvalid):
        make_plan(
            acme, meters=[], name="Never", credit_bundles=[SMALL, LARGE], default_auto_top_up_bundle_index=index, at=at
        )
    assert not Plan.objects.for_merchant(acme).filter(name="Never").exists()


@pytest.mark.parametrize(
    ("refusal", "terms"),
    [
        (AmountNotWholeCents, {"period_amount": Decimal("0.001")}),
        (AmountOutOfRange, {"period_amount": Decimal(-1)}),
        (AmountOutOfRange, {"period_amount": Decimal("10000.01")}),
        (AmountOutOfRange, {"included_credit": Decimal(-1)}),
        (AmountOutOfRange, {"rollover_cap": Decimal(-1)}),
        (AmountNotWholeCents, {"credit_bundles": [NewBundle("b", Decimal("0.005"), Decimal(1))]}),
        (AmountOutOfRange, {"credit_bundles": [NewBundle("b", Decimal(0), Decimal(1))]}),
        (AmountOutOfRange, {"credit_bundles": [NewBundle("b", Decimal(1), Decimal(0))]}),
        (TooManyBundles, {"credit_bundles": [SMALL] * (BUNDLES_MAX + 1)}),
    ],
)
def test_amounts_no_card_could_be_charged_store_nothing(acme, at, refusal, terms):
    with pytest.raises(refusal):
        make_plan(acme, meters=[], name="Never", at=at, **terms)
    assert not Plan.objects.for_merchant(acme).filter(name="Never").exists()


def test_bundles_are_reconciled(plan, at):
    small, large = _bundles(plan)["Small"], _bundles(plan)["Large"]
    changed = change_plan(
        plan=plan,
        bundle_changes=[
            BundleChange(small.public_id, cost=Decimal("4.00")),
            BundleChange(large.public_id, remove=True),
        ],
        new_bundles=[NewBundle("Huge", Decimal(500), Decimal(800))],
        at=at,
    )
    left = _bundles(plan)
    assert set(left) == {"Small", "Huge"}
    assert (left["Small"].cost, left["Small"].credit_amount) == (Decimal(4), Decimal(6))
    assert changed.default_auto_top_up_bundle is None


def test_a_bundle_that_is_not_mentioned_stays(plan, at):
    change_plan(plan=plan, name="Renamed", at=at)
    assert set(_bundles(plan)) == {"Small", "Large"}


def test_meters_given_replace_the_linked_ones(acme, plan, tokens, at):
    minutes = make_meter(acme, slug="minutes", tier_type="minutes", at=at)
    change_plan(plan=plan, meters=[minutes], at=at)
    assert [link.meter for link in plan.plan_meters.all()] == [minutes]
    change_plan(plan=plan, at=at)
    assert plan.plan_meters.count() == 1


def test_a_bundle_of_another_plan_is_not_found(acme, plan, at):
    other = make_plan(acme, meters=[], credit_bundles=[SMALL], at=at)
    foreign = _bundles(other)["Small"].public_id
    with pytest.raises(BundleNotFound):
        change_plan(plan=plan, name="Never", bundle_changes=[BundleChange(foreign, name="Mine")], at=at)
    with pytest.raises(BundleNotFound):
        change_plan(plan=plan, default_auto_top_up_bundle_id=foreign, at=at)
    assert find_plan(acme, plan.public_id).name == "Starter"


def test_a_refused_change_changes_nothing(plan, at):
    with pytest.raises(AmountNotWholeCents):
        change_plan(plan=plan, name="Never", new_bundles=[NewBundle("b", Decimal("0.001"), Decimal(1))], at=at)
    assert find_plan(plan.merchant, plan.public_id).name == "Starter"


def test_a_deleted_plan_takes_its_bundles_along(acme, plan, at):
    small = _bundles(plan)["Small"]
    delete_plan(plan=plan, at=at)
    with pytest.raises(PlanNotFound):
        find_plan(acme, plan.public_id)
    with pytest.raises(BundleNotFound):
        find_bundle(acme, small.public_id)
    with pytest.raises(PlanNotFound):
        delete_plan(plan=plan, at=at)


def test_the_free_plan_is_one_and_stays(acme, at):
    free = free_plan_of(acme)
    assert ensure_free_plan(acme, at) == free
    with pytest.raises(FreePlanStays):
        delete_plan(plan=free, at=at)
