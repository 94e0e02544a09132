"""What a customer has: the figures that the API, the dashboard and the portal show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from apps.core.money import ZERO
from apps.customers.models import Customer
from apps.ledger.kinds import Pool
from apps.ledger.models import Balance, Grant
from apps.merchants.models import Merchant


@dataclass(frozen=True, slots=True)
class Credits:
    """A customer's credits at one moment. Credits that are over count no more, booked or not.

    `cycle_remaining` is what cycle lots and their rollovers have left, less the deficit;
    `bundle_remaining` is every other lot; `total_remaining` their sum. Holds change none of them:
    `available` is what is left when `held` is kept back.
    """

    cycle_remaining: Decimal
    bundle_remaining: Decimal
    held: Decimal
    deficit: Decimal
    currency: str

    @property
    def total_remaining(self) -> Decimal:
        return self.cycle_remaining + self.bundle_remaining

    @property
    def available(self) -> Decimal:
        return self.total_remaining - self.held


def credits_of(customer: Customer, *, at: datetime) -> Credits:
    """One customer's credits."""
    return credits_of_many(customer.merchant, [customer.pk], at=at)[customer.pk]


def credits_of_many(merchant: Merchant, customer_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, Credits]:
    """The credits of many customers in two queries, by customer id."""
    wanted = list(customer_ids)
    lots: dict[tuple[UUID, str], Decimal] = defaultdict(lambda: ZERO)
    grants = Grant.objects.for_merchant(merchant).filter(customer_id__in=wanted).spendable(at=at)
    for customer_id, pool, left in grants.values_list("customer_id", "pool").annotate(Sum("remaining")):
        lots[customer_id, pool] = left
    found = {
        balance.customer_id: Credits(
            cycle_remaining=lots[balance.customer_id, Pool.CYCLE] - balance.deficit,
            bundle_remaining=lots[balance.customer_id, Pool.BUNDLE],
            held=balance.held,
            deficit=balance.deficit,
            currency=balance.currency,
        )
        for balance in Balance.objects.for_merchant(merchant).filter(customer_id__in=wanted)
    }
    none = Credits(ZERO, ZERO, ZERO, ZERO, merchant.currency)
    return {customer_id: found.get(customer_id, none) for customer_id in wanted}
