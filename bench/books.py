"""Whom is charged: two merchants of the same shape, one for the API and one for pgbench."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from apps.core.public_ids import CUSTOMER, public_id
from apps.merchants.models import Merchant
from apps.merchants.opening import open_merchant
from apps.merchants.secret_keys import create_secret_key
from apps.meters.catalogue import create_meter, current_rate
from apps.meters.rules.pricing import RateType, Tier
from apps.meters.rules.usage import TierType
from apps.plans.catalogue import change_plan, free_plan_of
from apps.subscriptions.enrolment import sign_up_customer

METER = "chat"
# More than any run can use up: the benchmark is of charging, not of running dry.
INCLUDED_CREDIT = Decimal(100_000_000)
# The second tier is never reached; pgbench's charge knows the first only.
TIERS = (Tier(Decimal(0), Decimal(2)), Tier(Decimal(10) ** 14, Decimal(1)))

# Every table that signing up writes to: which of its columns hold ids of the customer's own rows, and which
# hold a text that is unique. The order is that of the foreign keys.
_SIGNED_UP = {
    "customers_customer": (("id",), ("reference_id",)),
    "ledger_balance": (("customer_id",), ()),
    "subscriptions_subscription": (("id", "customer_id"), ()),
    "subscriptions_cycle": (("id", "customer_id", "subscription_id"), ()),
    "ledger_grant": (("id", "customer_id", "cycle_id"), ("idempotency_key",)),
    "ledger_ledgerentry": (("id", "customer_id", "grant_id", "source_id"), ("idempotency_key",)),
}


@dataclass(frozen=True, slots=True)
class Book:
    """A merchant with `customers` customers on a free plan that one meter draws on.

    The ids of customers 1, 2, 3… are `head` and the number in twelve hexadecimal digits, so that pgbench, which
    has no texts, can make them from a random number.
    """

    merchant: Merchant
    key: str
    meter_id: UUID
    rate_id: UUID
    head: str
    customers: int

    def public_id_of(self, number: int) -> str:
        """How the API names a customer."""
        return public_id(CUSTOMER, self.merchant.mode, UUID(f"{self.head}{number:012x}"))


@transaction.atomic
def open_book(name: str, *, customers: int, at: datetime) -> Book:
    """Open a merchant and sign up its customers: one as everybody is, the others as copies of its rows."""
    merchant = open_merchant(name=name, at=at)
    _, key = create_secret_key(merchant=merchant, name="Benchmark", at=at)
    meter = create_meter(
        merchant=merchant,
        name="Chat",
        slug=METER,
        rate_type=RateType.FIXED,
        tier_type=TierType.TOKENS,
        tiers=TIERS,
        at=at,
    )
    change_plan(plan=free_plan_of(merchant), included_credit=INCLUDED_CREDIT, meters=[meter], at=at)
    first, _ = sign_up_customer(merchant=merchant, reference_id="customer", name="Ada Lovelace", at=at)
    for table, (ids, texts) in _SIGNED_UP.items():
        _copy(table, ids, texts, merchant_id=merchant.pk, customer_id=first.pk, copies=customers)
    return Book(
        merchant=merchant,
        key=key,
        meter_id=meter.pk,
        rate_id=current_rate(meter).pk,
        head=str(first.pk)[:24],
        customers=customers,
    )


def _copy(
    table: str, ids: tuple[str, ...], texts: tuple[str, ...], *, merchant_id: UUID, customer_id: UUID, copies: int
) -> None:
    """Insert this customer's row again for each copy, whose ids end in its number."""
    changed = [f"'{name}', left(first.{name}::text, 24) || lpad(to_hex(number), 12, '0')" for name in ids]
    changed += [f"'{name}', first.{name} || '/' || number" for name in texts]
    whose = "id" if table == "customers_customer" else "customer_id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table}
            SELECT copy.* FROM {table} AS first
            CROSS JOIN generate_series(1, %s) AS number
            CROSS JOIN LATERAL jsonb_populate_record(first, jsonb_build_object({", ".join(changed)})) AS copy
            WHERE first.merchant_id = %s AND first.{whose} = %s
            """,
            [copies, merchant_id, customer_id],
        )
