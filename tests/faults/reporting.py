"""A merchant's application that keeps reporting usage, and remembers what it was told and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from typing import Any

from tests.sdk.system import System

DEADLINE_SECONDS = 30.0

# Ends every other connection to the database, as a failover or an impatient administrator does.
CUT_ALL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_IN_ANOTHER_PROCESS = """
import json, time, django
django.setup()
from decimal import Decimal
from apps.core import clock
from apps.merchants.models import Merchant
merchant = Merchant.objects.get(mode="test")
"""


def elsewhere(system: System, what: str) -> Any:
    """Run Python in a process of its own, with `merchant` at hand; the JSON that it prints."""
    return json.loads(system.run("-c", _IN_ANOTHER_PROCESS + what))


@dataclass(frozen=True)
class Told:
    """One answer. `asked_at` is the clock's time before the request was sent; status 0 is no answer at all."""

    asked_at: float
    request_id: str
    status: int
    body: dict[str, Any]


@dataclass
class Application:
    """Reports one request of a million tokens after another, each under a new id."""

    system: System
    meter_id: str
    numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, system: System) -> Application:
        """Set up its meter, a free plan and a customer."""
        tiers = [{"start": "0", "rate": "2"}]
        meter = {
            "name": "Tokens",
            "meter_slug": "tokens",
            "rate_type": "fixed",
            "tier_type": "tokens_1m",
            "tiers": tiers,
        }
        _, made = system.post("meters", meter)
        plan = {"name": "Trial", "period_amount": "0", "billing_interval": "month", "meter_ids": [made["meter_id"]]}
        _, plan = system.post("plans", plan)
        system.post("customers", {"reference_id": "ada"})
        status, answer = system.post("subscriptions", {"customer_id": "ada", "plan_id": plan["plan_id"]})
        assert status == 201, answer
        return cls(system, str(made["meter_id"]))

    def report(self, request_id: str | None = None) -> Told:
        """Report once; the same id again is a retry."""
        request_id = request_id or f"request-{next(self.numbers)}"
        body = {"request_id": request_id, "customer_id": "ada", "meter_slug": "tokens", "input_tokens": 1_000_000}
        asked_at = time.time()
        try:
            status, answer = self.system.post("requests", body)
        except (OSError, HTTPException):
            status, answer = 0, {}
        return Told(asked_at, request_id, status, answer)

    def report_until(self, enough: Callable[[Told], bool]) -> list[Told]:
        """Keep reporting until an answer is enough; everything it was told. Fails after the deadline."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        told: list[Told] = []
        while time.monotonic() < deadline:
            told.append(self.report())
            if enough(told[-1]):
                return told
        raise AssertionError(f"never told so; the last answers: {told[-3:]}")

    @contextmanager
    def reporting(self) -> Iterator[list[Told]]:
        """Report all the time while the block lasts; the list grows meanwhile."""
        told: list[Told] = []
        done = threading.Event()

        def go_on() -> None:
            while not done.is_set():
                told.append(self.report())

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield told
        finally:
            done.set()
            thread.join(DEADLINE_SECONDS)


def wait_until(holds: Callable[[], object], *, within_seconds: float = DEADLINE_SECONDS) -> None:
    """Ask again and again until it holds. Fails after the deadline."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_seconds:g} s"
