"""What the books need done by the clock."""

import logging

from celery import shared_task

from apps.core import clock
from apps.ledger.audit import audit_and_store, audit_is_due
from apps.ledger.expiring import customers_with_expired_credits, expire_customer
from apps.ledger.holds import expired_holds, release_hold

log = logging.getLogger(__name__)

MOST_PER_RUN = 500


@shared_task(name="ledger.expire_due")
def expire_due() -> int:
    """Expire credits that are over."""
    at = clock.now()
    expired = 0
    for merchant_id, customer_id in customers_with_expired_credits(at=at, most=MOST_PER_RUN):
        try:
            expired += expire_customer(merchant_id=merchant_id, customer_id=customer_id, at=at)
        except Exception:
            log.exception("Credits of customer %s of merchant %s could not be expired.", customer_id, merchant_id)
    return expired


@shared_task(name="ledger.release_expired_holds")
def release_expired_holds() -> int:
    """Give free what was held for requests that never came back."""
    at = clock.now()
    return sum(
        release_hold(merchant_id=merchant_id, hold_id=hold_id, at=at)
        for merchant_id, hold_id in expired_holds(at=at, most=MOST_PER_RUN)
    )


@shared_task(name="ledger.audit_books")
def audit_books() -> int:
    """Prove the books; returns how many differences there are. On a large book not every time it is asked."""
    at = clock.now()
    if not audit_is_due(at=at):
        return 0
    differences = audit_and_store(at=at).differences
    for found in differences[:MOST_PER_RUN]:
        log.error("%s: merchant %s, %s: %s", found.invariant, found.merchant_id, found.subject, found.message)
    return len(differences)
