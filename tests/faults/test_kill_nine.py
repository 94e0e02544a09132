"""kill -9 in mid-load: nothing that was answered is lost, nothing is charged twice on retry, the books are clean."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest

from apps.devstack.embedded_postgres import EmbeddedPostgres, PostgresFailed
from tests.sdk.system import System, fresh_system

CLIENTS = 8
REQUESTS = 400
KILL_AFTER = 60


@dataclass
class Load:
    """Clients that report usage and, as the documentation tells them, send again what was not answered."""

    system: System
    customers: list[str]
    answered: dict[str, Decimal] = field(default_factory=dict)
    sent_again: int = 0
    under_way: threading.Event = field(default_factory=threading.Event)
    reachable: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Report every request until it is answered."""
        self.reachable.set()
        with ThreadPoolExecutor(CLIENTS) as clients:
            for done in [clients.submit(self._report, number) for number in range(REQUESTS)]:
                done.result(timeout=120)

    def _report(self, number: int) -> None:
        body = {
            "request_id": f"load-{number}",
            "customer_id": self.customers[number % len(self.customers)],
            "meter_slug": "tokens",
            "input_tokens": 1000 + number,
        }
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                status, answer = self.system.post("requests", body)
            except (OSError, HTTPException):
                status, answer = 0, {}
            if status in (200, 201):
                return self._note(body["request_id"], answer)
            assert status in (0, 503), answer
            self.sent_again += 1
            # A client backs off; here, until what was killed is back, however long that takes.
            self.reachable.wait(60)
        raise AssertionError("never answered")

    def _note(self, request_id: str, answer: dict) -> None:
        with self._lock:
            self.answered[request_id] = Decimal(answer["charge"]["amount"])
            if len(self.answered) >= KILL_AFTER:
                self.under_way.set()


def catalogue(system: System) -> list[str]:
    """A meter, a plan and four customers on it; their references."""
    _, meter = system.post(
        "meters",
        {
            "name": "Tokens",
            "meter_slug": "tokens",
            "rate_type": "fixed",
            "tier_type": "tokens_1m",
            "tiers": [{"start": "0", "rate": "2"}, {"start": "50000", "rate": "1"}],
        },
    )
    _, plan = system.post(
        "plans",
        {
            "name": "Trial",
            "period_amount": "0",
            "billing_interval": "month",
            "included_credit": "0.10",
            "meter_ids": [meter["meter_id"]],
        },
    )
    names = [f"customer-{number}" for number in range(4)]
    for name in names:
        system.post("customers", {"reference_id": name})
        status, answer = system.post("subscriptions", {"customer_id": name, "plan_id": plan["plan_id"]})
        assert status == 201, answer
    return names


def assert_books_hold_exactly(system: System, load: Load) -> None:
    with psycopg.connect(system.database_url) as books:
        recorded = dict(books.execute("SELECT request_id, charge FROM requests_meteredrequest").fetchall())
        [(used,)] = books.execute("SELECT -sum(amount) FROM ledger_ledgerentry WHERE kind = 'usage'").fetchall()
    assert len(load.answered) == REQUESTS
    assert recorded == load.answered
    assert used == sum(load.answered.values())
    system.run("manage.py", "audit_books")


def test_the_web_process_is_killed(tmp_path):
    with fresh_system(os.environ["DATABASE_URL"], tmp_path) as system:
        load = Load(system, catalogue(system))
        clients = threading.Thread(target=load.run)
        clients.start()
        assert load.under_way.wait(60)
        load.reachable.clear()
        system.kill("web")
        system.start_web()
        load.reachable.set()
        clients.join(120)
        assert load.sent_again > 0
        assert_books_hold_exactly(system, load)


@pytest.fixture
def durable_postgres(tmp_path):
    server = EmbeddedPostgres(Path(tmp_path) / "postgres", durable=True)
    server.start()
    yield server
    server.stop()


def kill_every_process_of(server: EmbeddedPostgres) -> None:
    """The postmaster first, so that it starts no others; then those that it left, where they can be listed."""
    postmaster = server.running().pid
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    pids = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    for pid in (postmaster, *pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_again(server: EmbeddedPostgres) -> None:
    """Start as the supervisor would: again and again, until the last orphaned backend is gone."""
    deadline = time.monotonic() + 60
    while True:
        try:
            server.start()
        except PostgresFailed:
            assert time.monotonic() < deadline
        else:
            return


def test_postgresql_is_killed(tmp_path, durable_postgres):
    with fresh_system(durable_postgres.url(), tmp_path) as system:
        load = Load(system, catalogue(system))
        clients = threading.Thread(target=load.run)
        clients.start()
        assert load.under_way.wait(60)
        load.reachable.clear()
        kill_every_process_of(durable_postgres)
        start_again(durable_postgres)
        load.reachable.set()
        clients.join(120)
        assert system.processes["web"].poll() is None
        assert load.sent_again > 0
        assert_books_hold_exactly(system, load)
