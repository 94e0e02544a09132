"""How far expiry is behind, and what the last proof of the books found."""

from django.db.models import Min

from apps.core import clock
from apps.core.metrics import at_fetch
from apps.ledger.models import AuditRun, Grant


@at_fetch("lava_expiry_lag_seconds", "For how long the credits that wait longest have been due to expire.")
def expiry_lag_seconds() -> float:
    """Zero when nothing is due."""
    at = clock.now()
    due = Grant.across_merchants.filter(spent_at__isnull=True, cycle_id__isnull=True, expires_at__lte=at)
    expired_at = due.aggregate(first=Min("expires_at"))["first"]
    return (at - expired_at).total_seconds() if expired_at else 0.0


@at_fetch("lava_audit_differences", "Differences the last audit of the books found; -1 before the first one.")
def audit_differences() -> float:
    """Anything but zero needs a person."""
    last = AuditRun.objects.order_by("-started_at").first()
    return float(last.differences) if last else -1.0
