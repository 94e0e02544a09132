"""Meters and plans, made the way the product makes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.merchants.models import Merchant
from apps.meters.catalogue import create_meter
from apps.meters.models import Meter
from apps.meters.rules.pricing import RateType, Tier
from apps.meters.rules.usage import TierType
from apps.plans.catalogue import create_plan
from apps.plans.models import Plan


def tier(start: str, rate: str) -> Tier:
    """`tier("0", "2")`: from the first unit on, 2."""
    return Tier(Decimal(start), Decimal(rate))


def make_meter(merchant: Merchant, *, at: datetime, **values: Any) -> Meter:
    """A meter; unless said otherwise `tokens` at $2 per million tokens."""
    chosen = {
        "name": "Tokens",
        "slug": "tokens",
        "rate_type": RateType.FIXED,
        "tier_type": TierType.TOKENS,
        "tiers": (tier("0", "2"),),
    } | values
    return create_meter(merchant=merchant, at=at, **chosen)


def make_plan(merchant: Merchant, *, meters: Iterable[Meter], at: datetime, **values: Any) -> Plan:
    """A plan; unless said otherwise free, monthly, with ten dollars of included credit that expire."""
    chosen: dict[str, Any] = {
        "name": "Starter",
        "period_amount": Decimal(0),
        "billing_interval": "month",
        "included_credit": Decimal(10),
    } | values
    return create_plan(merchant=merchant, meters=list(meters), at=at, **chosen)
