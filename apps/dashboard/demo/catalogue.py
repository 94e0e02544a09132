"""What the demo merchant sells: its meters, plans and credit bundles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from apps.merchants.models import Merchant
from apps.meters.catalogue import create_meter
from apps.meters.models import Meter
from apps.meters.rules.pricing import RateType, Tier
from apps.meters.rules.usage import TierType
from apps.plans.catalogue import NewBundle, create_plan
from apps.plans.models import Plan
from apps.plans.terms import Interval, RolloverType

CHAT: Final = "chat"
RESEARCH: Final = "research"
TRANSCRIPTION: Final = "transcription"
IMAGES: Final = "images"

STARTER: Final = "Starter"
BETA: Final = "Beta testers"
TEAM: Final = "Team"


def tiers(*pairs: tuple[str, str]) -> tuple[Tier, ...]:
    """Tiers from (start, rate)."""
    return tuple(Tier(Decimal(start), Decimal(rate)) for start, rate in pairs)


CHAT_TIERS_AT_FIRST: Final = tiers(("0", "9"), ("2000000", "8"))
CHAT_TIERS: Final = tiers(("0", "8"), ("2000000", "7"), ("10000000", "6"))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything on sale; plans by name."""

    chat: Meter
    plans: dict[str, Plan]


def set_up_catalogue(merchant: Merchant, *, at: datetime) -> Catalogue:
    """Four meters, one of each kind, and five plans: three given away, two for money."""
    meters = _meters(merchant, at)
    return Catalogue(chat=meters[0], plans={plan.name: plan for plan in _plans(merchant, meters, at)})


def _meters(merchant: Merchant, at: datetime) -> list[Meter]:
    fixed, percentage = RateType.FIXED, RateType.PERCENTAGE
    kinds = (
        ("Chat", CHAT, fixed, TierType.TOKENS, CHAT_TIERS_AT_FIRST),
        ("Research", RESEARCH, percentage, TierType.TOKENS, tiers(("0", "35"))),
        ("Transcription", TRANSCRIPTION, fixed, TierType.MINUTES, tiers(("0", "0.012"), ("600", "0.01"))),
        ("Images", IMAGES, fixed, TierType.REQUESTS, tiers(("0", "0.08"))),
    )
    return [
        create_meter(merchant=merchant, name=name, slug=slug, rate_type=rate, tier_type=counts, tiers=price, at=at)
        for name, slug, rate, counts, price in kinds
    ]


def _plans(merchant: Merchant, meters: list[Meter], at: datetime) -> list[Plan]:
    none, full = RolloverType.NONE, RolloverType.FULL
    small = (NewBundle("Ten", Decimal(10), Decimal(10)), NewBundle("Fifty", Decimal(50), Decimal(55)))
    large = (NewBundle("Hundred", Decimal(100), Decimal(112)), NewBundle("Thousand", Decimal(1000), Decimal(1200)))
    terms = (
        (STARTER, "0", Interval.MONTH, "5", none, None, ()),
        (BETA, "0", Interval.WEEK, "10", none, None, ()),
        (TEAM, "0", Interval.MONTH, "40", full, Decimal(80), small),
        ("Pro", "25", Interval.MONTH, "25", full, None, small),
        ("Scale", "199", Interval.MONTH, "240", full, Decimal(480), large),
    )
    return [
        create_plan(
            merchant=merchant,
            name=name,
            period_amount=Decimal(price),
            billing_interval=interval,
            included_credit=Decimal(included),
            rollover_type=rollover,
            rollover_cap=cap,
            meters=meters,
            credit_bundles=bundles,
            default_auto_top_up_bundle_index=0 if bundles else None,
            at=at,
        )
        for name, price, interval, included, rollover, cap, bundles in terms
    ]
