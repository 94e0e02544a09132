"""How the lines of a charge are written down, so that anybody can check the sum: "1,300 x $5.00 / 1M"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.core import display
from apps.meters.rules.pricing import Line, PercentageOf, Price, RateType, TierMode
from apps.meters.rules.usage import TierType

COUNTED: Final = {
    TierType.TOKENS: "tokens",
    TierType.CHARACTERS: "characters",
    TierType.MINUTES: "seconds",
    TierType.REQUESTS: "requests",
}
PER: Final = {
    TierType.TOKENS: " / 1M",
    TierType.CHARACTERS: " / 1M",
    TierType.MINUTES: " / 60",
    TierType.REQUESTS: "",
}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line: the units it is about, the sum, and what it comes to."""

    units: str
    sum: str
    amount: Decimal


def shown_lines(price: Price, lines: Sequence[Line], *, used_before: Decimal, currency: str) -> list[ShownLine]:
    """The lines of a charge that began at `used_before` of its cycle.

    `tokens 998,700 to 1,000,000` and `1,300 x $5.00 / 1M`; of a percentage meter `20 % on top of the cost`.
    """
    shown, position = [], used_before
    for line in lines:
        shown.append(ShownLine(_units(price, line, position), _sum(price, line, currency), line.amount))
        position += line.quantity
    return shown


def lines_from_json(stored: Iterable[dict[str, Any]]) -> tuple[Line, ...]:
    """The lines that a request keeps."""
    return tuple(
        Line(
            start=Decimal(line["start"]),
            rate=Decimal(line["rate"]),
            quantity=Decimal(line["quantity"]),
            amount=Decimal(line["amount"]),
        )
        for line in stored
    )


def _units(price: Price, line: Line, position: Decimal) -> str:
    counted = COUNTED[price.tier_type]
    if price.tier_mode is TierMode.VOLUME:
        return f"{display.quantity(line.quantity)} {counted}, all at one tier"
    if position == 0 and len(price.tiers) == 1:
        return f"{display.quantity(line.quantity)} {counted}"
    return f"{counted} {display.quantity(position)} to {display.quantity(position + line.quantity)}"


def _sum(price: Price, line: Line, currency: str) -> str:
    quantity = display.quantity(line.quantity)
    if price.rate_type is RateType.FIXED:
        return f"{quantity} {display.TIMES} {display.rate(line.rate, currency)}{PER[price.tier_type]}"
    percent = f"{display.quantity(line.rate)} %"
    if price.percentage_of is PercentageOf.MARKUP:
        return f"cost + {percent}"
    return f"{percent} of the cost"
