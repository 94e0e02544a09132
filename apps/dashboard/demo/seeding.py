"""The demo merchant: made once, found ever after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from apps.dashboard.demo.cast import CAST
from apps.dashboard.demo.history import live_through
from apps.merchants.models import Member, Merchant, User
from apps.merchants.opening import open_merchant
from apps.merchants.roles import Role
from apps.merchants.secret_keys import create_secret_key

NAME: Final = "Acme AI"
EMAIL: Final = "owner@acme.test"
DAYS: Final = 90
_LOCK: Final = 0x1A7A_5EED


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo merchant's sandbox, and whether this call made it."""

    sandbox: Merchant
    created: bool


def ensure_demo(*, password: str, secret_key: str, now: datetime, days: int = DAYS, people: int = len(CAST)) -> Demo:
    """Open the demo merchant with its key, its past and its owner, unless it is there: then nothing changes.

    The owner comes last. A run that was cut short leaves a merchant that nobody belongs to, and the next one
    opens another. To be run while no worker is: it would renew cycles in the middle of the story.
    """
    with _one_at_a_time():
        known = User.objects.filter(email=EMAIL).first()
        if known is not None:
            return Demo(Member.across_merchants.get(user=known).merchant.sandbox, created=False)
        live = open_merchant(name=NAME, at=now - timedelta(days=days))
        key, _ = create_secret_key(merchant=live.sandbox, name="Demo application", at=now, text=secret_key)
        live_through(live.sandbox, until=now, days=days, people=people, actor=EMAIL)
        with transaction.atomic():
            owner = User.objects.create_user(EMAIL, password)
            Member.objects.create(merchant=live, user=owner, role=Role.OWNER.value, created_at=now)
            key.created_by = owner
            key.save(update_fields=["created_by"])
        return Demo(live.sandbox, created=True)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two processes that start together make one demo."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        # A thousand steps need not wait for the disk one by one: after a crash the story is told again.
        cursor.execute("SET synchronous_commit = off")
        try:
            yield
        finally:
            cursor.execute("RESET synchronous_commit")
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
