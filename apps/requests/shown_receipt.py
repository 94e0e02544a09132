"""A receipt as a person reads it: what the provider asked, what was charged and why, and which credits paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.core.errors import LavaError
from apps.ledger.models import Grant, LedgerEntry
from apps.meters.arithmetic import ShownLine, lines_from_json, shown_lines
from apps.meters.models import Rate
from apps.meters.rules.pricing import price_request
from apps.meters.rules.usage import TierType
from apps.meters.rules.wording import describe
from apps.requests.models import MeteredRequest
from apps.requests.voiding import usage_entries_of


@dataclass(frozen=True, slots=True)
class ShownDraw:
    """What one lot, or the deficit, gave to the charge."""

    entry_id: UUID
    grant: Grant | None
    amount: Decimal
    emptied: bool
    """Whether this was the last of the lot."""


@dataclass(frozen=True, slots=True)
class ShownReceipt:
    """Everything the page of one request says."""

    request: MeteredRequest
    rate: Rate
    price: str
    counted: list[tuple[str, Decimal | int]]
    lines: list[ShownLine]
    draws: list[ShownDraw]
    reversals: list[LedgerEntry]
    adds_up_again: bool
    """Whether pricing the stored usage at the stored rate, just now, gave the same charge."""

    @property
    def margin(self) -> Decimal | None:
        """Charge minus cost; None while the cost is not known."""
        return None if self.request.cost is None else self.request.charge - self.request.cost

    @property
    def margin_share(self) -> Decimal | None:
        return self.margin / self.request.charge if self.margin is not None and self.request.charge else None

    @property
    def is_loss(self) -> bool:
        return self.margin is not None and self.margin < 0


def shown_receipt(request: MeteredRequest) -> ShownReceipt:
    """The receipt of a request, from what is stored."""
    price = request.rate.price(request.meter)
    entries = usage_entries_of(request)
    return ShownReceipt(
        request=request,
        rate=request.rate,
        price=describe(price, currency=request.currency),
        counted=_counted(request),
        lines=shown_lines(
            price,
            lines_from_json(request.breakdown),
            used_before=request.used_before,
            currency=request.currency,
        ),
        draws=_draws(request, entries),
        reversals=_reversals(request, entries),
        adds_up_again=_adds_up_again(request),
    )


def _adds_up_again(request: MeteredRequest) -> bool:
    try:
        priced = price_request(
            request.rate.price(request.meter),
            usage=request.usage,
            cost=request.cost,
            used_before=request.used_before,
        )
    except LavaError:
        return False
    return bool(priced.amount == request.charge)


def _counted(request: MeteredRequest) -> list[tuple[str, Decimal | int]]:
    """The measured quantities that are not zero."""
    measured = (
        ("input tokens", request.input_tokens),
        ("output tokens", request.output_tokens),
        ("input characters", request.input_characters),
        ("output characters", request.output_characters),
        ("input seconds", request.input_seconds),
        ("output seconds", request.output_seconds),
    )
    counted = [(word, quantity) for word, quantity in measured if quantity]
    return counted or ([("request", 1)] if request.meter.tier_type == TierType.REQUESTS else [])


def _draws(request: MeteredRequest, entries: list[LedgerEntry]) -> list[ShownDraw]:
    grants = Grant.objects.for_merchant(request.merchant).in_bulk([e.grant_id for e in entries if e.grant_id])
    # All but the last lot were drawn empty: the next one is only touched when there is nothing left.
    return [
        ShownDraw(entry.pk, grants.get(entry.grant_id), -entry.amount, emptied=place < len(entries) - 1)
        for place, entry in enumerate(entries)
    ]


def _reversals(request: MeteredRequest, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """The entries that gave a voided request's credits back."""
    if request.voided_at is None:
        return []
    reversals = LedgerEntry.objects.for_merchant(request.merchant).filter(
        customer_id=request.customer_id, kind="reversal", source_id__in=[entry.pk for entry in entries]
    )
    return list(reversals.order_by("seq"))
