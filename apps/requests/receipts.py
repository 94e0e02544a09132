"""Why a request was charged what it was: the price it was charged at, and the credits that paid."""

from __future__ import annotations

from typing import Any

from apps.core.money import format_amount
from apps.core.public_ids import ENTRY, GRANT, public_id
from apps.ledger.models import Grant, LedgerEntry
from apps.meters.models import Rate, tiers_from_json
from apps.requests.models import MeteredRequest
from apps.requests.presenting import number, request_json
from apps.requests.voiding import usage_entries_of


def receipt_json(request: MeteredRequest) -> dict[str, Any]:
    """The receipt: pricing the request's usage at this rate, from `used_before` on, gives this charge again."""
    mode = request.merchant.mode
    entries = usage_entries_of(request)
    grants = Grant.objects.for_merchant(request.merchant)
    origins = dict(grants.filter(pk__in=_grant_ids(entries)).values_list("pk", "origin"))
    return {
        "request": request_json(request, mode=mode),
        "meter_slug": request.meter.slug,
        "rate": _rate_json(request, request.rate),
        "used_before": number(request.used_before),
        "quantity": number(request.quantity),
        "currency": request.currency,
        "balance_before": format_amount(request.balance_before),
        "balance_after": format_amount(request.balance_after),
        "draws": [
            {
                "ledger_entry_id": public_id(ENTRY, mode, entry.pk),
                "grant_id": public_id(GRANT, mode, entry.grant_id) if entry.grant_id else None,
                "origin": origins[entry.grant_id] if entry.grant_id else "deficit",
                "amount": format_amount(-entry.amount),
                "balance_after": format_amount(entry.balance_after),
            }
            for entry in entries
        ],
    }


def _grant_ids(entries: list[LedgerEntry]) -> set[Any]:
    return {entry.grant_id for entry in entries if entry.grant_id}


def _rate_json(request: MeteredRequest, rate: Rate) -> dict[str, Any]:
    return {
        "version": rate.version,
        "rate_type": request.rate_type,
        "tier_type": request.tier_type,
        "tier_mode": rate.tier_mode,
        "token_basis": rate.token_basis,
        "percentage_of": rate.percentage_of,
        "tiers": [
            {"start": number(tier.start), "rate": format_amount(tier.rate), "type": request.tier_type}
            for tier in tiers_from_json(rate.tiers)
        ],
        "created_at": rate.created_at,
    }
