"""Take a charge back: the request stays, its entries are mirrored, the sums forget it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.core.pg import plain_pipe
from apps.ledger.accounts import Account, NewGrant
from apps.ledger.kinds import Origin, Pool
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.posting import open_account, write
from apps.requests.models import MeterCounter, MeteredRequest
from apps.requests.storing import add_to_rollups
from apps.subscriptions.models import Cycle
from apps.subscriptions.renewal import bring_up_to_date


def void_request(*, request: MeteredRequest, at: datetime, actor: str, reason: str = "") -> MeteredRequest:
    """Give back what a request was charged, exactly once; voiding it again changes nothing.

    Each of its usage entries is reversed onto the lot it was drawn from. Where that lot is over, or the
    deficit it went on has been paid, the credits come as a fresh lot instead, which lasts as long as the
    open cycle when the old one ended with a cycle. The request keeps its receipt; usage totals and the tier
    counter of its cycle no longer hold it.
    """
    bring_up_to_date(merchant_id=request.merchant_id, customer_id=request.customer_id, at=at)
    with transaction.atomic():
        pipe = plain_pipe()
        account = open_account(pipe, request.merchant_id, request.customer_id, at=at)
        # Read behind the lock: somebody may have voided it while we waited.
        request = MeteredRequest.objects.for_merchant(request.merchant).select_related("meter").get(pk=request.pk)
        if request.voided_at is not None:
            return request
        _reverse_entries(account, request, at=at, actor=actor, reason=reason)
        write(pipe, [account])
        add_to_rollups(pipe, [request], sign=-1)
        MeterCounter.objects.for_merchant(request.merchant).filter(
            customer_id=request.customer_id, meter_id=request.meter_id, cycle_id=request.cycle_id
        ).update(quantity=F("quantity") - request.quantity)
        request.voided_at = at
        request.save(update_fields=["voided_at"])
        return request


def _reverse_entries(account: Account, request: MeteredRequest, *, at: datetime, actor: str, reason: str) -> None:
    entries = list(usage_entries_of(request))
    grants = {
        grant.pk: grant
        for grant in Grant.objects.for_merchant(request.merchant).filter(pk__in=[entry.grant_id for entry in entries])
    }
    cycle = (
        Cycle.objects.for_merchant(request.merchant)
        .filter(customer_id=request.customer_id, closed_at__isnull=True)
        .first()
    )
    for line, entry in enumerate(entries):
        amount = -entry.amount
        instead = NewGrant(
            Origin.ADJUSTMENT,
            Pool.BUNDLE,
            amount,
            f"request:{request.pk}/void/{line}",
            actor=actor,
            reason=reason or f"{request.request_id} voided",
        )
        grant = grants.get(entry.grant_id) if entry.grant_id else None
        if grant is None:
            account.give_back(lot=None, amount=amount, entry_id=str(entry.pk), instead=instead, at=at)
        elif _is_open(grant, cycle, at):
            account.give_back(lot=account.lot(grant.lot), amount=amount, entry_id=str(entry.pk), instead=instead, at=at)
        else:
            account.give_back_as(_lasting_as(instead, grant, cycle), entry_id=str(entry.pk), at=at)


def usage_entries_of(request: MeteredRequest) -> list[LedgerEntry]:
    """The entries that charged a request, in the order in which they drew."""
    first = request.first_entry_seq
    return list(
        LedgerEntry.objects.for_merchant(request.merchant)
        .filter(customer_id=request.customer_id, seq__gte=first, seq__lt=first + request.entry_count)
        .order_by("seq")
    )


def _is_open(grant: Grant, cycle: Cycle | None, at: datetime) -> bool:
    """Whether credits can go back onto the lot: neither it nor the cycle it ends with is over."""
    if grant.cycle_id is not None and (cycle is None or grant.cycle_id != cycle.pk):
        return False
    return grant.expires_at is None or grant.expires_at > at


def _lasting_as(given: NewGrant, ended: Grant, cycle: Cycle | None) -> NewGrant:
    """A lot for credits whose own lot is over: it ends with the open cycle if that one ended with its cycle."""
    if ended.cycle_id is None or cycle is None:
        return given
    return replace(given, pool=Pool(ended.pool), expires_at=cycle.ends_at, cycle_id=str(cycle.pk))
