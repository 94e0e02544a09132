"""What requests came to, added up: for a merchant or one customer, over a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Sum

from apps.core.money import ZERO
from apps.customers.models import Customer
from apps.merchants.models import Merchant
from apps.meters.models import Meter
from apps.requests.models import HourlyRollup


@dataclass(frozen=True, slots=True)
class Sums:
    """Charges and costs of a span. `cost` leaves out requests whose cost is not known; they are counted."""

    requests: int
    requests_without_cost: int
    customers: int
    charge: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        """Charges less the costs that are known."""
        return self.charge - self.cost

    @property
    def margin_share(self) -> Decimal | None:
        """The margin as a share of the charges; None when nothing was charged."""
        return self.margin / self.charge if self.charge else None


@dataclass(frozen=True, slots=True)
class MeterUse:
    """What one customer used of one meter in a span."""

    meter: Meter
    requests: int
    charge: Decimal


def sums_between(merchant: Merchant, since: datetime, until: datetime) -> Sums:
    """What a merchant's requests came to in the hours that began in `[since, until)`."""
    rows = HourlyRollup.objects.for_merchant(merchant).filter(hour_at__gte=since, hour_at__lt=until)
    return Sums(
        **rows.aggregate(
            requests=Sum("requests", default=0),
            requests_without_cost=Sum("requests_without_cost", default=0),
            customers=Count("customer_id", distinct=True),
            charge=Sum("charge", default=ZERO),
            cost=Sum("cost", default=ZERO),
        )
    )


def use_by_meter(customer: Customer, since: datetime, until: datetime) -> list[MeterUse]:
    """What a customer used of each meter in the hours that began in `[since, until)`, the dearest first."""
    rows = (
        HourlyRollup.objects.for_merchant(customer.merchant)
        .filter(customer=customer, hour_at__gte=since, hour_at__lt=until)
        .values("meter_id")
        .annotate(total_requests=Sum("requests"), total_charge=Sum("charge"))
        .order_by("-total_charge")
    )
    used = list(rows)
    meters = Meter.objects.for_merchant(customer.merchant).in_bulk([row["meter_id"] for row in used])
    return [
        MeterUse(meters[row["meter_id"]], row["total_requests"], row["total_charge"])
        for row in used
        if row["meter_id"] in meters
    ]
