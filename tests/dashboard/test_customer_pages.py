"""Customers in the dashboard: found by whatever is known of them, and given credits exactly once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.customers.models import Customer
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.statements import credits_of
from apps.requests.models import MeteredRequest
from apps.subscriptions.models import Subscription
from tests.factories.catalogue import make_plan
from tests.factories.pages import list_of, page_of, use
from tests.factories.people import make_customer


def test_the_page_shows_what_the_books_say(owner, ada, at):
    use(ada, at=at)
    page = owner.get(page_of(ada)).content.decode()
    assert "cycle credits" in page
    assert LedgerEntry.objects.for_merchant(ada.merchant).filter(kind="usage").count() == 1
    assert "\N{MINUS SIGN}$2.00" in page


@pytest.mark.parametrize("text", ["lovelace", "ada@analytical.example", "ada", "2671", "the id"])
def test_a_customer_is_found_by_whatever_is_known_of_them(owner, acme, starter, ada, at, text):
    Customer.objects.for_merchant(acme).filter(pk=ada.pk).update(email="ada@analytical.example", phone="+14155552671")
    make_customer(acme, plan=starter, name="Ben", reference_id="ben", at=at)
    found = owner.get(list_of(Customer), {"q": ada.public_id if text == "the id" else text}).content.decode()
    assert "Ada Lovelace" in found
    assert "Ben" not in found


def test_a_new_customer_is_on_the_free_plan(owner, acme):
    data = {"name": "Grace", "email": "grace@example.com", "phone": "+14155552671", "reference_id": "grace"}
    answer = owner.post(list_of(Customer, "add"), data)
    assert answer.status_code == 302
    grace = Customer.objects.for_merchant(acme).get(reference_id="grace")
    assert Subscription.objects.for_merchant(acme).get(customer=grace).plan.is_free_default


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"phone": "12"}, "Write a telephone number as +14155552671"),
        ({"reference_id": "con_mine"}, "must not start with con_"),
        ({"email": "nobody"}, "Enter a valid email address"),
    ],
)
def test_what_a_customer_cannot_have_is_said(owner, acme, values, words):
    answer = owner.post(list_of(Customer, "add"), {"name": "Grace", **values})
    assert words in answer.content.decode()
    assert not Customer.objects.for_merchant(acme).exists()


def test_a_reference_that_is_taken_is_said(owner, acme, ada, starter, at):
    ben = make_customer(acme, plan=starter, name="Ben", at=at)
    answer = owner.post(page_of(ben), {"name": "Ben", "reference_id": "ada"})
    assert "Another customer has the reference_id" in answer.content.decode()
    answer = owner.post(list_of(Customer, "add"), {"name": "Carol", "reference_id": "ada"})
    assert "Ada Lovelace has the reference_id" in answer.content.decode()


def credits_given(customer) -> list[Decimal]:
    grants = Grant.objects.for_merchant(customer.merchant).filter(customer=customer, origin="promotional")
    return list(grants.values_list("amount", flat=True))


def test_credits_are_granted_once_however_often_the_form_is_sent(owner, ada):
    page = page_of(ada, "grant")
    key = owner.get(page).context["form"].initial["key"]
    data = {"amount": "5", "reason": "Sorry", "key": key}
    assert owner.post(page, data).status_code == 302
    assert owner.post(page, data).status_code == 302
    assert credits_given(ada) == [Decimal(5)]
    grant = Grant.objects.for_merchant(ada.merchant).get(origin="promotional")
    assert (grant.actor, grant.reason) == ("owner@acme.test", "Sorry")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"amount": "5", "reason": ""}, "This field is required"),
        ({"amount": "0", "reason": "x"}, "greater than or equal to"),
        ({"amount": "NaN", "reason": "x"}, "Enter a number"),
        ({"amount": "5", "reason": "x", "expires_on": "2020-01-01"}, "would expire before they are given"),
    ],
)
def test_a_grant_that_makes_no_sense_moves_nothing(owner, ada, data, words):
    answer = owner.post(page_of(ada, "grant"), {**data, "key": "k1"})
    assert words in answer.content.decode()
    assert credits_given(ada) == []


def test_an_adjustment_is_typed_twice(owner, ada, at):
    page = page_of(ada, "adjust")
    wrong = owner.post(page, {"amount": "-2.5", "again": "-25", "reason": "x", "key": "k1"})
    assert b"This is not the same amount." in wrong.content
    assert owner.post(page, {"amount": "-2.5", "again": "-2.50", "reason": "x", "key": "k1"}).status_code == 302
    assert credits_of(ada, at=at).total_remaining == Decimal("7.5")


def test_a_request_is_voided_with_a_reason_and_only_once(owner, ada, at):
    request = use(ada, at=at)
    page = page_of(request, "void")
    assert b"This field is required" in owner.post(page, {"reason": ""}).content
    owner.post(page, {"reason": "Cut off"})
    answer = owner.post(page, {"reason": "Cut off"}, follow=True)
    assert b"nothing was moved" in answer.content
    voided = MeteredRequest.objects.for_merchant(ada.merchant).get()
    assert voided.voided_at is not None
    [reversal] = LedgerEntry.objects.for_merchant(ada.merchant).filter(kind="reversal")
    assert (reversal.amount, reversal.reason, reversal.actor) == (Decimal(2), "Cut off", "owner@acme.test")


def test_the_receipt_writes_down_the_sum(owner, ada, at):
    page = owner.get(page_of(use(ada, at=at))).content.decode()
    assert "1,000,000 \N{MULTIPLICATION SIGN} $2.00 / 1M" in page
    assert "$10.0000000000" in page
    assert "$8.0000000000" in page
    assert "the same charge" in page
    assert "unknown" in page  # its cost


def test_a_free_plan_can_be_assigned_and_a_paid_one_is_not_offered(owner, acme, ada, tokens, at):
    team = make_plan(acme, meters=[tokens], name="Team", at=at)
    paid = make_plan(acme, meters=[tokens], name="Pro", period_amount=Decimal(25), at=at)
    page = page_of(ada, "change_plan")
    assert b"Pro" not in owner.get(page).content
    assert owner.post(page, {"plan": str(paid.pk)}).status_code == 200
    assert owner.post(page, {"plan": str(team.pk)}).status_code == 302
    current = Subscription.objects.for_merchant(acme).get(customer=ada, ended_at__isnull=True)
    assert current.plan_id == team.pk


def test_a_subscription_is_cancelled_at_the_end_of_its_cycle(owner, acme, ada):
    subscription = Subscription.objects.for_merchant(acme).get(customer=ada, ended_at__isnull=True)
    answer = owner.post(page_of(subscription, "cancel"), follow=True)
    assert b"falls back to the Free plan" in answer.content
    subscription.refresh_from_db()
    assert subscription.cancel_requested_at is not None
    assert subscription.ended_at is None


def test_a_forgotten_customer_has_no_name_and_keeps_the_ledger(owner, acme, ada, at):
    use(ada, at=at)
    assert owner.post(page_of(ada, "forget")).status_code == 302
    ada.refresh_from_db()
    assert (ada.name, ada.reference_id) == ("", None)
    assert owner.get(page_of(ada)).status_code == 200
    assert owner.get(list_of(LedgerEntry)).status_code == 200
    assert b"Ada" not in owner.get(list_of(Customer)).content


def test_the_ledger_is_filtered_by_kind_and_customer(owner, acme, ada, starter, at):
    ben = make_customer(acme, plan=starter, name="Ben", at=at)
    use(ada, at=at)
    rows = owner.get(list_of(LedgerEntry), {"kind": "usage", "customer": str(ada.pk)}).context["cl"].result_list
    assert [(entry.kind, entry.customer_id) for entry in rows] == [("usage", ada.pk)]
    rows = owner.get(list_of(LedgerEntry), {"customer": str(ben.pk)}).context["cl"].result_list
    assert {entry.customer_id for entry in rows} == {ben.pk}
    assert not owner.get(list_of(LedgerEntry), {"customer": "nobody"}).context["cl"].result_list


def test_requests_are_found_by_id_reference_and_filters(owner, acme, ada, at):
    first = use(ada, at=at, request_id="first", model="gpt-5", provider="openai")
    second = use(ada, at=at, request_id="second")

    def found(**query: str) -> set[str]:
        return {row.request_id for row in owner.get(list_of(MeteredRequest), query).context["cl"].result_list}

    assert found(q="first") == {first.request_id}
    assert found(q="ada") == {first.request_id, second.request_id}
    assert found(q="nobody") == set()
    assert found(model="gpt-5") == {"first"}
    assert found(state="no_cost") == {"first", "second"}
    assert found(meter="tokens", customer=str(ada.pk)) == {"first", "second"}
    assert found(since="1h") == set()
