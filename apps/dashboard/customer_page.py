"""One customer at a glance: what they have, in which order it will be spent, and what happened lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Sum

from apps.core.money import ZERO
from apps.customers.models import Customer
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.rules.burndown import burns_before
from apps.ledger.statements import Credits, credits_of, credits_of_many
from apps.merchants.models import Merchant
from apps.requests.models import HourlyRollup, MeteredRequest
from apps.requests.sums import MeterUse, use_by_meter
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.standing import open_cycles_of, subscription_of, subscriptions_of

ENTRIES_SHOWN: Final = 15
REQUESTS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """A customer in the list."""

    credits: Credits
    subscription: Subscription | None
    cycle: Cycle | None
    used: Decimal
    """Charged since the open cycle began, to the hour."""

    @property
    def cycle_share(self) -> int | None:
        """How much of the cycle's included credit is left, in percent; None without any."""
        if self.cycle is None or not self.cycle.included_credit:
            return None
        left = max(self.credits.cycle_remaining, ZERO) / self.cycle.included_credit
        return min(100, int(left * 100))


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A customer's page."""

    customer: Customer
    credits: Credits
    subscription: Subscription | None
    cycle: Cycle | None
    lots: Sequence[Grant]
    """Lots with credits left, in the order in which they will be spent."""
    uses: Sequence[MeterUse]
    used: Decimal
    entries: Sequence[LedgerEntry]
    requests: Sequence[MeteredRequest]


def customer_page(customer: Customer, *, now: datetime) -> CustomerPage:
    """What the page of a customer shows at this moment."""
    merchant = customer.merchant
    subscription = subscription_of(customer)
    cycle = open_cycles_of(merchant, [subscription.pk]).get(subscription.pk) if subscription else None
    uses = use_by_meter(customer, _first_hour(cycle), now) if cycle else []
    requests = MeteredRequest.objects.for_merchant(merchant).filter(customer=customer).select_related("meter")
    entries = LedgerEntry.objects.for_merchant(merchant).filter(customer=customer).select_related("grant")
    return CustomerPage(
        customer=customer,
        credits=credits_of(customer, at=now),
        subscription=subscription,
        cycle=cycle,
        lots=lots_in_order(customer, now=now),
        uses=uses,
        used=sum((use.charge for use in uses), ZERO),
        entries=list(entries.order_by("-seq")[:ENTRIES_SHOWN]),
        requests=list(requests.order_by("-id")[:REQUESTS_SHOWN]),
    )


def lots_in_order(customer: Customer, *, now: datetime) -> list[Grant]:
    """The customer's lots with credits left, those that are spent first in front."""
    grants = Grant.objects.for_merchant(customer.merchant).filter(customer=customer, remaining__gt=0)
    return sorted(grants.spendable(at=now), key=lambda grant: burns_before(grant.lot))


def customer_lines(merchant: Merchant, customers: Sequence[Customer], *, now: datetime) -> dict[UUID, CustomerLine]:
    """What the list says of these customers, by customer id: six queries, however many they are."""
    ids = [customer.pk for customer in customers]
    credits = credits_of_many(merchant, ids, at=now)
    subscriptions = subscriptions_of(merchant, ids)
    cycles = open_cycles_of(merchant, [subscription.pk for subscription in subscriptions.values()])
    by_customer = {cycle.customer_id: cycle for cycle in cycles.values()}
    used = _used_in_cycles(merchant, by_customer)
    return {
        customer_id: CustomerLine(
            credits=credits[customer_id],
            subscription=subscriptions.get(customer_id),
            cycle=by_customer.get(customer_id),
            used=used.get(customer_id, ZERO),
        )
        for customer_id in ids
    }


def _used_in_cycles(merchant: Merchant, cycles: dict[UUID, Cycle]) -> dict[UUID, Decimal]:
    """What each customer was charged since their own cycle began."""
    if not cycles:
        return {}
    rows = HourlyRollup.objects.for_merchant(merchant).filter(
        customer_id__in=list(cycles), hour_at__gte=min(_first_hour(cycle) for cycle in cycles.values())
    )
    used: dict[UUID, Decimal] = {}
    for customer_id, hour_at, charge in rows.values_list("customer_id", "hour_at").annotate(Sum("charge")):
        if hour_at >= _first_hour(cycles[customer_id]):
            used[customer_id] = used.get(customer_id, ZERO) + charge
    return used


def _first_hour(cycle: Cycle) -> datetime:
    """Sums are kept by the hour; the hour in which the cycle began counts whole."""
    return cycle.starts_at.replace(minute=0, second=0, microsecond=0)
