"""What is measured, and how it is priced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from apps.core import public_ids
from apps.merchants.models import User
from apps.merchants.tenancy import TenantForeignKey, TenantModel
from apps.meters.rules.pricing import PercentageOf, Price, RateType, Tier, TierMode
from apps.meters.rules.usage import TierType, TokenBasis


class Meter(TenantModel):
    """A billable dimension. Its price is the newest of its rates."""

    public_prefix = public_ids.METER

    slug = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    rate_type = models.CharField(max_length=16, editable=False)
    tier_type = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "slug"],
                condition=Q(deleted_at__isnull=True),
                name="meter_slug_names_one_meter",
            ),
        ]


class Rate(TenantModel):
    """One dated version of a meter's price; never edited, because receipts are recomputed from it."""

    meter = TenantForeignKey(Meter, related_name="rates")
    version = models.PositiveIntegerField()
    tier_mode = models.CharField(max_length=16, default=TierMode.GRADUATED.value)
    token_basis = models.CharField(max_length=16, default=TokenBasis.INPUT_AND_OUTPUT.value)
    percentage_of = models.CharField(max_length=16, default=PercentageOf.MARKUP.value)
    tiers = models.JSONField()  # [{"start": "0", "rate": "2"}]: validated tiers, as `price` reads them
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        User, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "meter", "version"], name="rate_version_is_made_once"),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"

    def price(self, meter: Meter) -> Price:
        """The value that the pricing rules work on."""
        return Price(
            rate_type=RateType(meter.rate_type),
            tier_type=TierType(meter.tier_type),
            tier_mode=TierMode(self.tier_mode),
            token_basis=TokenBasis(self.token_basis),
            percentage_of=PercentageOf(self.percentage_of),
            tiers=tiers_from_json(self.tiers),
        )


def tiers_from_json(stored: list[dict[str, Any]]) -> tuple[Tier, ...]:
    """The tiers a `Rate` holds."""
    return tuple(Tier(start=Decimal(tier["start"]), rate=Decimal(tier["rate"])) for tier in stored)


def tiers_to_json(tiers: tuple[Tier, ...]) -> list[dict[str, str]]:
    """Tiers as a `Rate` holds them: plain decimal strings, exact."""
    return [{"start": f"{tier.start:f}", "rate": f"{tier.rate:f}"} for tier in tiers]
