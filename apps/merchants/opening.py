"""How a merchant comes to be: a live book and its sandbox, and what other apps put into a new book."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from apps.merchants.models import Merchant

Furnish = Callable[[Merchant, datetime], object]

_furnishings: list[Furnish] = []


def when_opened(furnish: Furnish) -> None:
    """Have `furnish(merchant, at)` called for every new book, live and sandbox, in the transaction that opens it."""
    if furnish not in _furnishings:
        _furnishings.append(furnish)


@transaction.atomic
def open_merchant(*, name: str, at: datetime, currency: str = "USD") -> Merchant:
    """Open a live merchant and its sandbox (`.sandbox`), furnished alike. Returns the live one."""
    live = Merchant.objects.create(name=name, mode="live", currency=currency, created_at=at)
    sandbox = Merchant.objects.create(name=name, mode="test", live=live, currency=currency, created_at=at)
    for merchant in (live, sandbox):
        for furnish in _furnishings:
            furnish(merchant, at)
    return live
