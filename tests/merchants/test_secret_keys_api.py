"""/v1/secret_keys"""

import pytest
from django.test import Client

from apps.core import clock
from apps.merchants.models import IdempotencyRecord


@pytest.fixture
def at():
    return clock.now()


def test_a_key_is_shown_once_and_works(api):
    made = api.post("/secret_keys", {"name": "Worker"})
    assert made.status == 201
    key = made.body["secret_key"]
    assert made.body["secret_key_hint"] == key[-4:]
    assert Client().get("/v1/meters", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    listed = api.get("/secret_keys").body["data"]
    assert [row["name"] for row in listed] == ["Worker", "Tests"]
    assert all("secret_key" not in row for row in listed)


def test_a_key_can_be_deleted_once_it_has_cooled_down(api):
    made = api.post("/secret_keys", {"name": "Worker"})
    refused = api.delete(f"/secret_keys/{made.body['secret_key_id']}")
    assert (refused.status, refused.code) == (409, "secret_key_too_new")
    old = api.secret_key.public_id
    deleted = api.delete(f"/secret_keys/{old}")
    assert (deleted.status, deleted.body) == (200, {"id": old, "deleted": True})


def test_the_last_key_cannot_be_deleted(api):
    refused = api.delete(f"/secret_keys/{api.secret_key.public_id}")
    assert (refused.status, refused.code) == (409, "last_secret_key")


def test_the_neighbour_cannot_see_or_delete_it(api, umbrella_api):
    api.post("/secret_keys", {"name": "Worker"})
    assert len(umbrella_api.get("/secret_keys").body["data"]) == 1
    refused = umbrella_api.delete(f"/secret_keys/{api.secret_key.public_id}")
    assert (refused.status, refused.code) == (404, "secret_key_not_found")


def test_a_replayed_creation_shows_the_same_key_and_the_database_still_does_not_hold_it(api):
    first = api.post("/secret_keys", {"name": "Worker"}, **{"Idempotency-Key": "once"})
    again = api.post("/secret_keys", {"name": "Worker"}, **{"Idempotency-Key": "once"})
    assert first.body == again.body
    stored = bytes(IdempotencyRecord.objects.for_merchant(api.merchant).get().body)
    assert first.body["secret_key"].encode() not in stored
