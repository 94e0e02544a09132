"""What runs by the clock for merchants: forgetting what need not be remembered."""

from typing import Any

from celery import shared_task

from apps.core import clock
from apps.merchants.idempotency import forget_old_keys
from apps.merchants.rate_limits import forget_old_windows


@shared_task(name="merchants.forget_old_idempotency_keys")
def forget_old_idempotency_keys(**_: Any) -> None:
    """Drop stored answers and call counts that nobody will ask for again."""
    at = clock.now()
    forget_old_keys(at=at)
    forget_old_windows(at=at)
