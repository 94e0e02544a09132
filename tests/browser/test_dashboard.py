"""A merchant at work in a browser: signs in, prices a meter, makes a plan, looks at a customer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.core import clock
from apps.ledger.statements import credits_of
from apps.meters.catalogue import current_rate
from apps.meters.models import Meter
from apps.plans.models import Plan
from tests.factories.catalogue import make_meter, make_plan
from tests.factories.pages import list_of, page_of, use
from tests.factories.people import make_customer, make_merchant
from tests.factories.staff import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme_now(transactional_db):
    """Acme's sandbox, opened today, with an owner."""
    sandbox = make_merchant("Acme", at=clock.now()).sandbox
    make_member(sandbox, email="owner@acme.test", at=clock.now())
    return sandbox


def sign_in(page) -> None:
    page.goto("/dashboard/")
    page.get_by_label("Email").fill("owner@acme.test")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/")


def test_an_owner_signs_in_prices_a_meter_and_makes_a_plan(page, acme_now, complaints):
    sign_in(page)
    page.get_by_role("link", name="Meters").click()
    page.get_by_role("link", name="New meter").first.click()
    page.get_by_label("Name").fill("Chat")
    page.get_by_label("Slug").fill("chat")
    page.get_by_label("Rate").first.fill("5")
    page.get_by_role("button", name="Add a tier").click()
    page.keyboard.type("1000000")
    page.keyboard.press("Tab")
    page.keyboard.type("3")
    # The price is tried while it is typed: 1,204 + 412 tokens, half a million before them, and then past the tier.
    page.get_by_label("Used before").fill("999000")
    page.get_by_text("tokens 999,000 to 1,000,000").wait_for()
    assert "$0.0068480000" in page.locator("#trial").inner_text()  # 1,000 x 5 + 616 x 3, per million
    page.get_by_role("button", name="Save").click()
    page.get_by_text("was added successfully").wait_for()
    meter = Meter.objects.for_merchant(acme_now).get(slug="chat")
    assert [tier.rate for tier in current_rate(meter).price(meter).tiers] == [5, 3]

    page.goto(list_of(Plan, "add"))
    page.get_by_label("Name", exact=False).first.fill("Pro")
    page.get_by_label("Price per cycle").fill("25.00")
    page.get_by_text("Roll over", exact=True).click()
    page.get_by_label("Chat").check()
    page.get_by_text("Unused credits roll over").wait_for()
    assert "$25.00 per month" in page.locator("#offer").inner_text()
    page.get_by_text("Add another Credit bundle").click()
    page.locator("[name=credit_bundles-0-name]").fill("Ten")
    page.locator("[name=credit_bundles-0-cost]").fill("10.00")
    page.locator("[name=credit_bundles-0-credit_amount]").fill("11")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("was added successfully").wait_for()
    plan = Plan.objects.for_merchant(acme_now).get(name="Pro")
    assert (plan.period_amount, plan.rollover_type) == (25, "full")
    assert plan.credit_bundles.for_merchant(acme_now).count() == 1
    assert complaints == []


def test_a_customers_balance_is_read_and_credits_are_granted(page, acme_now, complaints):
    at = clock.now()
    meter = make_meter(acme_now, at=at)
    ada = make_customer(acme_now, plan=make_plan(acme_now, meters=[meter], at=at), name="Ada Lovelace", at=at)
    use(ada, at=at)
    sign_in(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("lovelace")
    page.get_by_role("link", name="Ada Lovelace").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{page_of(ada)}")
    assert page.locator(".glance .big").inner_text() == "$8.00"

    page.get_by_role("link", name="Grant credits").click()
    page.get_by_label("Credits", exact=True).fill("2.50")
    page.get_by_label("Why").fill("Welcome")
    page.get_by_role("button", name="Grant credits").click()
    page.wait_for_url(f"**{page_of(ada)}")
    assert page.locator(".glance .big").inner_text() == "$10.50"
    assert credits_of(ada, at=clock.now()).total_remaining == Decimal("10.5")
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_in_light_and_dark(page, acme_now, scheme):
    at = clock.now()
    meter = make_meter(acme_now, at=at)
    plan = make_plan(acme_now, meters=[meter], at=at)
    request = use(make_customer(acme_now, plan=plan, name="Ada Lovelace", at=at), at=at)
    page.emulate_media(color_scheme=scheme)
    sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/dashboard/", page_of(meter), page_of(plan), page_of(request.customer), page_of(request)):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert shown == {"light": "rgb(250, 250, 249)", "dark": "rgb(12, 10, 9)"}[scheme], address


def test_an_id_is_copied_with_one_click(page, acme_now):
    meter = make_meter(acme_now, at=clock.now())
    sign_in(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(page_of(meter))
    page.get_by_label(f"Copy {meter.public_id}").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == meter.public_id
