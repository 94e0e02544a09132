"""A merchant is two books: a live one and a sandbox."""

from apps.merchants.opening import open_merchant
from apps.plans.catalogue import free_plan_of


def test_a_merchant_has_a_sandbox(db, at):
    live = open_merchant(name="Acme", at=at)
    assert (live.mode, live.sandbox.mode) == ("live", "test")
    assert live.sandbox.account_id == live.id


def test_both_books_begin_with_a_free_plan_of_their_own(db, at):
    live = open_merchant(name="Acme", at=at)
    plans = free_plan_of(live), free_plan_of(live.sandbox)
    assert plans[0] != plans[1]
    assert all(plan.is_free for plan in plans)
