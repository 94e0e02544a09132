"""/v1/subscriptions and /v1/customers/{id}/subscription"""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import clock
from apps.plans.catalogue import NewBundle
from tests.factories.catalogue import make_plan
from tests.factories.people import make_customer


@pytest.fixture
def at():
    return clock.now() - timedelta(seconds=1)


@pytest.fixture
def plan(acme, tokens, at):
    return make_plan(
        acme,
        name="Team",
        meters=[tokens],
        credit_bundles=[NewBundle("Small", Decimal(5), Decimal(6))],
        default_auto_top_up_bundle_index=0,
        at=at,
    )


@pytest.fixture
def bundle(plan):
    return plan.default_auto_top_up_bundle.public_id


@pytest.fixture
def customer(api):
    return api.post("/customers", {"reference_id": "ada", "name": "Ada Lovelace"}).body


@pytest.fixture
def subscription(api, customer, plan):
    answer = api.post("/subscriptions", {"customer_id": "ada", "plan_id": plan.public_id})
    assert answer.status == 201
    return answer.body["subscription"]


def test_a_customer_is_put_on_a_free_plan(api, plan, bundle, subscription):
    assert subscription["plan_id"] == plan.public_id
    assert subscription["status"] == "active"
    assert subscription["auto_top_up_bundle_id"] == bundle
    assert subscription["plan"]["included_credit"] == "10.0000000000"
    assert subscription["credits"] == {
        "total_remaining": "10.0000000000",
        "cycle_remaining": "10.0000000000",
        "bundle_remaining": "0.0000000000",
    }
    assert (subscription["cancelled_at"], subscription["pending_change"]) == (None, None)
    assert api.get("/customers/ada/subscription").body == {"subscription": subscription}
    assert api.get("/customers/ada").body["subscription"] == {
        "subscription_id": subscription["subscription_id"],
        "plan_id": plan.public_id,
        "name": "Team",
        "status": "active",
    }


def test_assigning_the_plan_again_changes_nothing(api, plan, subscription):
    again = api.post("/subscriptions", {"customer_id": "ada", "plan_id": plan.public_id})
    assert again.body["subscription"] == subscription


def test_a_paid_plan_needs_a_checkout(api, acme, customer, at):
    paid = make_plan(acme, meters=[], period_amount=Decimal("49.00"), at=at)
    refused = api.post("/subscriptions", {"customer_id": "ada", "plan_id": paid.public_id})
    assert (refused.status, refused.code) == (400, "plan_not_free")


def test_cancelling_takes_effect_at_the_end_of_the_cycle(api, subscription):
    path = f"/subscriptions/{subscription['subscription_id']}"
    assert api.delete(path).body == {"success": True}
    assert api.delete(path).status == 200
    left = api.get("/customers/ada/subscription").body["subscription"]
    assert left["status"] == "active"
    assert left["pending_change"] == {"type": "cancellation", "effective_at": left["cycle_end_at"]}


def test_auto_top_up_is_turned_off_and_on(api, subscription, bundle):
    path = f"/subscriptions/{subscription['subscription_id']}"
    assert api.patch(path, {"auto_top_up_bundle_id": None}).body == {"success": True}
    assert api.get("/customers/ada/subscription").body["subscription"]["auto_top_up_bundle_id"] is None
    assert api.patch(path, {"auto_top_up_bundle_id": bundle}).status == 200
    assert api.get("/customers/ada/subscription").body["subscription"]["auto_top_up_bundle_id"] == bundle


def test_a_bundle_of_another_plan_is_refused(api, acme, subscription, at):
    other = make_plan(
        acme,
        meters=[],
        credit_bundles=[NewBundle("Other", Decimal(5), Decimal(6))],
        default_auto_top_up_bundle_index=0,
        at=at,
    )
    refused = api.patch(
        f"/subscriptions/{subscription['subscription_id']}",
        {"auto_top_up_bundle_id": other.default_auto_top_up_bundle.public_id},
    )
    assert (refused.status, refused.code) == (400, "bundle_not_of_plan")


def test_the_list_is_filtered_by_status_and_customer(api, customer, subscription):
    api.post("/customers", {"reference_id": "bob"})
    active = api.get("/subscriptions").body["data"]
    assert [row["status"] for row in active] == ["active", "active"]
    assert customer["customer_id"] in {row["customer_id"] for row in active}
    of_ada = api.get("/subscriptions", customer_id="ada", status="all").body["data"]
    assert [row["status"] for row in of_ada] == ["active", "cancelled"]
    [ended] = api.get("/subscriptions", status="cancelled").body["data"]
    assert ended["cancelled_at"] is not None
    assert ended["credits"]["total_remaining"] == "0.0000000000"
    assert of_ada[0]["customer"] == {"phone": "", "email": "", "first_name": "Ada", "last_name": "Lovelace"}


def test_a_removed_bundle_is_shown_no_more(api, plan, subscription, bundle):
    api.patch(f"/plans/{plan.public_id}", {"credit_bundles": [{"credit_bundle_id": bundle, "is_deleted": True}]})
    shown = api.get("/customers/ada/subscription").body["subscription"]
    assert shown["auto_top_up_bundle_id"] is None


def test_what_is_due_is_done_before_a_subscription_is_shown(api, acme, plan, at):
    make_customer(acme, plan=plan, reference_id="old", at=at - timedelta(days=100))
    shown = api.get("/customers/old/subscription").body["subscription"]
    assert shown["cycle_start_at"] <= clock.now().isoformat() < shown["cycle_end_at"]
    assert shown["credits"]["total_remaining"] == "10.0000000000"


def test_the_neighbour_cannot_see_or_change_it(api, umbrella_api, plan, subscription):
    path = f"/subscriptions/{subscription['subscription_id']}"
    for answer in (umbrella_api.patch(path, {"auto_top_up_bundle_id": None}), umbrella_api.delete(path)):
        assert (answer.status, answer.code) == (404, "subscription_not_found")
    assert umbrella_api.get("/subscriptions", status="all").body["data"] == []
    assert umbrella_api.get("/subscriptions", customer_id="ada").status == 404
    umbrella_api.post("/customers", {"reference_id": "ada"})
    refused = umbrella_api.post("/subscriptions", {"customer_id": "ada", "plan_id": plan.public_id})
    assert (refused.status, refused.code) == (404, "plan_not_found")
