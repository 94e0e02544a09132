"""What one process changes, every other process knows within a second, even if it heard nothing of it."""

from __future__ import annotations

import time
from decimal import Decimal

import psycopg
import pytest

from tests.faults.reporting import CUT_ALL_OTHERS, Application, elsewhere, wait_until

WITHIN_SECONDS = 1.0

# Each prints when its change was committed.
MAKE_KEY = """
from datetime import timedelta
from apps.merchants.secret_keys import create_secret_key
made = create_secret_key(merchant=merchant, name="short-lived", at=clock.now() - timedelta(minutes=1))
print(json.dumps(made[1]))
"""
REVOKE_KEY = """
from apps.merchants.models import SecretKey
from apps.merchants.secret_keys import revoke_secret_key
key = SecretKey.objects.for_merchant(merchant).get(name="short-lived", revoked_at=None)
revoke_secret_key(key=key, at=clock.now())
print(json.dumps(time.time()))
"""
CHANGE_PRICE = """
from apps.meters.catalogue import change_meter, find_meter
from apps.meters.rules.pricing import Tier
change_meter(meter=find_meter(merchant, {meter_id!r}), tiers=[Tier(Decimal(0), Decimal({rate!r}))], at=clock.now())
print(json.dumps(time.time()))
"""


@pytest.fixture
def another_key(system, application) -> Application:
    """The application, with a key of its own."""
    first = system.key
    system.key = str(elsewhere(system, MAKE_KEY))
    application.report_until(lambda told: told.status == 201)
    yield application
    system.key = first


def test_a_revoked_key_stops_working_within_a_second(system, another_key):
    with another_key.reporting() as told:
        wait_until(lambda: told)
        revoked_at = elsewhere(system, REVOKE_KEY)
        wait_until(lambda: told[-1].asked_at > revoked_at + WITHIN_SECONDS)
    assert {one.status for one in told} == {201, 401}
    assert {one.status for one in told if one.asked_at > revoked_at + WITHIN_SECONDS} == {401}


def test_a_key_revoked_while_nobody_listened_stops_working_within_a_second(system, another_key):
    """Its connections are cut at that moment, the one that would have heard of it too."""
    with psycopg.connect(system.database_url, autocommit=True) as database, another_key.reporting() as told:
        wait_until(lambda: told)
        database.execute(CUT_ALL_OTHERS)
        database.execute("UPDATE merchants_secretkey SET revoked_at = now() WHERE name = 'short-lived'")
        revoked_at = time.time()
        wait_until(lambda: told[-1].asked_at > revoked_at + WITHIN_SECONDS)
    assert {one.status for one in told} <= {201, 401, 503}
    assert {one.status for one in told if one.asked_at > revoked_at + WITHIN_SECONDS} == {401}


@pytest.mark.parametrize("rate", ["3", "0.5"])
def test_a_new_price_is_charged_within_a_second(system, application, rate):
    with application.reporting() as told:
        wait_until(lambda: told)
        changed_at = elsewhere(system, CHANGE_PRICE.format(meter_id=application.meter_id, rate=rate))
        wait_until(lambda: told[-1].asked_at > changed_at + WITHIN_SECONDS)
    charges = [(one.asked_at, Decimal(one.body["charge"]["amount"])) for one in told]
    assert {charge for asked_at, charge in charges if asked_at > changed_at + WITHIN_SECONDS} == {Decimal(rate)}
    assert len({charge for _, charge in charges}) == 2, "before and after"
