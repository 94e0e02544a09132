"""The books: grants of credits, the entries that move them, and what each customer has left."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from apps.core import public_ids
from apps.core.fields import AmountField
from apps.customers.models import Customer
from apps.ledger.kinds import Origin
from apps.ledger.rules.burndown import Lot
from apps.merchants.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet, TenantRow


class Balance(TenantRow):
    """What a customer has: the sum of their entries, and the row every posting locks first."""

    pk = models.CompositePrimaryKey("merchant_id", "customer_id")
    customer = TenantForeignKey(Customer)
    currency = models.CharField(max_length=3)
    balance = AmountField(default=Decimal(0))
    deficit = AmountField(default=Decimal(0))
    held = AmountField(default=Decimal(0))
    last_seq = models.BigIntegerField(default=0)

    class Meta(TenantRow.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(deficit__gte=0), name="deficit_is_not_negative"),
            models.CheckConstraint(condition=Q(held__gte=0), name="held_is_not_negative"),
        ]

    @property
    def available(self) -> Decimal:
        """What a new hold could reserve."""
        available: Decimal = self.balance - self.held
        return available


class GrantQuerySet(TenantQuerySet["Grant"]):
    """Questions about many lots."""

    def spendable(self, *, at: datetime) -> Self:
        """Lots with credits left that have not expired by `at`."""
        return self.filter(spent_at__isnull=True).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))


class GrantManager(TenantManager["Grant"]):
    _queryset_class = GrantQuerySet


class Grant(TenantModel):
    """A lot of credits: where it came from, what is left of it, and until when."""

    public_prefix = public_ids.GRANT

    customer = TenantForeignKey(Customer)
    origin = models.CharField(max_length=16)
    pool = models.CharField(max_length=8)
    currency = models.CharField(max_length=3)
    amount = AmountField()
    remaining = AmountField()
    expires_at = models.DateTimeField(null=True, blank=True)
    # The lot ends with this cycle: its renewal decides between rollover and expiry, no sweep does.
    cycle_id = models.UUIDField(null=True, blank=True)
    spent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=255)
    actor = models.CharField(max_length=255, default="system")
    reason = models.CharField(max_length=1000, blank=True, default="")

    across_merchants: ClassVar[Any] = models.Manager.from_queryset(GrantQuerySet)()
    objects: ClassVar[GrantManager] = GrantManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "idempotency_key"], name="grant_is_made_once"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, remaining__gte=0, remaining__lte=F("amount")),
                name="grant_remains_within_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(spent_at__isnull=True) | Q(remaining=0), name="spent_grant_has_nothing_left"
            ),
        ]
        indexes = [
            # `remaining` must stay out of every index, so that drawing on a lot rewrites none (HOT).
            models.Index(fields=["merchant", "customer"], condition=Q(spent_at__isnull=True), name="grants_not_spent"),
            models.Index(
                fields=["expires_at"],
                condition=Q(spent_at__isnull=True, cycle_id__isnull=True, expires_at__isnull=False),
                name="grants_to_expire",
            ),
        ]

    @property
    def lot(self) -> Lot:
        """The value that the burndown rules work on."""
        return Lot(
            grant_id=str(self.id),
            remaining=self.remaining,
            expires_at=self.expires_at,
            promotional=self.origin == Origin.PROMOTIONAL,
            created_at=self.created_at,
        )


class LedgerEntry(TenantModel):
    """One movement of a customer's credits. Never edited, never deleted."""

    public_prefix = public_ids.ENTRY

    customer = TenantForeignKey(Customer, enforced=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=24)
    amount = AmountField()
    currency = models.CharField(max_length=3)
    grant = TenantForeignKey(Grant, enforced=False, null=True, blank=True)  # none: the deficit
    balance_after = AmountField()
    # What it is about: the request of a usage entry, the cycle of a renewal's, the entry a reversal mirrors.
    source_id = models.UUIDField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
    reason = models.CharField(max_length=1000, blank=True, default="")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "customer", "seq"], name="entries_of_a_customer_are_numbered"),
            models.UniqueConstraint(fields=["merchant", "idempotency_key"], name="entry_is_posted_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="entry_moves_credits"),
            models.CheckConstraint(
                condition=~Q(kind__in=["usage", "expiry", "rollover_out", "refund_clawback"]) | Q(amount__lt=0),
                name="spending_entries_debit",
            ),
            models.CheckConstraint(
                condition=~Q(
                    kind__in=[
                        "grant_cycle",
                        "grant_bundle",
                        "grant_overage",
                        "grant_promotional",
                        "rollover_in",
                    ]
                )
                | Q(amount__gt=0),
                name="granting_entries_credit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class HoldQuerySet(TenantQuerySet["Hold"]):
    """Questions about many holds."""

    def open(self) -> Self:
        """Holds that still reserve credits."""
        return self.filter(ended_at__isnull=True)


class HoldManager(TenantManager["Hold"]):
    _queryset_class = HoldQuerySet


class Hold(TenantModel):
    """Credits reserved before a request runs; afterwards settled or released."""

    customer = TenantForeignKey(Customer)
    request_id = models.CharField(max_length=255)
    amount = AmountField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True, default="")  # settled, released

    across_merchants: ClassVar[Any] = models.Manager.from_queryset(HoldQuerySet)()
    objects: ClassVar[HoldManager] = HoldManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "request_id"], name="request_is_held_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="hold_is_not_negative"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(ended_at__isnull=True), name="holds_to_release"),
            models.Index(fields=["merchant", "customer"], condition=Q(ended_at__isnull=True), name="open_holds"),
        ]


class AuditRun(models.Model):
    """What the last proofs of the books found; the dashboard shows the newest."""

    id = models.UUIDField(primary_key=True, default=public_ids.new_id, editable=False)
    started_at = models.DateTimeField()
    seconds = models.FloatField()
    differences = models.PositiveIntegerField()
    detail: models.JSONField[Any, Any] = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.differences} differences at {self.started_at:%Y-%m-%d %H:%M}"
