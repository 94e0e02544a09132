"""Credits reserved for a request that has not run yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID

from django.db import transaction

from apps.core.errors import LavaError
from apps.customers.models import Customer
from apps.ledger.models import Balance, Hold

HOLD_LIFETIME: Final = timedelta(minutes=15)


class InsufficientCredits(LavaError):
    """The customer's available credits do not cover the request."""

    code: ClassVar[str] = "insufficient_credits"
    status: ClassVar[int] = 402


class HoldConflict(LavaError):
    """The request holds another amount, or credits of another customer, already."""

    code: ClassVar[str] = "hold_conflict"
    status: ClassVar[int] = 409


@transaction.atomic
def place_hold(*, customer: Customer, amount: Decimal, request_id: str, at: datetime) -> Hold:
    """Reserve `amount` of the customer's credits for one request, exactly once.

    Asking again for the same request returns the first hold and reserves nothing. Raises
    InsufficientCredits and HoldConflict, having reserved nothing.
    """
    # Every posting and hold of a customer queues on this row, so the balance read is the one reserved from.
    balance = Balance.objects.for_merchant(customer.merchant).select_for_update().get(customer_id=customer.pk)
    hold: Hold | None = Hold.objects.for_merchant(customer.merchant).filter(request_id=request_id).first()
    if hold is not None:
        if (hold.amount, hold.customer_id) != (amount, customer.pk):
            raise HoldConflict(f"{request_id} already holds {hold.amount}.")
        return hold
    if balance.available < amount:
        raise InsufficientCredits(f"{amount} is more than the {balance.available} available.")
    _move_held(balance, amount)
    return Hold.objects.create(
        merchant=customer.merchant,
        customer=customer,
        request_id=request_id,
        amount=amount,
        currency=balance.currency,
        created_at=at,
        expires_at=at + HOLD_LIFETIME,
    )


@transaction.atomic
def release_hold(*, merchant_id: UUID, hold_id: UUID, at: datetime) -> bool:
    """Give the reserved credits free again; False when the hold has ended already."""
    found = Hold.across_merchants.filter(merchant_id=merchant_id, pk=hold_id).first()
    if found is None:
        return False
    balance = Balance.across_merchants.select_for_update().get(merchant_id=merchant_id, customer_id=found.customer_id)
    # Read again behind the lock: somebody may have ended it while we waited.
    hold = Hold.across_merchants.get(merchant_id=merchant_id, pk=hold_id)
    if hold.ended_at is not None:
        return False
    _move_held(balance, -hold.amount)
    hold.ended_at, hold.outcome = at, "released"
    hold.save(update_fields=["ended_at", "outcome"])
    return True


def expired_holds(*, at: datetime, most: int) -> list[tuple[UUID, UUID]]:
    """(merchant id, hold id) of holds that nobody came back for."""
    due = Hold.across_merchants.open().filter(expires_at__lte=at).order_by("expires_at")
    return list(due.values_list("merchant_id", "id")[:most])


def _move_held(balance: Balance, amount: Decimal) -> None:
    balance.held += amount
    balance.save(update_fields=["held"])
