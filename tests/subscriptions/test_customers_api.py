"""/v1/customers"""

from urllib.parse import quote

import pytest

from apps.core import clock
from apps.customers.models import Customer

ADA = {
    "reference_id": "user-7",
    "name": "Ada King Lovelace",
    "email": "ada@example.com",
    "phone": "+14155552671",
    "metadata": {"team": {"size": 3, "share": 0.25, "tags": ["a", None, True]}},
}


@pytest.fixture
def at():
    return clock.now()


def test_a_customer_is_made_and_read(api):
    made = api.post("/customers", ADA)
    assert made.status == 201
    customer = made.body
    assert customer["customer_id"].startswith("con_test_")
    assert customer["reference_id"] == "user-7"
    assert customer["contact"] == {
        "phone": "+14155552671",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "King Lovelace",
    }
    assert customer["metadata"] == ADA["metadata"]
    assert (customer["subscription"]["name"], customer["subscription"]["status"]) == ("Free", "active")
    assert api.get(f"/customers/{customer['customer_id']}").body == customer
    assert api.get("/customers/user-7").body == customer
    assert api.get("/customers").body["data"] == [customer]


def test_a_reference_makes_one_customer(api):
    first = api.post("/customers", ADA)
    again = api.post("/customers", {"reference_id": "user-7", "name": "Somebody Else"})
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body


def test_nothing_need_be_known_about_a_customer(api):
    made = api.post("/customers", {})
    assert made.status == 201
    assert made.body["reference_id"] is None
    assert made.body["metadata"] is None
    assert set(made.body["contact"].values()) == {""}


def test_a_change_leaves_what_it_does_not_mention_and_null_forgets(api):
    api.post("/customers", ADA)
    changed = api.patch("/customers/user-7", {"name": "Ada Byron", "phone": None, "metadata": None}).body
    assert changed["contact"] == {
        "phone": "",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Byron",
    }
    assert changed["metadata"] is None
    assert api.patch("/customers/user-7", {}).body == changed


def test_a_reference_can_change_and_be_dropped(api):
    customer = api.post("/customers", ADA).body
    assert api.patch("/customers/user-7", {"reference_id": "user-8"}).body["reference_id"] == "user-8"
    assert api.get("/customers/user-7").status == 404
    api.patch("/customers/user-8", {"reference_id": None})
    assert api.get(f"/customers/{customer['customer_id']}").body["reference_id"] is None


def test_a_reference_of_somebody_else_is_refused(api):
    api.post("/customers", ADA)
    other = api.post("/customers", {"reference_id": "other"}).body
    refused = api.patch("/customers/other", {"reference_id": "user-7"})
    assert (refused.status, refused.code) == (409, "reference_id_taken")
    assert api.get("/customers/other").body == other


@pytest.mark.parametrize("reference", ["a/b", "a b", "ünï", "a%2Fb", "user@example.com", "0", "..", "a?b=c#d"])
def test_a_reference_may_hold_anything_else(api, reference):
    made = api.post("/customers", {"reference_id": reference})
    assert made.status == 201
    assert api.get(f"/customers/{quote(reference, safe='')}").body == made.body
    assert api.get(f"/customers/{quote(reference, safe='')}/subscription").status == 200


def test_a_reference_with_a_slash_needs_no_encoding(api):
    api.post("/customers", {"reference_id": "org/7"})
    assert api.get("/customers/org/7/balance").status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", 7),
        ("phone", "4155552671"),
        ("phone", "+1 415 555 2671"),
        ("phone", "+1"),
        ("phone", "+14155552671; drop"),
        ("phone", 14155552671),
        ("name", "x" * 256),
        ("name", 7),
        ("name", ["Ada"]),
        ("reference_id", 7),
        ("reference_id", "x" * 256),
        ("metadata", []),
        ("metadata", "text"),
        ("metadata", {"big": "x" * 16 * 1024}),
    ],
)
def test_what_is_no_contact_is_refused(api, field, value):
    refused = api.post("/customers", ADA | {field: value})
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.body["error"]["message"].startswith(field)
    assert not Customer.objects.for_merchant(api.merchant).exists()


@pytest.mark.parametrize("reference", ["con_test_7", "con_"])
def test_a_reference_cannot_look_like_our_own_ids(api, reference):
    refused = api.post("/customers", {"reference_id": reference})
    assert (refused.status, refused.code) == (400, "reference_id_invalid")


def test_a_deleted_customer_is_forgotten(api):
    made = api.post("/customers", ADA).body
    assert api.delete("/customers/user-7").body == {"success": True}
    assert api.get(f"/customers/{made['customer_id']}").status == 404
    assert api.delete("/customers/user-7").status == 404
    row = Customer.objects.for_merchant(api.merchant).get()
    assert (row.name, row.email, row.phone, row.reference_id, row.metadata) == ("", "", "", None, None)
    assert api.post("/customers", ADA).body["customer_id"] != made["customer_id"]


def test_the_neighbour_cannot_see_them(api, umbrella_api):
    made = api.post("/customers", ADA).body
    for id in ("user-7", made["customer_id"]):
        for answer in (
            umbrella_api.get(f"/customers/{id}"),
            umbrella_api.patch(f"/customers/{id}", {"name": "Mine"}),
            umbrella_api.delete(f"/customers/{id}"),
            umbrella_api.get(f"/customers/{id}/subscription"),
        ):
            assert (answer.status, answer.code) == (404, "customer_not_found")
    assert umbrella_api.get("/customers").body["data"] == []
    theirs = umbrella_api.post("/customers", ADA)
    assert theirs.status == 201
    assert theirs.body["customer_id"] != made["customer_id"]
