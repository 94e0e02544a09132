"""Who is on which plan, and its billing periods."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from apps.core import public_ids
from apps.core.fields import AmountField
from apps.customers.models import Customer
from apps.merchants.tenancy import TenantForeignKey, TenantModel
from apps.plans.models import CreditBundle, Plan


class Subscription(TenantModel):
    """A customer on a plan, from `started_at` until it ends."""

    public_prefix = public_ids.SUBSCRIPTION

    customer = TenantForeignKey(Customer, related_name="subscriptions")
    plan = TenantForeignKey(Plan, related_name="subscriptions")
    anchor_at = models.DateTimeField(editable=False)
    started_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Asked to end with the open cycle; the Free plan follows.
    cancel_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    auto_top_up_bundle = TenantForeignKey(CreditBundle, null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "customer"],
                condition=Q(ended_at__isnull=True),
                name="customer_is_on_one_plan",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "plan"], name="subscriptions_by_plan")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def status(self) -> str:
        """The API's word: active until it has ended."""
        return "cancelled" if self.ended_at else "active"


class Cycle(TenantModel):
    """One billing period of a subscription, `[starts_at, ends_at)`: the anchor plus `seq` intervals."""

    public_prefix = public_ids.CYCLE

    customer = TenantForeignKey(Customer)
    subscription = TenantForeignKey(Subscription, related_name="cycles")
    seq = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    included_credit = AmountField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "subscription", "seq"], name="cycle_is_opened_once"),
            models.UniqueConstraint(
                fields=["merchant", "customer"],
                condition=Q(closed_at__isnull=True),
                name="customer_has_one_open_cycle",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="cycle_ends_after_it_starts"),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(closed_at__isnull=True), name="cycles_to_renew"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"

    def contains(self, at: datetime) -> bool:
        """Whether `at` falls into this period."""
        return self.starts_at <= at < self.ends_at
