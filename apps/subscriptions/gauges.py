"""How far renewals are behind."""

from django.db.models import Min

from apps.core import clock
from apps.core.metrics import at_fetch
from apps.subscriptions.models import Cycle


@at_fetch("lava_renewal_lag_seconds", "For how long the cycle that waits longest has been due for renewal.")
def renewal_lag_seconds() -> float:
    """Zero when nothing is due."""
    at = clock.now()
    due = Cycle.across_merchants.filter(closed_at__isnull=True, ends_at__lte=at)
    ended_at = due.aggregate(first=Min("ends_at"))["first"]
    return (at - ended_at).total_seconds() if ended_at else 0.0
