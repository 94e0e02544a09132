"""One customer, or one request, that cannot be charged now holds up nobody who shares a batch with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client

from apps.customers.models import Customer
from apps.merchants.secret_keys import create_secret_key
from apps.meters.rules.usage import Usage
from apps.requests.charging import AccountBusy, Charged, charge
from apps.requests.lane import Answer, Lane, Post, answer_together
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from tests.concurrency.proof import assert_books_are_right
from tests.factories.people import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ben(acme, starter, at) -> Customer:
    return make_customer(acme, plan=starter, reference_id="ben", at=at)


@pytest.fixture
def impatient(monkeypatch) -> Iterator[None]:
    """New connections wait a tenth of a second for a lock, so that the test does not wait for ten."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c lock_timeout=100ms")
    connections.close_all()
    yield
    connections.close_all()


@pytest.fixture
def account_of_ada_is_held(ada, impatient) -> Iterator[None]:
    """Somebody else has locked Ada's account and does not let go."""
    parameters = connection.get_connection_params()
    with psycopg.connect(
        **{name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    ) as somebody:
        somebody.execute("SELECT FROM ledger_balance WHERE customer_id = %s FOR UPDATE", [ada.pk])
        yield


def report(customer: Customer, request_id: str) -> Report:
    return Report(customer.merchant, request_id, customer.public_id, "tokens", Usage(input_tokens=1_000))


@pytest.mark.usefixtures("account_of_ada_is_held")
def test_a_customer_whose_account_is_held_is_told_so_and_the_others_are_charged(ada, ben, at):
    outcomes = charge([report(ada, "a1"), report(ben, "b1"), report(ada, "a2"), report(ben, "b2")], at=at)

    assert [type(outcome) for outcome in outcomes] == [AccountBusy, Charged, AccountBusy, Charged]
    assert MeteredRequest.objects.for_merchant(ada.merchant).count() == 2


@pytest.mark.usefixtures("account_of_ada_is_held")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/requests", {"request_id": "r1", "customer_id": "ada", "meter_slug": "tokens", "input_tokens": 5}),
        ("/v1/customers/ada/grants", {"amount": "5", "reason": "sorry"}),
    ],
)
def test_the_api_says_so_readably(acme, at, path, body):
    _, key = create_secret_key(merchant=acme, name="API", at=at)

    answer = Client().post(path, body, "application/json", headers={"Authorization": f"Bearer {key}"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "temporarily_unavailable")


# --- In the lane ---------------------------------------------------------------------------------


def through_a_lane(lane: Lane, posts: Sequence[Post]) -> list[Answer]:
    """All of these at once, each as a connection of its own; the lane is started before and stopped after."""

    async def ask(post: Post) -> Answer:
        authorization, body = post
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"path": "/v1/requests", "headers": [(b"authorization", (authorization or "").encode())]}
        await lane(scope, receive, send)
        return (sent[0]["status"], sent[1]["body"])

    async def ask_all() -> list[Answer]:
        lane.start()
        try:
            return await asyncio.wait_for(asyncio.gather(*map(ask, posts)), timeout=60)
        finally:
            await lane.stop()

    return asyncio.run(ask_all())


def failing_on(poison: bytes) -> Callable[[Sequence[Post]], list[Answer]]:
    """The lane's own work, by a version of it that has a bug."""

    def answer(posts: Sequence[Post]) -> list[Answer]:
        if any(poison in body for _, body in posts):
            raise ZeroDivisionError
        return answer_together(posts)

    return answer


def test_a_request_that_fails_does_not_spoil_its_batch(acme, ada, ben, at):
    _, key = create_secret_key(merchant=acme, name="API", at=at)
    bodies = [
        {"request_id": f"r{n}", "customer_id": ("ada", "ben")[n % 2], "meter_slug": "tokens", "input_tokens": n}
        for n in range(40)
    ]
    posts = [(f"Bearer {key}", json.dumps(body).encode()) for body in bodies]

    answers = through_a_lane(Lane(failing_on(b'"r17"')), posts)

    assert [status for status, _ in answers] == [503 if n == 17 else 201 for n in range(40)]
    assert MeteredRequest.objects.for_merchant(acme).count() == 39


def test_64_clients_of_a_lane_are_answered_once_each_and_the_books_are_right(acme, ada, ben, at):
    _, key = create_secret_key(merchant=acme, name="API", at=at)
    bodies = [
        {"request_id": f"r{n // 3}", "customer_id": ("ada", "ben")[n // 3 % 2], "meter_slug": "tokens"}
        for n in range(192)
    ]
    posts = [(f"Bearer {key}", json.dumps(body).encode()) for body in bodies]

    answers = through_a_lane(Lane(), posts)

    assert sorted(status for status, _ in answers) == [200] * 128 + [201] * 64
    for n, (_, body) in enumerate(answers):
        assert json.loads(body)["request_id"] == f"r{n // 3}"
    assert_books_are_right(at=MeteredRequest.objects.for_merchant(acme).latest("created_at").created_at)
