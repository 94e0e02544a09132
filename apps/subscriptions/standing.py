"""Where customers stand: their plan and the cycle they are in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from apps.core.pg import Pipe, array
from apps.core.public_ids import Id
from apps.customers.models import Customer
from apps.ledger.accounts import AccountKey
from apps.merchants.models import Merchant
from apps.subscriptions.models import Cycle, Subscription


@dataclass(frozen=True, slots=True)
class Standing:
    """What a charge needs to know of a customer's subscription."""

    plan_id: Id
    cycle_id: Id
    starts_at: datetime
    ends_at: datetime
    reference_id: str | None


_STANDINGS = """
    SELECT y.merchant_id, y.customer_id, s.plan_id, y.id, y.starts_at, y.ends_at, c.reference_id
    FROM unnest(%s::uuid[], %s::uuid[]) AS wanted (merchant_id, customer_id)
    JOIN subscriptions_cycle y USING (merchant_id, customer_id)
    JOIN subscriptions_subscription s ON s.merchant_id = y.merchant_id AND s.id = y.subscription_id
    JOIN customers_customer c ON c.merchant_id = y.merchant_id AND c.id = y.customer_id
    WHERE y.closed_at IS NULL
"""


def send_standings(pipe: Pipe, keys: Iterable[AccountKey]) -> psycopg.Cursor[Any]:
    """Ask where these customers stand, without waiting for the answer yet."""
    wanted = list(keys)
    return pipe.send(_STANDINGS, (array(key[0] for key in wanted), array(key[1] for key in wanted)))


def standings_from(cursor: psycopg.Cursor[Any]) -> dict[AccountKey, Standing]:
    """The answer: customers with an open cycle; one who was deleted has none."""
    return {(row[0], row[1]): Standing(*row[2:]) for row in cursor.fetchall()}


def subscription_of(customer: Customer) -> Subscription | None:
    """The customer's subscription, with its plan; its open cycle is `open_cycle`."""
    return subscriptions_of(customer.merchant, [customer.pk]).get(customer.pk)


def subscriptions_of(merchant: Merchant, customer_ids: Iterable[UUID]) -> dict[UUID, Subscription]:
    """The current subscriptions of many customers, by customer id, each with its plan."""
    current = Subscription.objects.for_merchant(merchant).filter(
        customer_id__in=list(customer_ids), ended_at__isnull=True
    )
    return {subscription.customer_id: subscription for subscription in current.select_related("plan")}


def open_cycles_of(merchant: Merchant, subscription_ids: Iterable[UUID]) -> dict[UUID, Cycle]:
    """The open cycles of many subscriptions, by subscription id."""
    cycles = Cycle.objects.for_merchant(merchant).filter(
        subscription_id__in=list(subscription_ids), closed_at__isnull=True
    )
    return {cycle.subscription_id: cycle for cycle in cycles}
