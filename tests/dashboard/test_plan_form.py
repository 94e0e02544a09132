"""The plan form: what it makes, what can still be changed, and what the customer would read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from apps.plans.models import CreditBundle, Plan, PlanMeter
from tests.factories.catalogue import make_plan
from tests.factories.pages import list_of, page_of

NEW = {
    "name": "Pro",
    "period_amount": "25.00",
    "billing_interval": "month",
    "rollover_type": "full",
    "bundle_rollover_type": "full",
}


def bundles(*rows: dict[str, str], there: int = 0) -> dict[str, str]:
    """The table of bundles as a browser sends it; the first `there` rows exist already."""
    data = {"credit_bundles-TOTAL_FORMS": str(len(rows)), "credit_bundles-INITIAL_FORMS": str(there)}
    for place, row in enumerate(rows):
        data |= {f"credit_bundles-{place}-{name}": value for name, value in row.items()}
    return data


def form(*rows: dict[str, str], **values: Any) -> dict[str, Any]:
    return {**NEW, **bundles(*rows), **values}


def test_it_makes_a_plan_with_meters_and_bundles(owner, acme, tokens):
    ten = {"name": "Ten", "cost": "10.00", "credit_amount": "11"}
    answer = owner.post(list_of(Plan, "add"), form(ten, linked_meters=[str(tokens.pk)]))
    assert answer.status_code == 302
    plan = Plan.objects.for_merchant(acme).get(name="Pro")
    assert (plan.period_amount, plan.included_credit, plan.currency) == (25, 25, "USD")
    assert PlanMeter.objects.for_merchant(acme).get(plan=plan).meter_id == tokens.pk
    bundle = CreditBundle.objects.for_merchant(acme).get(plan=plan)
    assert (bundle.name, bundle.cost, bundle.credit_amount) == ("Ten", Decimal(10), Decimal(11))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"period_amount": "25.001"}, "no more than 2 decimal places"),
        ({"period_amount": "-1"}, "greater than or equal to 0"),
        ({"period_amount": "10001"}, "less than or equal to 10000"),
        ({"included_credit": "1e-11"}, "included_credit must be from 0 to"),
        ({"name": ""}, "This field is required."),
        ({"billing_interval": "fortnight"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_stored(owner, acme, values, words):
    answer = owner.post(list_of(Plan, "add"), form(**values))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Plan.objects.for_merchant(acme).filter(is_free_default=False).count() == 0


def test_a_bundle_that_cannot_be_stores_no_plan_either(owner, acme):
    free = {"name": "Ten", "cost": "0", "credit_amount": "11"}
    assert owner.post(list_of(Plan, "add"), form(free)).status_code == 200
    assert Plan.objects.for_merchant(acme).filter(is_free_default=False).count() == 0


def test_price_and_interval_stay_as_subscribers_agreed_to_them(owner, starter):
    owner.post(page_of(starter), form(name="Start", period_amount="99", billing_interval="day", included_credit="12"))
    starter.refresh_from_db()
    assert (starter.period_amount, starter.billing_interval) == (0, "month")
    assert (starter.name, starter.included_credit, starter.rollover_type) == ("Start", 12, "full")


def test_bundles_are_added_changed_and_removed(owner, acme, starter):
    ten = {"name": "Ten", "cost": "10", "credit_amount": "10"}
    fifty = {"name": "Fifty", "cost": "50", "credit_amount": "55"}
    owner.post(page_of(starter), form(ten, fifty, included_credit="10"))
    first, second = CreditBundle.objects.for_merchant(acme).order_by("cost")
    again = [
        {**ten, "name": "Ten dollars", "id": str(first.pk), "plan": str(starter.pk)},
        {**fifty, "DELETE": "on", "id": str(second.pk), "plan": str(starter.pk)},
    ]
    answer = owner.post(page_of(starter), {**NEW, "included_credit": "10", **bundles(*again, there=2)})
    assert answer.status_code == 302
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.name == "Ten dollars"
    assert first.deleted_at is None
    assert second.deleted_at is not None


def test_the_free_plan_cannot_be_archived(owner, acme):
    free = Plan.objects.for_merchant(acme).get(is_free_default=True)
    answer = owner.post(page_of(free, "archive"))
    assert b"it cannot be deleted" in answer.content


def test_an_archived_plan_leaves_the_list_and_keeps_its_page(owner, acme):
    plan = make_plan(acme, meters=[], name="Old", at=acme.created_at)
    assert owner.post(page_of(plan, "archive")).status_code == 302
    assert "Old" not in {one.name for one in owner.get(list_of(Plan)).context["cl"].result_list}
    assert b"archived" in owner.get(page_of(plan)).content


def test_the_customers_view_follows_the_form(owner, acme, tokens):
    data = form(linked_meters=[str(tokens.pk)], rollover_cap="50")
    answer = owner.post(reverse("admin:plans_plan_offer"), data, headers={"HX-Request": "true"})
    shown = answer.content.decode()
    assert "$25.00 <small>per month</small>" in shown
    assert "Includes $25.00 of usage" in shown
    assert "Unused credits roll over, up to $50.00" in shown
    assert "$2.00 per 1M tokens" in shown


def test_the_customers_view_says_that_nothing_draws_on_a_plan(owner):
    answer = owner.post(reverse("admin:plans_plan_offer"), form())
    assert "<html" in answer.content.decode()
    assert "No meter draws on this plan" in answer.content.decode()
