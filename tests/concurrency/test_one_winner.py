"""The same thing from many threads at once happens once, and everybody is told the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from apps.core.pg import pipelined_transaction
from apps.customers.models import Customer
from apps.ledger.granting import GrantKeyReused, adjust_credits, give_credits
from apps.ledger.holds import InsufficientCredits, place_hold
from apps.ledger.models import Balance, Grant, Hold, LedgerEntry
from apps.ledger.posting import open_accounts
from apps.meters.rules.usage import Usage
from apps.requests import charging
from apps.requests.charging import Charged, Outcome, RequestIdConflict, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from apps.requests.voiding import void_request
from apps.subscriptions.enrolment import sign_up_customer
from apps.subscriptions.models import Cycle
from apps.subscriptions.renewal import bring_up_to_date
from tests.concurrency.crowd import at_once
from tests.concurrency.proof import assert_books_are_right
from tests.factories.catalogue import make_plan
from tests.factories.people import make_customer

pytestmark = pytest.mark.django_db(transaction=True)

CENT = Decimal("0.01")
A_CENT_OF_TOKENS = Usage(input_tokens=5_000)


@pytest.fixture
def ben(acme, starter, at) -> Customer:
    return make_customer(acme, plan=starter, name="Ben", at=at)


def report(customer: Customer, request_id: str, usage: Usage = A_CENT_OF_TOKENS) -> Report:
    return Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug="tokens",
        usage=usage,
    )


def balance_of(customer: Customer) -> Balance:
    return Balance.objects.for_merchant(customer.merchant).get(customer_id=customer.pk)


def charge_at_once(reports: Sequence[Report], at) -> list[Outcome]:
    """Each report by a thread of its own."""
    return [outcomes[0] for outcomes in at_once([partial(charge, [one], at=at) for one in reports])]


def calls(times: int, function: Callable, /, **arguments: object) -> list[Callable]:
    return [partial(function, **arguments)] * times


# --- Charging ------------------------------------------------------------------------------------


def test_64_requests_on_the_last_cent_are_all_charged_and_one_of_them_spends_it(acme, tokens, at):
    plan = make_plan(acme, meters=[tokens], at=at, included_credit=CENT)
    customer = make_customer(acme, plan=plan, at=at)

    outcomes = charge_at_once([report(customer, f"r{n}") for n in range(64)], at)

    assert sorted(outcome.record.balance_before for outcome in outcomes) == [CENT * (1 - n) for n in range(63, -1, -1)]
    assert Grant.objects.for_merchant(acme).get(customer=customer, origin="cycle").remaining == 0
    assert (balance_of(customer).balance, balance_of(customer).deficit) == (CENT * -63, CENT * 63)
    assert_books_are_right(at=at)


def test_64_holds_on_the_last_cent_have_one_winner(acme, tokens, at):
    plan = make_plan(acme, meters=[tokens], at=at, included_credit=CENT)
    customer = make_customer(acme, plan=plan, at=at)

    outcomes = at_once(
        [partial(place_hold, customer=customer, amount=CENT, request_id=f"r{n}", at=at) for n in range(64)]
    )

    assert Counter(map(type, outcomes)) == {Hold: 1, InsufficientCredits: 63}
    assert balance_of(customer).available == 0
    assert_books_are_right(at=at)


def test_one_request_id_on_64_threads_is_charged_once_and_everybody_gets_the_same_receipt(ada, at):
    outcomes = charge_at_once([report(ada, "same")] * 64, at)

    assert Counter(outcome.created for outcome in outcomes) == {True: 1, False: 63}
    assert len({(one.record.id, one.record.charge, one.record.balance_after) for one in outcomes}) == 1
    assert balance_of(ada).balance == 10 - CENT
    assert_books_are_right(at=at)


def test_one_request_id_for_two_customers_is_the_first_ones_and_a_conflict_for_the_other(ada, ben, at):
    reports = [report((ada, ben)[n % 2], "same") for n in range(64)]

    outcomes = charge_at_once(reports, at)

    request = MeteredRequest.objects.for_merchant(ada.merchant).get()
    winner, other = (ada, ben) if request.customer_id == ada.pk else (ben, ada)
    told = {winner.public_id: Charged, other.public_id: RequestIdConflict}
    assert [type(outcome) for outcome in outcomes] == [told[one.customer] for one in reports]
    assert sum(isinstance(outcome, Charged) and outcome.created for outcome in outcomes) == 1
    assert (balance_of(winner).balance, balance_of(other).balance) == (10 - CENT, 10)
    assert_books_are_right(at=at)


def test_one_request_id_with_other_usage_is_a_conflict_for_whoever_comes_later(ada, at):
    usages = [A_CENT_OF_TOKENS, Usage(output_tokens=1)]
    outcomes = charge_at_once([report(ada, "same", usages[n % 2]) for n in range(32)], at)

    assert Counter(map(type, outcomes)) == {Charged: 16, RequestIdConflict: 16}
    assert_books_are_right(at=at)


def test_batches_that_name_their_customers_in_opposite_orders_never_deadlock(ada, ben, at, monkeypatch):
    # A deadlock is tried again silently; with one try only it would be raised here.
    monkeypatch.setattr(charging, "TRIES", 1)

    def batch(thread: int) -> list[Outcome]:
        order = [ada, ben] if thread % 2 else [ben, ada]
        rounds = [charge([report(one, f"{thread}-{turn}-{one.name}") for one in order], at=at) for turn in range(8)]
        return sum(rounds, [])

    outcomes = sum(at_once([partial(batch, thread) for thread in range(16)]), [])

    assert all(outcome.created for outcome in outcomes)
    assert balance_of(ada).balance == balance_of(ben).balance == 10 - CENT * 16 * 8
    assert_books_are_right(at=at)


def test_accounts_that_are_opened_in_opposite_orders_never_deadlock(ada, ben, at):
    def open_both(thread: int) -> None:
        keys = [(str(one.merchant_id), str(one.pk)) for one in (ada, ben)]
        for _ in range(20):
            with pipelined_transaction() as pipe:
                open_accounts(pipe, keys[:: 1 if thread % 2 else -1], at=at).accounts()

    at_once([partial(open_both, thread) for thread in range(8)])


def test_batches_that_share_request_ids_in_opposite_orders_settle_them_all(acme, starter, at):
    customers = [make_customer(acme, plan=starter, at=at) for _ in range(8)]
    names = [f"shared-{n}" for n in range(40)]

    def batch(thread: int) -> list[Outcome]:
        ordered = names if thread % 2 else names[::-1]
        return charge([report(customers[thread], name) for name in ordered], at=at)

    outcomes = sum(at_once([partial(batch, thread) for thread in range(8)]), [])

    assert Counter(map(type, outcomes)) == {Charged: 40, RequestIdConflict: 280}
    assert sum(balance_of(one).balance for one in customers) == 80 - CENT * 40
    assert_books_are_right(at=at)


# --- Cycles, grants, voids, sign-ups -------------------------------------------------------------


def test_16_renewals_at_once_renew_each_cycle_once(acme, tokens, at):
    plan = make_plan(acme, meters=[tokens], at=at, billing_interval="day", rollover_type="full")
    customer = make_customer(acme, plan=plan, at=at)
    later = at + timedelta(days=3)

    at_once(calls(16, bring_up_to_date, merchant_id=acme.pk, customer_id=customer.pk, at=later))

    cycles = Cycle.objects.for_merchant(acme).filter(subscription__plan=plan)
    assert sorted(cycles.values_list("seq", flat=True)) == [0, 1, 2, 3]
    assert balance_of(customer).balance == 40
    assert_books_are_right(at=later)


def test_credits_given_16_times_under_one_key_are_given_once(ada, at):
    gift = {"customer": ada, "amount": Decimal(5), "at": at, "key": "welcome", "actor": "test", "reason": "hello"}

    grants = at_once(calls(16, give_credits, **gift))

    assert len({grant.pk for grant in grants}) == 1
    assert balance_of(ada).balance == 15
    assert_books_are_right(at=at)


def test_a_grant_key_used_for_two_customers_at_once_gives_to_one_of_them(ada, ben, at):
    def give(customer: Customer) -> Grant:
        return give_credits(customer=customer, amount=Decimal(5), at=at, key="k", actor="test", reason="hello")

    outcomes = at_once([partial(give, (ada, ben)[n % 2]) for n in range(16)])

    assert Counter(map(type, outcomes)) == {Grant: 8, GrantKeyReused: 8}
    assert balance_of(ada).balance + balance_of(ben).balance == 25
    assert_books_are_right(at=at)


@pytest.mark.parametrize("amount", [Decimal("-12.5"), Decimal("2.5")])
def test_an_adjustment_made_16_times_under_one_key_is_made_once(ada, at, amount):
    wanted = {"customer": ada, "amount": amount, "at": at, "key": "fix-1", "actor": "test", "reason": "miscounted"}

    assert at_once(calls(16, adjust_credits, **wanted)) == [None] * 16

    assert balance_of(ada).balance == 10 + amount
    assert_books_are_right(at=at)


@pytest.mark.parametrize("amount", [Decimal(-1), Decimal(1)])
def test_an_adjustment_key_used_for_two_customers_at_once_moves_one_balance(ada, ben, at, amount):
    def adjust(customer: Customer) -> None:
        adjust_credits(customer=customer, amount=amount, at=at, key="fix-1", actor="test", reason="miscounted")

    outcomes = at_once([partial(adjust, (ada, ben)[n % 2]) for n in range(16)])

    assert Counter(map(type, outcomes)) == {type(None): 8, GrantKeyReused: 8}
    assert balance_of(ada).balance + balance_of(ben).balance == 20 + amount
    assert_books_are_right(at=at)


def test_a_request_voided_16_times_is_reversed_once(ada, at):
    charge([report(ada, "r1", Usage(input_tokens=6_000_000))], at=at)
    request = MeteredRequest.objects.for_merchant(ada.merchant).get()

    voided = at_once(calls(16, void_request, request=request, at=at, actor="test"))

    assert {one.voided_at for one in voided} == {at}
    reversals = LedgerEntry.objects.for_merchant(ada.merchant).filter(kind="reversal")
    assert sum(entry.amount for entry in reversals) == 12
    assert balance_of(ada).balance == 10
    assert_books_are_right(at=at)


def test_16_sign_ups_with_one_reference_make_one_customer(acme, at):
    outcomes = at_once(calls(16, sign_up_customer, merchant=acme, reference_id="ada", at=at))

    assert Counter(created for _, created in outcomes) == {True: 1, False: 15}
    assert len({customer.pk for customer, _ in outcomes}) == 1
    assert_books_are_right(at=at)
