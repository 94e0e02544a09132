"""Renewals by the clock."""

import logging

from celery import shared_task

from apps.core import clock
from apps.subscriptions.renewal import bring_up_to_date, customers_to_renew

log = logging.getLogger(__name__)

# One run takes at most this many; the next sweep, seconds later, goes on.
MOST_PER_RUN = 500


@shared_task(name="subscriptions.renew_due")
def renew_due() -> int:
    """Renew every cycle that has ended. One customer who cannot be renewed does not hold up the others."""
    at = clock.now()
    renewed = 0
    for merchant_id, customer_id in customers_to_renew(at=at, most=MOST_PER_RUN):
        try:
            bring_up_to_date(merchant_id=merchant_id, customer_id=customer_id, at=at)
            renewed += 1
        except Exception:
            log.exception("Customer %s of merchant %s could not be renewed.", customer_id, merchant_id)
    return renewed
