"""/v1/meters"""

import pytest

from apps.core import clock

BODY = {
    "name": "Chat",
    "rate_type": "fixed",
    "tier_type": "tokens_1m",
    "meter_slug": "chat",
    "tiers": [{"start": "0", "rate": "2"}, {"start": "1000000", "rate": "1.50"}],
}


@pytest.fixture
def at():
    return clock.now()


def test_a_meter_is_made_read_and_listed(api):
    made = api.post("/meters", BODY)
    assert made.status == 201
    assert made.body["meter_id"].startswith("prd_test_")
    assert made.body["meter_slug"] == "chat"
    assert made.body["tiers"] == [
        {"start": 0, "rate": "2.0000000000", "type": "tokens_1m"},
        {"start": 1_000_000, "rate": "1.5000000000", "type": "tokens_1m"},
    ]
    assert api.get(f"/meters/{made.body['meter_id']}").body == made.body
    assert api.get("/meters").body == {"data": [made.body], "has_more": False, "next_cursor": None}


def test_numbers_in_tiers_are_taken_as_they_are_written(api):
    made = api.post(
        "/meters", BODY | {"tiers": [{"start": 0, "rate": 0.1}, {"start": 2.5, "rate": 0.05}], "tier_type": "minutes"}
    )
    assert [(tier["start"], tier["rate"]) for tier in made.body["tiers"]] == [
        (0, "0.1000000000"),
        (2.5, "0.0500000000"),
    ]


def test_a_change_reprices_from_now_on(api):
    made = api.post("/meters", BODY).body
    changed = api.patch(f"/meters/{made['meter_id']}", {"name": "Talk", "tiers": [{"start": "0", "rate": "9"}]})
    assert changed.status == 200
    assert (changed.body["name"], changed.body["rate_version"]) == ("Talk", 2)
    assert len(changed.body["tiers"]) == 1


@pytest.mark.parametrize("field", ["rate_type", "tier_type", "meter_slug"])
def test_what_it_counts_cannot_change(api, field):
    made = api.post("/meters", BODY).body
    refused = api.patch(f"/meters/{made['meter_id']}", {field: BODY[field]})
    assert (refused.status, refused.code) == (400, "invalid_request")


def test_a_slug_is_taken_once(api):
    api.post("/meters", BODY)
    refused = api.post("/meters", BODY)
    assert (refused.status, refused.code) == (409, "meter_slug_taken")


def test_a_deleted_meter_is_gone(api):
    made = api.post("/meters", BODY).body
    path = f"/meters/{made['meter_id']}"
    assert api.delete(path).body == {"id": made["meter_id"], "deleted": True}
    assert api.get(path).code == api.delete(path).code == "meter_not_found"
    assert api.get("/meters").body["data"] == []


def test_a_list_is_read_through_its_cursor(api):
    slugs = [f"m{number}" for number in range(5)]
    for slug in slugs:
        api.post("/meters", BODY | {"meter_slug": slug})
    seen, page = [], api.get("/meters", limit=2).body
    seen += page["data"]
    while page["has_more"]:
        page = api.get("/meters", limit=2, cursor=page["next_cursor"]).body
        seen += page["data"]
    assert [meter["meter_slug"] for meter in seen] == slugs[::-1]


def test_the_neighbour_cannot_see_it(api, umbrella_api):
    made = api.post("/meters", BODY).body
    path = f"/meters/{made['meter_id']}"
    for answer in (umbrella_api.get(path), umbrella_api.patch(path, {"name": "Mine"}), umbrella_api.delete(path)):
        assert (answer.status, answer.code) == (404, "meter_not_found")
    assert umbrella_api.get("/meters").body["data"] == []
    assert api.get(path).body == made
