"""What was used day by day: exact sums, read from the hourly rollups wherever whole hours will do.

A report from 09:30 to now reads the requests of the first half hour one by one, and rollups from 10:00 on.
Rollups know nothing of metadata, and days that begin at half past an hour (India's) cut through their hours:
such reports read the requests themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate

from apps.core.errors import LavaError
from apps.core.money import ZERO
from apps.customers.models import Customer
from apps.merchants.models import Merchant
from apps.meters.models import Meter
from apps.requests.models import HourlyRollup, MeteredRequest

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MILLISECOND: Final = timedelta(milliseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MetadataFilters = Sequence[tuple[str, str]]


class PeriodInvalid(LavaError):
    """The period ends before it starts."""

    code: ClassVar[str] = "period_invalid"


@dataclass(frozen=True, slots=True)
class Sums:
    """Requests that were not voided, added up. Costs that are not known are not in `cost`."""

    requests: int = 0
    requests_without_cost: int = 0
    tokens: int = 0
    cost: Decimal = ZERO
    charge: Decimal = ZERO

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.requests + other.requests,
            self.requests_without_cost + other.requests_without_cost,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.charge + other.charge,
        )


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a report, in the report's own offset from UTC."""

    on: date
    zone: tzinfo
    sums: Sums

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.on, time.min, self.zone)

    @property
    def last_second_at(self) -> datetime:
        return self.starts_at + DAY - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Every day of a period, and their sum."""

    days: Sequence[Day]
    totals: Sums


@dataclass(frozen=True, slots=True)
class _Selection:
    """Whose requests, on which meter, with which metadata."""

    merchant: Merchant
    customer: Customer | None
    meter: Meter | None
    metadata: MetadataFilters

    @property
    def conditions(self) -> dict[str, UUID]:
        chosen = {"customer_id": self.customer, "meter_id": self.meter}
        return {name: row.pk for name, row in chosen.items() if row is not None}


def report_usage(
    *,
    merchant: Merchant,
    starts_at: datetime,
    until: datetime,
    at: datetime,
    customer: Customer | None = None,
    meter: Meter | None = None,
    metadata: MetadataFilters = (),
) -> UsageReport:
    """Add up the requests of `[starts_at, until)` by day; the offset of `starts_at` says when days begin.

    Days without usage are there too, except before the merchant's first. Voided requests are not counted.
    Raises PeriodInvalid.
    """
    if until <= starts_at:
        raise PeriodInvalid("The period ends before it starts.")
    zone = timezone(starts_at.utcoffset() or timedelta())
    selection = _Selection(merchant, customer, meter, metadata)
    sums: dict[date, Sums] = defaultdict(Sums)
    for on, part in _parts(selection, starts_at, until, at, zone):
        sums[on] += part
    days = [Day(on, zone, sums[on]) for on in _dates(merchant, sums, starts_at, min(until, at), zone)]
    return UsageReport(days, sum((day.sums for day in days), Sums()))


def _parts(
    selection: _Selection, starts_at: datetime, until: datetime, at: datetime, zone: timezone
) -> Iterator[tuple[date, Sums]]:
    """Sums by day, from wherever they can be read: a day may come in several parts."""
    first_hour, last_hour = _hour_from(starts_at), _hour_before(until)
    if until >= at:
        last_hour = _hour_from(until)  # nothing is later than now, so the current hour counts whole
    days_cut_hours = zone.utcoffset(None) % HOUR != timedelta()
    if selection.metadata or days_cut_hours or first_hour >= last_hour:
        yield from _from_requests(selection, starts_at, until, zone)
        return
    yield from _from_requests(selection, starts_at, first_hour, zone)
    yield from _from_rollups(selection, first_hour, last_hour, zone)
    yield from _from_requests(selection, last_hour, until, zone)


def _from_rollups(
    selection: _Selection, first_hour: datetime, last_hour: datetime, zone: tzinfo
) -> Iterator[tuple[date, Sums]]:
    rollups = HourlyRollup.objects.for_merchant(selection.merchant).filter(
        hour_at__gte=first_hour, hour_at__lt=last_hour, **selection.conditions
    )
    yield from _by_day(
        rollups.annotate(on=TruncDate("hour_at", tzinfo=zone)),
        n_requests=Sum("requests"),
        n_without_cost=Sum("requests_without_cost"),
        sum_tokens=Sum("tokens"),
        sum_cost=Sum("cost"),
        sum_charge=Sum("charge"),
    )


def _from_requests(
    selection: _Selection, starts_at: datetime, until: datetime, zone: tzinfo
) -> Iterator[tuple[date, Sums]]:
    if starts_at >= until:
        return
    requests = MeteredRequest.objects.for_merchant(selection.merchant).filter(
        # An id begins with its moment, so the key finds the period; the column then cuts it exactly.
        id__gte=_first_id_of(starts_at - MILLISECOND),
        id__lt=_first_id_of(until + 2 * MILLISECOND),
        created_at__gte=starts_at,
        created_at__lt=until,
        voided_at__isnull=True,
        **selection.conditions,
    )
    for key, value in selection.metadata:
        requests = requests.filter(metadata__contains={key: value})
    yield from _by_day(
        requests.annotate(on=TruncDate("created_at", tzinfo=zone)),
        n_requests=Count("*"),
        n_without_cost=Count("*") - Count("cost"),
        sum_tokens=Sum(F("input_tokens") + F("output_tokens")),
        sum_cost=Sum("cost"),
        sum_charge=Sum("charge"),
    )


def _by_day(rows: Any, **aggregates: Any) -> Iterator[tuple[date, Sums]]:
    for row in rows.order_by().values("on").annotate(**aggregates):
        yield (
            row["on"],
            Sums(
                row["n_requests"],
                row["n_without_cost"],
                int(row["sum_tokens"]),
                row["sum_cost"] or ZERO,
                row["sum_charge"],
            ),
        )


def _dates(
    merchant: Merchant, used: dict[date, Sums], starts_at: datetime, until: datetime, zone: tzinfo
) -> Iterator[date]:
    """Every date of the period from the merchant's beginning on."""
    beginning = min([merchant.created_at.astimezone(zone).date(), *used])
    on = max(starts_at.astimezone(zone).date(), beginning)
    last = max([(until - timedelta(microseconds=1)).astimezone(zone).date(), *used])
    while on <= last:
        yield on
        on += DAY


def _hour_before(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hour_from(moment: datetime) -> datetime:
    hour = _hour_before(moment)
    return hour if hour == moment else hour + HOUR


def _first_id_of(moment: datetime) -> UUID:
    """The smallest id of this millisecond."""
    return UUID(int=(moment - EPOCH) // MILLISECOND << 80)
