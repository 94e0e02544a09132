"""The broker is a hint: wiped, killed or gone, nothing is lost and what is due is done all the same."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.faults.reporting import Application, elsewhere, wait_until
from tests.sdk.system import System, fresh_system


class Broker:
    """A Redis of this test's own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program is not None
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([program, *options], cwd=self._folder, stdout=log, stderr=log)
        wait_until(self.answers)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis(port=self.port).ping())
        except redis.ConnectionError:
            return False

    def wipe(self) -> None:
        redis.Redis(port=self.port).flushall()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Broker]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    broker = Broker(tmp_path_factory.mktemp("redis"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def system(broker, tmp_path_factory) -> Iterator[System]:
    """Web and worker as processes of their own, with Redis between them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REDIS_URL", broker.url)
        with fresh_system(os.environ["DATABASE_URL"], tmp_path_factory.mktemp("system")) as running:
            running.start_worker()
            yield running


@pytest.fixture(scope="module")
def application(system) -> Application:
    return Application.of(system)


@pytest.fixture
def database(system) -> Iterator[psycopg.Connection]:
    with psycopg.connect(system.database_url, autocommit=True) as connection:
        yield connection


MAKE_A_CYCLE_DUE = """
from datetime import timedelta
from apps.plans.catalogue import create_plan
from apps.subscriptions.enrolment import put_on_plan, sign_up_customer
at = clock.now() - timedelta(days=1)
plan = create_plan(
    merchant=merchant, name="Daily", period_amount=Decimal(0), billing_interval="day", included_credit=Decimal(5), at=at
)
customer, _ = sign_up_customer(merchant=merchant, at=at)
put_on_plan(customer=customer, plan=plan, at=at)
print(json.dumps(str(customer.pk)))
"""


def make_a_cycle_due(system: System) -> str:
    """A new customer whose first cycle has just ended; their id."""
    return str(elsewhere(system, MAKE_A_CYCLE_DUE))


def has_renewed(database: psycopg.Connection, customer_id: str) -> bool:
    return (
        database.execute("SELECT FROM subscriptions_cycle WHERE customer_id = %s AND seq = 1", [customer_id]).rowcount
        == 1
    )


def test_the_worker_renews_what_is_due(system, database):
    customer = make_a_cycle_due(system)
    wait_until(lambda: has_renewed(database, customer))


def test_a_broker_that_is_wiped_all_the_time_loses_nothing(application, system, broker, database):
    stop = threading.Event()

    def keep_wiping() -> None:
        while not stop.is_set():
            broker.wipe()

    wiping = threading.Thread(target=keep_wiping)
    wiping.start()
    try:
        customer = make_a_cycle_due(system)
        told = [application.report() for _ in range(50)]
    finally:
        stop.set()
        wiping.join(30)
    assert {one.status for one in told} == {201}
    wait_until(lambda: has_renewed(database, customer))
    system.run("manage.py", "audit_books")


def test_without_a_broker_requests_are_charged_and_due_cycles_renew_once_it_is_back(
    application, system, broker, database
):
    broker.kill()
    customer = make_a_cycle_due(system)
    assert application.report().status == 201
    broker.start()
    wait_until(lambda: has_renewed(database, customer), within_seconds=60)
    system.run("manage.py", "audit_books")
