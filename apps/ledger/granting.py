"""Credits that staff and applications give or take by hand: promotional grants and adjustments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import psycopg
from django.db import transaction

from apps.core.errors import LavaError
from apps.core.money import AMOUNT_MAX, ZERO, AmountTooLarge, round_charge
from apps.core.pg import plain_pipe
from apps.customers.lookup import refuse_deleted
from apps.customers.models import Customer
from apps.ledger.accounts import NewGrant
from apps.ledger.kinds import Kind, Origin, Pool
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.posting import open_account, write


class AmountNotPositive(LavaError):
    """Credits are given in positive amounts; taking them is an adjustment."""

    code: ClassVar[str] = "amount_not_positive"


class ReasonMissing(LavaError):
    """Somebody moves credits by hand and does not say why."""

    code: ClassVar[str] = "reason_missing"


class ExpiresInThePast(LavaError):
    """Credits would be over before they are given."""

    code: ClassVar[str] = "expires_in_the_past"


class GrantKeyReused(LavaError):
    """The same key was used before for something else."""

    code: ClassVar[str] = "grant_key_reused"
    status: ClassVar[int] = 409


def give_credits(
    *,
    customer: Customer,
    amount: Decimal,
    at: datetime,
    key: str,
    actor: str,
    reason: str,
    expires_at: datetime | None = None,
) -> Grant:
    """Give promotional credits, exactly once per `key`; they pay a deficit first.

    Asking again with the same key returns the first grant and gives nothing. Raises AmountNotPositive,
    ReasonMissing, ExpiresInThePast, AmountTooLarge, GrantKeyReused when the key gave something else before, and
    CustomerNotFound when they were deleted meanwhile.
    """
    if amount <= 0:
        raise AmountNotPositive("The amount must be more than zero.")
    if expires_at is not None and expires_at <= at:
        raise ExpiresInThePast("The credits would expire before they are given.")
    given = NewGrant(
        Origin.PROMOTIONAL, Pool.BUNDLE, round_charge(amount), key, expires_at, None, actor, _required(reason)
    )
    return _give(customer, given, at)


def adjust_credits(*, customer: Customer, amount: Decimal, at: datetime, key: str, actor: str, reason: str) -> None:
    """Correct a balance by hand, up (`amount` > 0) or down, exactly once per `key`.

    Down takes the lots in burndown order and goes below zero when they do not suffice. Raises ReasonMissing,
    AmountNotPositive for zero, AmountTooLarge, GrantKeyReused when the key moved something else before, and
    CustomerNotFound when they were deleted meanwhile.
    """
    amount, reason = round_charge(amount), _required(reason)
    if amount > 0:
        _give(customer, NewGrant(Origin.ADJUSTMENT, Pool.BUNDLE, amount, key, None, None, actor, reason), at)
    elif amount < 0:
        _take(customer, -amount, at, key, actor, reason)
    else:
        raise AmountNotPositive("An adjustment moves something: the amount must not be zero.")


def _required(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing("Say why: the reason stays with the entry.")
    return reason.strip()[:1000]


def _give(customer: Customer, given: NewGrant, at: datetime) -> Grant:
    grants = Grant.objects.for_merchant(customer.merchant)
    try:
        with transaction.atomic():
            pipe = plain_pipe()
            account = open_account(pipe, customer.merchant_id, customer.pk, at=at)
            refuse_deleted(customer)
            first: Grant | None = grants.filter(idempotency_key=given.key).first()
            if first is None:
                _refuse_beyond_the_books(account.balance + given.amount)
                grant_id = account.grant(given, at=at)
                write(pipe, [account])
                made: Grant = grants.get(pk=grant_id)
                return made
    except psycopg.errors.UniqueViolation as clash:
        # Another customer of this merchant is given credits under the same key at this moment.
        raise GrantKeyReused(f"The key {given.key!r} is used for another grant.") from clash
    if (first.customer_id, first.amount) != (customer.pk, given.amount):
        raise GrantKeyReused(f"The key {given.key!r} has given {first.amount} before.")
    return first


def _take(customer: Customer, amount: Decimal, at: datetime, key: str, actor: str, reason: str) -> None:
    try:
        with transaction.atomic():
            pipe = plain_pipe()
            account = open_account(pipe, customer.merchant_id, customer.pk, at=at)
            refuse_deleted(customer)
            taken = _taken_before(customer, key)
            if not taken:
                _refuse_beyond_the_books(account.balance - amount)
                account.take(amount=amount, kind=Kind.ADJUSTMENT, key=key, at=at, actor=actor, reason=reason)
                write(pipe, [account])
    except psycopg.errors.UniqueViolation as clash:
        raise GrantKeyReused(f"The key {key!r} is used for another adjustment.") from clash
    if taken and taken != amount:
        raise GrantKeyReused(f"The key {key!r} has taken {taken} before.")


def _refuse_beyond_the_books(balance: Decimal) -> None:
    if abs(balance) > AMOUNT_MAX:
        raise AmountTooLarge("This would take the balance beyond what the books can hold.")


def _taken_before(customer: Customer, key: str) -> Decimal:
    """What an adjustment with this key took: one entry per lot, `key/0`, `key/1` and so on."""
    entries = LedgerEntry.objects.for_merchant(customer.merchant).filter(
        customer=customer, idempotency_key__startswith=f"{key}/"
    )
    lines = [entry for entry in entries if entry.idempotency_key.removeprefix(f"{key}/").isdecimal()]
    return -sum((entry.amount for entry in lines), ZERO)
