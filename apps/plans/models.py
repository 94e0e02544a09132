"""What customers subscribe to: plans, the meters that draw on them, and credit bundles."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.core import public_ids
from apps.core.fields import AmountField
from apps.merchants.tenancy import TenantForeignKey, TenantModel
from apps.meters.models import Meter


class Plan(TenantModel):
    """A recurring price that becomes prepaid credits."""

    public_prefix = public_ids.PLAN

    name = models.CharField(max_length=255)
    period_amount = AmountField(editable=False)
    billing_interval = models.CharField(max_length=8, editable=False)
    included_credit = AmountField()
    rollover_type = models.CharField(max_length=8, default="none")
    rollover_cap = AmountField(null=True, blank=True)
    bundle_rollover_type = models.CharField(max_length=8, default="full")
    default_auto_top_up_bundle = TenantForeignKey("plans.CreditBundle", null=True, blank=True)
    currency = models.CharField(max_length=3, editable=False)
    is_free_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    meters = models.ManyToManyField(Meter, through="plans.PlanMeter", related_name="plans")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=Q(is_free_default=True),
                name="merchant_has_one_free_plan",
            ),
            models.CheckConstraint(
                condition=Q(period_amount__gte=0, period_amount__lte=10_000, included_credit__gte=0),
                name="plan_price_is_within_bounds",
            ),
            models.CheckConstraint(
                condition=Q(is_free_default=False) | Q(period_amount=0, deleted_at__isnull=True),
                name="free_plan_costs_nothing_and_stays",
            ),
            models.CheckConstraint(
                condition=Q(rollover_cap__isnull=True) | Q(rollover_cap__gte=0),
                name="rollover_cap_is_not_negative",
            ),
        ]

    @property
    def is_free(self) -> bool:
        """Whether renewing it takes no money."""
        return bool(self.period_amount == 0)


class PlanMeter(TenantModel):
    """That a meter draws on a plan's credits."""

    plan = TenantForeignKey(Plan, related_name="plan_meters")
    meter = TenantForeignKey(Meter, related_name="plan_meters")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "plan", "meter"], name="meter_is_on_a_plan_once"),
        ]


class CreditBundle(TenantModel):
    """A one-time block of credits for customers of one plan."""

    public_prefix = public_ids.CREDIT_BUNDLE

    plan = TenantForeignKey(Plan, related_name="credit_bundles")
    name = models.CharField(max_length=255)
    cost = AmountField()
    credit_amount = AmountField()
    created_at = models.DateTimeField(editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(cost__gt=0, credit_amount__gt=0),
                name="bundle_costs_and_gives_something",
            ),
        ]
