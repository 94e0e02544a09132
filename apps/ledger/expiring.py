"""Credits that are over: promotional and bundle lots with an expiry of their own.

Lots that end with a cycle are left to its renewal, which may roll them over.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.pg import plain_pipe
from apps.ledger.models import Grant
from apps.ledger.posting import open_account, write


def expire_customer(*, merchant_id: UUID, customer_id: UUID, at: datetime) -> int:
    """Expire what of this customer's lots is over by `at`; returns how many. Doing it again does nothing.

    Each is booked at the moment it expired, however late the sweep comes.
    """
    with transaction.atomic():
        pipe = plain_pipe()
        account = open_account(pipe, merchant_id, customer_id, at=at)
        ending = Grant.across_merchants.filter(
            merchant_id=merchant_id,
            customer_id=customer_id,
            spent_at__isnull=True,
            cycle_id__isnull=True,
            expires_at__lte=at,
        )
        own_expiry = {str(grant_id) for grant_id in ending.values_list("id", flat=True)}
        over = [lot for lot in account.over if lot.grant_id in own_expiry]
        for lot in sorted(over, key=lambda lot: lot.expires_at or at):
            account.expire(lot, amount=lot.remaining, key="grant", at=lot.expires_at or at)
        write(pipe, [account])
        return len(over)


def customers_with_expired_credits(*, at: datetime, most: int) -> list[tuple[UUID, UUID]]:
    """(merchant id, customer id) of customers who have something to expire, those waiting longest first."""
    due = Grant.across_merchants.filter(spent_at__isnull=True, cycle_id__isnull=True, expires_at__lte=at)
    return list(dict.fromkeys(due.order_by("expires_at").values_list("merchant_id", "customer_id")[:most]))
