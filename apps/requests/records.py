"""What passes through a charge: usage as it is reported, and the request as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.core.public_ids import Id
from apps.merchants.models import Merchant
from apps.meters.rules.usage import Usage


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """What the provider asks for a request; the two sides are None when only the total is known."""

    total: Decimal
    input: Decimal | None = None
    output: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Usage that has happened. `customer` is an id of ours or the merchant's `reference_id`."""

    merchant: Merchant
    request_id: str
    customer: str
    meter_slug: str
    usage: Usage
    cost: ProviderCost | None = None  # None: not known, which is not zero
    provider: str = ""
    model: str = ""
    response_id: str = ""
    endpoint: str = ""
    provider_key_type: str = "unmanaged"
    metadata: dict[str, str] | None = None


@dataclass(slots=True)
class RequestRecord:
    """A charged request, with the names of `MeteredRequest`'s columns."""

    id: Id
    merchant_id: Id
    customer_id: Id
    request_id: str
    meter_id: Id
    rate_id: Id
    cycle_id: Id
    status: str
    provider: str
    provider_key_type: str
    model: str
    endpoint: str
    response_id: str
    input_tokens: int
    output_tokens: int
    input_characters: int
    output_characters: int
    input_seconds: Decimal
    output_seconds: Decimal
    currency: str
    input_cost: Decimal | None
    output_cost: Decimal | None
    cost: Decimal | None
    charge: Decimal
    used_before: Decimal
    quantity: Decimal
    breakdown: list[dict[str, Any]]
    balance_before: Decimal
    balance_after: Decimal
    first_entry_seq: int
    entry_count: int
    metadata: dict[str, str]
    created_at: datetime
    voided_at: datetime | None
    # Of its meter, which never change: what the API says beside the charge.
    rate_type: str
    tier_type: str

    def repeats(self, report: Report, customer_id: Id, meter_id: Id) -> bool:
        """Whether `report` says the same again: the customer, the meter and what was used and paid for."""
        usage, cost = report.usage, report.cost
        return (
            self.customer_id == customer_id
            and self.meter_id == meter_id
            and self.input_tokens == usage.input_tokens
            and self.output_tokens == usage.output_tokens
            and self.input_characters == usage.input_characters
            and self.output_characters == usage.output_characters
            and self.input_seconds == usage.input_seconds
            and self.output_seconds == usage.output_seconds
            and self.cost == (None if cost is None else cost.total)
            and self.provider == report.provider
            and self.model == report.model
        )
