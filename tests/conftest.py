"""The cast and the stage: what every test may ask for.

Acme is a merchant with a sandbox; Umbrella is the neighbour who must never see Acme's rows. Ada is
Acme's customer on a plan with ten dollars of included credit, and `tokens` costs $2 per million.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import TransactionTestCase

from apps.core.process_cache import ProcessCache
from apps.customers.models import Customer
from apps.merchants.models import Merchant
from apps.meters.models import Meter
from apps.plans.models import Plan
from tests.factories.books import APPEND_ONLY, empty_all_tables
from tests.factories.callers import Api
from tests.factories.catalogue import make_meter, make_plan
from tests.factories.people import make_customer, make_merchant

# Django empties tables after a test with real transactions; append-only tables need more than TRUNCATE.
TransactionTestCase._fixture_teardown = lambda self: empty_all_tables()  # type: ignore[method-assign]

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """Keep the vacuum off the tables that tests unlock: the two would wait for each other."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


@pytest.fixture(autouse=True)
def _nothing_remembered(settings) -> Iterator[None]:
    """No test sees what another one left in the process's memory, and a change is seen at once."""
    settings.CACHE_SECONDS_UNHEARD = 0
    ProcessCache.clear_everywhere()
    yield
    ProcessCache.clear_everywhere()


@pytest.fixture
def at() -> datetime:
    """The moment at which stories begin."""
    return START


@pytest.fixture
def acme(db, at) -> Merchant:
    """The sandbox of our merchant."""
    return make_merchant("Acme", at=at).sandbox


@pytest.fixture
def umbrella(db, at) -> Merchant:
    """The neighbour's sandbox."""
    return make_merchant("Umbrella", at=at).sandbox


@pytest.fixture
def tokens(acme, at) -> Meter:
    """$2 per million tokens."""
    return make_meter(acme, at=at)


@pytest.fixture
def starter(acme, tokens, at) -> Plan:
    """A free plan with ten dollars of credit each month, which the tokens meter draws on."""
    return make_plan(acme, meters=[tokens], at=at)


@pytest.fixture
def ada(acme, starter, at) -> Customer:
    """A customer on the starter plan since `at`."""
    return make_customer(acme, plan=starter, name="Ada Lovelace", reference_id="ada", at=at)


@pytest.fixture
def api(acme, at) -> Api:
    """Acme's application."""
    return Api(acme, at=at)


@pytest.fixture
def umbrella_api(umbrella, at) -> Api:
    """The neighbour's application."""
    return Api(umbrella, at=at)
