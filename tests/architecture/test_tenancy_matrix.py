"""Every route, called with another merchant's ids: as if they did not exist. A new route needs a row here."""

import json

import pytest

from apps.core import clock
from tests.factories.callers import Api
from tests.factories.stage import all_routes, set_stage

# Routes that name somebody else's row in their path: 404, whatever the method.
BY_PATH = {(method, route) for method, route in all_routes() if "{" in route}

# Routes that list: nothing of somebody else's is in it, and a filter by somebody else's id is 404.
LISTS = {
    ("GET", "/customers"): [],
    ("GET", "/meters"): [],
    ("GET", "/plans"): [],
    ("GET", "/credit_bundles"): ["plan_id"],
    ("GET", "/subscriptions"): ["customer_id"],
    ("GET", "/requests"): ["customer_id", "meter_id"],
    ("GET", "/secret_keys"): [],
    ("GET", "/usage"): ["customer_id", "meter_id"],
}

# Routes whose body names somebody else's rows: 404.
BY_BODY = {
    ("POST", "/plans"): {"name": "P", "period_amount": "0", "billing_interval": "day", "meter_ids": ["{meter_id}"]},
    ("POST", "/subscriptions"): {"customer_id": "{customer_id}", "plan_id": "{plan_id}"},
    ("POST", "/requests"): {"request_id": "r", "customer_id": "{customer_id}", "meter_slug": "chat"},
    ("POST", "/requests/estimate"): {"customer_id": "{customer_id}", "meter_slug": "chat"},
}

# Routes that name nothing of anybody's, or answer item by item (tested with them).
NAMES_NOTHING = {
    ("POST", "/customers"),
    ("POST", "/meters"),
    ("POST", "/secret_keys"),
    ("POST", "/requests/batch"),
}


@pytest.fixture
def at():
    return clock.now()


@pytest.fixture
def stage(api):
    return set_stage(api)


def test_every_route_has_a_row():
    assert set(all_routes()) == BY_PATH | set(LISTS) | set(BY_BODY) | NAMES_NOTHING


@pytest.mark.parametrize("route", sorted(BY_PATH), ids=" ".join)
def test_a_path_with_a_neighbours_id_is_not_found(stage, umbrella_api, route):
    before = stage.api.get("/customers/user-7/ledger").body
    answer = umbrella_api.call(route[0], stage.path(route), body=stage.bodies.get(route))
    assert answer.status == 404, answer.body
    assert answer.code.endswith("_not_found")
    assert answer.code != "route_not_found"
    assert stage.api.get("/customers/user-7/ledger").body == before


@pytest.mark.parametrize("route", sorted(LISTS), ids=" ".join)
def test_a_list_holds_nothing_of_a_neighbours(stage, umbrella_api, route):
    start = {"start": "2026-01-01"} if route[1] == "/usage" else {}
    listed = umbrella_api.get(route[1], **start)
    assert listed.status == 200
    assert not any(id in json.dumps(listed.body) for id in stage.ids.values())
    for parameter in LISTS[route]:
        assert umbrella_api.get(route[1], **start, **{parameter: stage.ids[parameter]}).status == 404


@pytest.mark.parametrize("route", sorted(BY_BODY), ids=" ".join)
def test_a_body_with_a_neighbours_id_is_not_found(stage, umbrella_api, route):
    body = BY_BODY[route]
    for name, id in stage.ids.items():
        body = json.loads(json.dumps(body).replace(f"{{{name}}}", id))
    answer = umbrella_api.post(route[1], body)
    assert answer.status == 404, answer.body


def test_a_batch_with_a_neighbours_customer_is_refused_by_the_item(stage, umbrella_api):
    item = {"request_id": "r", "customer_id": stage.ids["customer_id"], "meter_slug": "chat"}
    [result] = umbrella_api.post("/requests/batch", {"requests": [item]}).body["results"]
    assert result["status"] == 404


def test_the_other_mode_is_a_neighbour_too(stage, acme):
    live = Api(acme.live, at=clock.now())
    for route in sorted(BY_PATH):
        if route[0] == "GET":
            assert live.get(stage.path(route)).status == 404
