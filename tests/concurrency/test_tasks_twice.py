"""Every task of Lava may run twice at the same moment: a broker delivers twice, and two beats tick together."""

from __future__ import annotations

import inspect
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from celery import Task
from django.db import connection

from apps.core import clock
from apps.ledger.granting import give_credits
from apps.ledger.holds import place_hold
from apps.merchants.idempotency import Answer, answer_once
from apps.meters.rules.usage import Usage
from apps.requests.charging import charge
from apps.requests.records import Report
from lava.celery import app
from tests.concurrency.crowd import at_once
from tests.concurrency.proof import assert_books_are_right
from tests.factories.catalogue import make_meter, make_plan
from tests.factories.people import make_customer, make_merchant

pytestmark = pytest.mark.django_db(transaction=True)

app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if not name.startswith("celery."))

# What a task is called with, where it needs to be told: name -> keyword arguments made from the stage.
ARGUMENTS: dict[str, dict[str, object]] = {}

# Diaries: a task that looks and writes down what it saw may do so every time.
DIARIES = {"ledger_auditrun"}


def test_there_are_tasks():
    assert "subscriptions.renew_due" in TASKS


@pytest.fixture
def something_due_for_everybody() -> None:
    """A customer whose cycles are over, another whose gift is, a third whose hold is, and an old answer."""
    now = clock.now()
    at = now - timedelta(days=3, hours=1)
    acme = make_merchant("Acme", at=at).sandbox
    meter = make_meter(acme, at=at)
    plan = make_plan(acme, meters=[meter], at=at, billing_interval="day", rollover_type="full")
    for number in range(6):
        customer = make_customer(acme, plan=plan, at=at)
        usage = Usage(input_tokens=1_000 * number)
        charge([Report(acme, f"r{number}", customer.public_id, "tokens", usage)], at=at)
        give_credits(
            customer=customer,
            amount=Decimal(3),
            at=at,
            key=f"gift-{number}",
            actor="test",
            reason="fair",
            expires_at=at + timedelta(hours=1),
        )
        place_hold(customer=customer, amount=Decimal(1), request_id=f"held-{number}", at=at)
    answer_once(merchant=acme, key="k", request_hash=b"", at=at, answer=lambda: Answer(200, b"{}"))


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.usefixtures("something_due_for_everybody")
def test_twice_at_once_is_as_good_as_once(name):
    task = app.tasks[name]
    run = partial(task.run, **arguments_of(task))
    before = state(of_diaries=True)

    at_once([run, run])

    afterwards = state()
    assert state(of_diaries=True) != before, f"nothing was due for {name}: give it something to do"
    run()
    assert state() == afterwards
    assert_books_are_right_but_for_what_other_tasks_do()


def arguments_of(task: Task) -> dict[str, object]:
    required = [
        parameter.name
        for parameter in inspect.signature(task.run).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    told = ARGUMENTS.get(task.name, {})
    assert set(required) <= set(told), f"{task.name} needs {required}: add it to ARGUMENTS"
    return told


def state(*, of_diaries: bool = False) -> dict[str, str]:
    """A digest of every table's rows."""
    tables = [name for name in connection.introspection.table_names() if of_diaries or name not in DIARIES]
    digests = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM \"{table}\" t")
            [digests[table]] = cursor.fetchone()
    return digests


def assert_books_are_right_but_for_what_other_tasks_do() -> None:
    """Nothing is wrong once the other tasks have run as well."""
    for name in TASKS:
        app.tasks[name].run(**arguments_of(app.tasks[name]))
    assert_books_are_right(at=clock.now())
