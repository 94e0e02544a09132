"""How is the business doing? The figures of the first page, from the sums that every charge keeps up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum
from django.db.models.functions import TruncDay

from apps.core.money import ZERO
from apps.ledger.models import AuditRun, Balance
from apps.merchants.models import Merchant
from apps.meters.models import Meter
from apps.requests.models import HourlyRollup, MeteredRequest
from apps.requests.sums import Sums, sums_between

DAYS_SHOWN: Final = 30
RECENT_REQUESTS: Final = 8
NAMED_MOST: Final = 5
"""How many customers, meters or models one line of "needs attention" names."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one day, in the merchant's time zone, charged and cost."""

    on: date
    revenue: Decimal
    cost: Decimal
    requests: int
    requests_without_cost: int

    @property
    def margin(self) -> Decimal:
        return self.revenue - self.cost


@dataclass(frozen=True, slots=True)
class Owing:
    """A customer below zero."""

    customer_id: str
    name: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Attention:
    """What somebody should look at; everything empty is a good day."""

    below_zero: list[Owing]
    below_zero_count: int
    meters_without_plan: list[Meter]
    models_without_cost: list[tuple[str, int]]
    audit: AuditRun | None

    @property
    def is_needed(self) -> bool:
        return bool(self.below_zero or self.meters_without_plan or self.models_without_cost or self.has_differences)

    @property
    def has_differences(self) -> bool:
        return self.audit is not None and self.audit.differences > 0


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page. `month` began with the calendar month; `before` is as long a part of the month before."""

    currency: str
    now: datetime
    month_from: datetime
    month: Sums
    before: Sums
    unspent_credits: Decimal
    owed: Decimal
    customers: int
    days: list[Day]
    attention: Attention
    recent: list[MeteredRequest]

    @property
    def revenue_change(self) -> Decimal | None:
        """By what share revenue rose on the month before; None without a revenue to compare with."""
        return self.month.charge / self.before.charge - 1 if self.before.charge else None

    @property
    def requests_change(self) -> Decimal | None:
        """By what share requests rose on the month before."""
        return Decimal(self.month.requests) / self.before.requests - 1 if self.before.requests else None


def overview_of(merchant: Merchant, *, now: datetime) -> Overview:
    """Everything the first page shows of this merchant at this moment."""
    zone = ZoneInfo(merchant.time_zone)
    month_from = _month_start(now.astimezone(zone))
    before_from = _month_start(month_from - timedelta(days=1))
    book = _book(merchant)
    return Overview(
        currency=merchant.currency,
        now=now,
        month_from=month_from,
        # To the end of the hour that has begun.
        month=sums_between(merchant, month_from, now + timedelta(hours=1)),
        before=sums_between(merchant, before_from, min(before_from + (now - month_from), month_from)),
        unspent_credits=book["balance"] + book["deficit"],
        owed=book["deficit"],
        customers=book["customers"],
        days=_days(merchant, zone, now),
        attention=_attention(merchant, month_from, now),
        recent=_recent(merchant),
    )


def _month_start(local: datetime) -> datetime:
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _book(merchant: Merchant) -> dict[str, Any]:
    """The sums of all balances: what customers have left together, and what they owe."""
    found = Balance.objects.for_merchant(merchant).aggregate(
        balance=Sum("balance", default=ZERO), deficit=Sum("deficit", default=ZERO), customers=Count("customer_id")
    )
    sums: dict[str, Any] = found
    return sums


def _days(merchant: Merchant, zone: ZoneInfo, now: datetime) -> list[Day]:
    """The last thirty days, today last, those without requests included.

    Sums are kept by the hour, so in a zone that is half an hour off, an hour belongs to the day it began on.
    """
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS_SHOWN - 1)
    rows = (
        HourlyRollup.objects.for_merchant(merchant)
        .filter(hour_at__gte=datetime.combine(first, time(), zone))
        .annotate(on=TruncDay("hour_at", tzinfo=zone))
        .values("on")
        .annotate(
            revenue=Sum("charge"),
            total_cost=Sum("cost"),
            count=Sum("requests"),
            without_cost=Sum("requests_without_cost"),
        )
    )
    found = {
        row["on"].date(): Day(row["on"].date(), row["revenue"], row["total_cost"], row["count"], row["without_cost"])
        for row in rows
    }
    dates = [first + timedelta(days=number) for number in range(DAYS_SHOWN)]
    return [found.get(on, Day(on, ZERO, ZERO, 0, 0)) for on in dates]


def _attention(merchant: Merchant, since: datetime, now: datetime) -> Attention:
    below = Balance.objects.for_merchant(merchant).filter(balance__lt=0)
    owing = below.select_related("customer").order_by("balance")[:NAMED_MOST]
    return Attention(
        below_zero=[Owing(str(balance.customer_id), str(balance.customer), balance.balance) for balance in owing],
        below_zero_count=below.count(),
        meters_without_plan=_meters_without_plan(merchant),
        models_without_cost=_models_without_cost(merchant, since, now),
        audit=AuditRun.objects.order_by("-started_at").first(),
    )


def _meters_without_plan(merchant: Merchant) -> list[Meter]:
    """Meters whose requests are all refused, because no plan draws on them."""
    meters = Meter.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    linked = meters.filter(plan_meters__plan__deleted_at__isnull=True, plan_meters__isnull=False)
    return list(meters.exclude(pk__in=linked.values("pk")).order_by("name")[:NAMED_MOST])


def _models_without_cost(merchant: Merchant, since: datetime, now: datetime) -> list[tuple[str, int]]:
    """Models whose provider cost is not known for requests since then, and how many; the most first."""
    rows = (
        HourlyRollup.objects.for_merchant(merchant)
        .filter(hour_at__gte=since, hour_at__lte=now, requests_without_cost__gt=0)
        .values("model")
        .annotate(count=Sum("requests_without_cost"))
        .order_by("-count")
    )
    return [(row["model"] or "no model named", row["count"]) for row in rows[:NAMED_MOST]]


def _recent(merchant: Merchant) -> list[MeteredRequest]:
    requests = MeteredRequest.objects.for_merchant(merchant).select_related("customer", "meter")
    return list(requests.order_by("-id")[:RECENT_REQUESTS])
