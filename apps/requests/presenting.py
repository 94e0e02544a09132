"""A recorded request as the API shows it, field by field as the reference says (lava-api section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from apps.core.errors import LavaError
from apps.core.money import format_amount
from apps.core.public_ids import CUSTOMER, METER, public_id
from apps.meters.rules.usage import TierType
from apps.requests.charging import Charged, Outcome
from apps.requests.models import MeteredRequest
from apps.requests.records import RequestRecord

# Quantities are numbers in JSON; money was written as text before it comes here.
encode = msgspec.json.Encoder(decimal_format="number").encode

# Which of a breakdown line's figures the tier type fills.
_COUNTED_AS: Final = {
    TierType.TOKENS.value: "tokens",
    TierType.CHARACTERS.value: "characters",
    TierType.MINUTES.value: "seconds",
    TierType.REQUESTS.value: "requests",
}


def request_json(record: RequestRecord | MeteredRequest, *, mode: str) -> dict[str, Any]:
    """The Request object. A cost that is not known is null, never zero."""
    cost = _amount(record.cost)
    return {
        "request_id": record.request_id,
        "status": record.status,
        "customer_id": public_id(CUSTOMER, mode, record.customer_id),
        "meter_id": public_id(METER, mode, record.meter_id),
        "provider": record.provider,
        "provider_key_type": record.provider_key_type,
        "model": record.model,
        "endpoint": record.endpoint or "POST /v1/requests",
        "response_id": record.response_id,
        "model_usage": {
            "input_tokens": record.input_tokens,
            "output_tokens": record.output_tokens,
            "total_tokens": record.input_tokens + record.output_tokens,
            "input_characters": record.input_characters,
            "output_characters": record.output_characters,
            "total_characters": record.input_characters + record.output_characters,
            "input_seconds": number(record.input_seconds),
            "output_seconds": number(record.output_seconds),
            "total_seconds": number(record.input_seconds + record.output_seconds),
            "input_cost": _amount(record.input_cost),
            "output_cost": _amount(record.output_cost),
            "total_cost": cost,
        },
        "cost": cost,
        "charge": {
            "amount": format_amount(record.charge),
            "rate_type": record.rate_type,
            "breakdown": [line_json(line, record.tier_type) for line in record.breakdown],
        },
        "metadata": record.metadata,
        "timestamp": record.created_at,
        "created_at": record.created_at,
        "voided_at": record.voided_at,
    }


def batch_json(outcomes: Sequence[Outcome], *, mode: str) -> dict[str, Any]:
    """The answer to a batch: for each item what it would have been answered alone."""
    return {"results": [_item_json(outcome, mode) for outcome in outcomes]}


def status_of(charged: Charged) -> int:
    """201 for a request that was recorded now, 200 for one that was recorded before."""
    return 201 if charged.created else 200


def _item_json(outcome: Outcome, mode: str) -> dict[str, Any]:
    if isinstance(outcome, LavaError):
        return {"status": outcome.status, **refusal_json(outcome)}
    return {"status": status_of(outcome), "request": request_json(outcome.record, mode=mode)}


def refusal_json(refusal: LavaError) -> dict[str, Any]:
    """The API's error object."""
    return {"error": {"message": str(refusal), "code": refusal.code, "status": refusal.status}}


def line_json(line: dict[str, str], tier_type: str) -> dict[str, Any]:
    counted: dict[str, int | Decimal] = {"tokens": 0, "characters": 0, "seconds": 0}
    counted[_COUNTED_AS[tier_type]] = number(Decimal(line["quantity"]))
    return {
        "tier": {"start": number(Decimal(line["start"])), "rate": line["rate"], "type": tier_type},
        **counted,
        "cost": line["amount"],
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else format_amount(amount)


def number(quantity: Decimal) -> int | Decimal:
    """Whole numbers without a point, others without trailing zeros."""
    whole = int(quantity)
    return whole if whole == quantity else quantity.normalize()
