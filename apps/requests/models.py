"""What was used: one row per request, and the sums that dashboards and tiers are read from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from apps.core.fields import AmountField
from apps.customers.models import Customer
from apps.merchants.tenancy import TenantForeignKey, TenantModel, TenantRow
from apps.meters.models import Meter, Rate
from apps.meters.rules.usage import Usage


class MeteredRequest(TenantModel):
    """Usage of one request, what it cost the merchant and what it charged the customer."""

    request_id = models.CharField(max_length=255)
    customer = TenantForeignKey(Customer, enforced=False)
    meter = TenantForeignKey(Meter, enforced=False)
    rate = TenantForeignKey(Rate, enforced=False)
    cycle_id = models.UUIDField()
    status = models.CharField(max_length=16, default="completed")

    provider = models.CharField(max_length=64, blank=True, default="")
    provider_key_type = models.CharField(max_length=16, default="unmanaged")
    model = models.CharField(max_length=255, blank=True, default="")
    endpoint = models.CharField(max_length=2000, blank=True, default="")
    response_id = models.CharField(max_length=255, blank=True, default="")

    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    input_characters = models.BigIntegerField(default=0)
    output_characters = models.BigIntegerField(default=0)
    input_seconds = models.DecimalField(max_digits=30, decimal_places=10, default=Decimal(0))
    output_seconds = models.DecimalField(max_digits=30, decimal_places=10, default=Decimal(0))

    currency = models.CharField(max_length=3)
    # What the provider asks. None is "not known", which is not zero.
    input_cost = AmountField(null=True, blank=True)
    output_cost = AmountField(null=True, blank=True)
    cost = AmountField(null=True, blank=True)

    charge = AmountField()
    # Where in the cycle's tiers this request began, so that its price can be computed again.
    used_before = models.DecimalField(max_digits=30, decimal_places=10)
    quantity = models.DecimalField(max_digits=30, decimal_places=10)
    breakdown: models.JSONField[Any, Any] = models.JSONField()
    balance_before = AmountField()
    balance_after = AmountField()
    # Its usage entries are this many from this `seq` on (none when the charge is zero).
    first_entry_seq = models.BigIntegerField()
    entry_count = models.PositiveSmallIntegerField()

    metadata: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "request_id"], name="request_is_charged_once"),
            models.CheckConstraint(condition=Q(charge__gte=0), name="charge_is_not_negative"),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0), name="cost_is_not_negative"),
        ]
        indexes = [models.Index(fields=["merchant", "customer", "id"], name="requests_of_a_customer")]

    def __str__(self) -> str:
        return self.request_id

    @property
    def rate_type(self) -> str:
        """Fixed or percentage, as its meter is (select it along)."""
        return str(self.meter.rate_type)

    @property
    def tier_type(self) -> str:
        """What its meter counts (select it along)."""
        return str(self.meter.tier_type)

    @property
    def usage(self) -> Usage:
        """The measured quantities, as the pricing rules take them."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            input_characters=self.input_characters,
            output_characters=self.output_characters,
            input_seconds=self.input_seconds,
            output_seconds=self.output_seconds,
        )


class MeterCounter(TenantRow):
    """How much of a meter a customer has used in a cycle: where the next request's tier begins."""

    pk = models.CompositePrimaryKey("merchant_id", "customer_id", "meter_id", "cycle_id")
    customer = TenantForeignKey(Customer, enforced=False)
    meter = TenantForeignKey(Meter, enforced=False)
    cycle_id = models.UUIDField()
    quantity = models.DecimalField(max_digits=30, decimal_places=10)

    class Meta(TenantRow.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=0), name="counter_is_not_negative"),
        ]


class HourlyRollup(TenantRow):
    """The requests of one customer, meter, provider and model in one hour, added up as they are charged.

    Voided requests are not in it.
    """

    pk = models.CompositePrimaryKey("merchant_id", "customer_id", "hour_at", "meter_id", "provider", "model")
    customer = TenantForeignKey(Customer, enforced=False)
    hour_at = models.DateTimeField()
    meter = TenantForeignKey(Meter, enforced=False)
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=255)
    requests = models.BigIntegerField()
    requests_without_cost = models.BigIntegerField()
    tokens = models.BigIntegerField()
    characters = models.BigIntegerField()
    seconds = models.DecimalField(max_digits=30, decimal_places=10)
    cost = models.DecimalField(max_digits=30, decimal_places=10)
    charge = models.DecimalField(max_digits=30, decimal_places=10)

    class Meta(TenantRow.Meta):
        indexes = [models.Index(fields=["merchant", "hour_at"], name="rollups_by_hour")]
