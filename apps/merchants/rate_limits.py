"""How often a key may call, counted per minute in a table that all processes share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from django.conf import settings
from django.db import connection

from apps.core.errors import LavaError
from apps.merchants.models import RateWindow
from apps.merchants.secret_keys import Caller

WINDOW: Final = timedelta(minutes=1)
_KEPT_FOR: Final = timedelta(minutes=10)


class Lane(StrEnum):
    """What kinds of calls are counted apart, so that reporting usage never uses up what management may do."""

    MANAGEMENT = "management"
    USAGE = "usage"


class RateLimited(LavaError):
    """The key has called as often as it may this minute."""

    code: ClassVar[str] = "rate_limited"
    status: ClassVar[int] = 429


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may do in this minute, this call included."""

    limit: int
    used: int
    resets_at: datetime

    @property
    def is_exceeded(self) -> bool:
        """Whether this call was one too many."""
        return self.used > self.limit

    def headers(self, *, at: datetime) -> dict[str, str]:
        """What the API says about it; `Retry-After` only to those who have to wait."""
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(int(self.resets_at.timestamp())),
        }
        if self.is_exceeded:
            headers["Retry-After"] = str(max(1, int((self.resets_at - at).total_seconds()) + 1))
        return headers


def count_call(caller: Caller, lane: Lane, *, at: datetime) -> Allowance | None:
    """Count one call of a key; None when calls of this lane have no limit and are not counted.

    Whoever asks refuses the call (RateLimited) when the allowance `is_exceeded`.
    """
    limit = _limit_of(lane)
    if limit is None:
        return None
    starts_at = at.replace(second=0, microsecond=0)
    return Allowance(limit, _count(caller, lane, starts_at), starts_at + WINDOW)


def forget_old_windows(*, at: datetime) -> int:
    """Drop the counts of minutes gone by; returns how many."""
    deleted, _ = RateWindow.across_merchants.filter(starts_at__lt=at - _KEPT_FOR).delete()
    return deleted


def _limit_of(lane: Lane) -> int | None:
    limits: dict[Lane, int | None] = {
        Lane.MANAGEMENT: settings.RATE_LIMIT_PER_MINUTE,
        Lane.USAGE: settings.USAGE_RATE_LIMIT_PER_MINUTE,
    }
    return limits[lane]


def _count(caller: Caller, lane: Lane, starts_at: datetime) -> int:
    # One statement: two processes that count at once both get their own number.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO merchants_ratewindow AS w (merchant_id, secret_key_id, lane, starts_at, count)
            VALUES (%s, %s, %s, %s, 1)
            ON CONFLICT (merchant_id, secret_key_id, lane, starts_at) DO UPDATE SET count = w.count + 1
            RETURNING count
            """,
            [caller.merchant.pk, caller.key_id, lane.value, starts_at],
        )
        [count] = cursor.fetchone()
    return int(count)
