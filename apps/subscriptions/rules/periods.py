"""When a subscription's billing cycles begin and end.

Every cycle is computed from the anchor, the moment the first one began, and never from the end of the one
before: a subscription from 31 January renews on 28 February and then on 31 March. Counting from the previous
end would have lost those three days for good.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.plans.terms import Interval

FIXED_LENGTH: Final = {Interval.DAY: timedelta(days=1), Interval.WEEK: timedelta(weeks=1)}
MONTHS: Final = {Interval.MONTH: 1, Interval.YEAR: 12}


def cycle_bounds(anchor_at: datetime, interval: Interval, n: int) -> tuple[datetime, datetime]:
    """The start and end, in UTC, of cycle number `n`; the anchor begins number 0.

    Cycles are half-open: the end belongs to the next one, so they tile time without gap or overlap.
    """
    return _boundary(anchor_at, interval, n), _boundary(anchor_at, interval, n + 1)


def cycle_index_at(anchor_at: datetime, interval: Interval, at: datetime) -> int:
    """The number of the cycle that `at` falls in; negative before the anchor."""
    anchor_at, at = _in_utc(anchor_at), _in_utc(at)
    if interval in FIXED_LENGTH:
        return (at - anchor_at) // FIXED_LENGTH[interval]
    months = (at.year - anchor_at.year) * 12 + at.month - anchor_at.month
    n = months // MONTHS[interval]
    # In the boundary's own month the cycle has only begun once its day and time are reached.
    return n if _boundary(anchor_at, interval, n) <= at else n - 1


def _boundary(anchor_at: datetime, interval: Interval, n: int) -> datetime:
    """The anchor plus `n` intervals; a day that the month lacks becomes its last day."""
    anchor_at = _in_utc(anchor_at)
    if interval in FIXED_LENGTH:
        return anchor_at + n * FIXED_LENGTH[interval]
    years, month_index = divmod(anchor_at.month - 1 + n * MONTHS[interval], 12)
    year, month = anchor_at.year + years, month_index + 1
    last_day = monthrange(year, month)[1]
    return anchor_at.replace(year=year, month=month, day=min(anchor_at.day, last_day))


def _in_utc(moment: datetime) -> datetime:
    # A moment without a zone would be read in the server's own, and bill on another day elsewhere.
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)
