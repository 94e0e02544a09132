"""A POST that is sent twice happens once."""

from threading import Barrier, Thread

import pytest
from django.db import connection

from apps.core import clock
from apps.customers.models import Customer
from apps.ledger.models import Grant
from apps.merchants.idempotency import KEPT_FOR, forget_old_keys
from apps.merchants.models import IdempotencyRecord
from apps.meters.models import Meter
from tests.factories.callers import Api

METER = {
    "name": "Calls",
    "rate_type": "fixed",
    "tier_type": "requests",
    "tiers": [{"start": "0", "rate": "0.01"}],
}


@pytest.fixture
def at():
    return clock.now()


def _once(key):
    return {"Idempotency-Key": key}


def test_the_same_request_gets_the_stored_answer(api):
    first = api.post("/meters", METER, **_once("k"))
    again = api.post("/meters", METER, **_once("k"))
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Meter.objects.for_merchant(api.merchant).count() == 1


@pytest.mark.parametrize(
    ("path", "body"), [("/meters", METER | {"name": "Other"}), ("/customers", {}), ("/meters?x=1", METER)]
)
def test_the_key_with_another_request_is_refused(api, path, body):
    api.post("/meters", METER, **_once("k"))
    refused = api.post(path, body, **_once("k"))
    assert (refused.status, refused.code) == (409, "idempotency_key_reused")
    assert Customer.objects.for_merchant(api.merchant).count() == 0


def test_a_refusal_is_not_kept(api):
    refused = api.post("/meters", METER | {"tiers": []}, **_once("k"))
    assert refused.status == 400
    assert api.post("/meters", METER, **_once("k")).status == 201


def test_without_a_key_each_request_counts(api):
    api.post("/meters", METER)
    api.post("/meters", METER)
    assert Meter.objects.for_merchant(api.merchant).count() == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(api, key):
    refused = api.post("/meters", METER, **_once(key))
    assert (refused.status, refused.code) == (400, "idempotency_key_invalid")


def test_the_neighbours_keys_are_their_own(api, umbrella_api):
    api.post("/meters", METER, **_once("k"))
    theirs = umbrella_api.post("/meters", METER, **_once("k"))
    assert theirs.status == 201
    assert "Idempotent-Replayed" not in theirs.headers


def test_voiding_can_be_replayed(api, ada):
    api.post("/requests", {"request_id": "r", "customer_id": "ada", "meter_slug": "tokens", "input_tokens": 10})
    first = api.post("/requests/r/void", **_once("k"))
    assert api.post("/requests/r/void", **_once("k")).body == first.body


def test_answers_are_forgotten_after_a_day(api, at):
    api.post("/meters", METER, **_once("k"))
    assert forget_old_keys(at=at) == 0
    assert forget_old_keys(at=clock.now() + KEPT_FOR) == 1
    assert IdempotencyRecord.objects.for_merchant(api.merchant).count() == 0


def test_a_grant_is_given_once_even_when_the_answer_is_forgotten(api, ada, at):
    gift = {"amount": "5", "reason": "Sorry"}
    first = api.post("/customers/ada/grants", gift, **_once("k"))
    forget_old_keys(at=clock.now() + KEPT_FOR)
    again = api.post("/customers/ada/grants", gift, **_once("k"))
    assert again.body["grant_id"] == first.body["grant_id"]
    assert Grant.objects.for_merchant(api.merchant).filter(origin="promotional").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_happens_and_all_get_its_answer(acme, at):
    api, together, answers = Api(acme, at=at), Barrier(8), []

    def send() -> None:
        together.wait(timeout=10)
        try:
            answers.append(api.post("/meters", METER, **_once("k")))
        finally:
            connection.close()

    threads = [Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [answer.status for answer in answers] == [201] * 8
    assert len({answer.body["meter_id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert Meter.objects.for_merchant(acme).count() == 1
