"""/v1/plans and /v1/credit_bundles"""

import pytest

from apps.core import clock


@pytest.fixture
def at():
    return clock.now()


@pytest.fixture
def body(tokens):
    return {
        "name": "Pro",
        "period_amount": "49.00",
        "billing_interval": "month",
        "rollover_type": "full",
        "meter_ids": [tokens.public_id],
        "credit_bundles": [
            {"name": "Small", "cost": "5.00", "credit_amount": "6"},
            {"name": "Large", "cost": "50.00", "credit_amount": "70"},
        ],
        "default_auto_top_up_bundle_index": 0,
    }


def test_a_plan_is_made_and_read(api, acme, tokens, body):
    made = api.post("/plans", body)
    assert made.status == 201
    plan = made.body
    assert plan["merchant_id"] == acme.public_id
    assert plan["included_credit"] == "49.0000000000"
    assert (plan["rollover_type"], plan["bundle_rollover_type"]) == ("full", "full")
    assert plan["linked_meters"] == [{"meter_id": tokens.public_id, "name": "Tokens"}]
    assert [bundle["name"] for bundle in plan["credit_bundles"]] == ["Small", "Large"]
    assert plan["default_auto_top_up_bundle_id"] == plan["credit_bundles"][0]["credit_bundle_id"]
    assert api.get(f"/plans/{plan['plan_id']}").body == plan
    assert api.get("/plans").body["data"][0] == plan


def test_a_change_reconciles_bundles(api, body):
    plan = api.post("/plans", body).body
    small, large = (bundle["credit_bundle_id"] for bundle in plan["credit_bundles"])
    changed = api.patch(
        f"/plans/{plan['plan_id']}",
        {
            "included_credit": "60",
            "meter_ids": [],
            "default_auto_top_up_bundle_id": None,
            "rollover_cap": "10",
            "credit_bundles": [
                {"credit_bundle_id": large, "is_deleted": True},
                {"name": "Medium", "cost": "20.00", "credit_amount": "25"},
            ],
        },
    ).body
    assert [bundle["name"] for bundle in changed["credit_bundles"]] == ["Small", "Medium"]
    assert changed["included_credit"] == "60.0000000000"
    assert changed["rollover_cap"] == "10.0000000000"
    assert changed["linked_meters"] == []
    assert changed["default_auto_top_up_bundle_id"] is None
    assert api.get(f"/credit_bundles/{large}").code == "credit_bundle_not_found"
    assert api.get(f"/credit_bundles/{small}").body["plan_id"] == plan["plan_id"]


@pytest.mark.parametrize("change", [{"period_amount": "1.00"}, {"billing_interval": "year"}])
def test_what_subscribers_agreed_to_cannot_change(api, body, change):
    plan = api.post("/plans", body).body
    refused = api.patch(f"/plans/{plan['plan_id']}", change)
    assert (refused.status, refused.code) == (400, "invalid_request")


def test_the_free_plan_cannot_be_deleted(api):
    [free] = api.get("/plans").body["data"]
    refused = api.delete(f"/plans/{free['plan_id']}")
    assert (refused.status, refused.code) == (409, "free_plan_stays")


def test_a_deleted_plan_is_gone(api, body):
    plan = api.post("/plans", body).body
    assert api.delete(f"/plans/{plan['plan_id']}").body == {"id": plan["plan_id"], "deleted": True}
    assert api.get(f"/plans/{plan['plan_id']}").code == "plan_not_found"
    assert api.get("/credit_bundles").body["data"] == []


def test_bundles_are_listed_by_plan(api, body):
    plan = api.post("/plans", body).body
    api.post("/plans", body)
    assert len(api.get("/credit_bundles").body["data"]) == 4
    listed = api.get("/credit_bundles", plan_id=plan["plan_id"]).body["data"]
    assert {bundle["plan_id"] for bundle in listed} == {plan["plan_id"]}
    assert len(listed) == 2


def test_the_neighbour_cannot_see_it(api, umbrella_api, body):
    plan = api.post("/plans", body).body
    bundle = plan["credit_bundles"][0]["credit_bundle_id"]
    path = f"/plans/{plan['plan_id']}"
    for answer in (umbrella_api.get(path), umbrella_api.patch(path, {"name": "Mine"}), umbrella_api.delete(path)):
        assert (answer.status, answer.code) == (404, "plan_not_found")
    assert umbrella_api.get(f"/credit_bundles/{bundle}").status == 404
    assert umbrella_api.get("/credit_bundles", plan_id=plan["plan_id"]).status == 404
    assert [plan["name"] for plan in umbrella_api.get("/plans").body["data"]] == ["Free"]
    assert api.get(path).body == plan


def test_a_neighbours_meter_cannot_be_linked(umbrella_api, body):
    refused = umbrella_api.post("/plans", body)
    assert (refused.status, refused.code) == (404, "meter_not_found")
