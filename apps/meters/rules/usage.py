"""How much of a meter one request used.

A quantity is counted in whole tokens, whole characters, seconds, or requests. A minutes meter is priced per
minute and its tiers start at a number of minutes, but what it *counts* is seconds: 100 seconds are 1.666…
minutes, which no decimal holds exactly, so counting minutes would round before the price is known and two
requests of 100 seconds would add up to less than one of 200. Seconds add up exactly; pricing divides by 60
once, at the end.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

from apps.core.errors import LavaError

COUNT_MAX: Final = 10**15
"""The most tokens, characters or seconds one request may report in one direction."""

SECONDS_PLACES: Final = 6
"""Seconds are reported to the microsecond at most."""

ONE_REQUEST: Final = Decimal(1)


class TierType(StrEnum):
    """What a meter counts, and so what its rate is the price of."""

    TOKENS = "tokens_1m"
    CHARACTERS = "characters_1m"
    MINUTES = "minutes"
    REQUESTS = "requests"


class TokenBasis(StrEnum):
    """Which tokens of a request count. Characters and seconds always count in both directions."""

    INPUT_AND_OUTPUT = "input+output"
    OUTPUT = "output"
    INPUT = "input"


class UsageInvalid(LavaError):
    """The reported usage cannot have happened: a count is negative, endless or absurdly large."""

    code: ClassVar[str] = "usage_invalid"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request used, as measured; what was not measured is zero."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_characters: int = 0
    output_characters: int = 0
    input_seconds: Decimal = Decimal(0)
    output_seconds: Decimal = Decimal(0)

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def total_characters(self) -> int:
        return self.input_characters + self.output_characters

    @property
    def total_seconds(self) -> Decimal:
        return self.input_seconds + self.output_seconds


def validate_usage(usage: Usage) -> None:
    """Refuse usage that could not be priced exactly; the limits keep every price within `money.EXACT`.

    Raises UsageInvalid, naming the field. Edges call this once; everything behind them may rely on it.
    """
    for name in ("input_tokens", "output_tokens", "input_characters", "output_characters"):
        if not 0 <= getattr(usage, name) <= COUNT_MAX:
            raise UsageInvalid(f"{name} must be a whole number from 0 to {COUNT_MAX:,}")
    for name in ("input_seconds", "output_seconds"):
        seconds: Decimal = getattr(usage, name)
        if not seconds.is_finite() or not 0 <= seconds <= COUNT_MAX:
            raise UsageInvalid(f"{name} must be a number from 0 to {COUNT_MAX:,}")
        if seconds != round(seconds, SECONDS_PLACES):
            raise UsageInvalid(f"{name} may have at most {SECONDS_PLACES} decimal places")


def billable_quantity(usage: Usage, *, tier_type: TierType, token_basis: TokenBasis) -> Decimal:
    """The quantity of `usage` a meter counts: tokens, characters, seconds (for minutes), or 1 request.

    845 input and 412 output tokens are 1257 on the basis input+output, and 412 on output.
    """
    match tier_type:
        case TierType.TOKENS:
            return Decimal(_billable_tokens(usage, token_basis))
        case TierType.CHARACTERS:
            return Decimal(usage.total_characters)
        case TierType.MINUTES:
            return usage.total_seconds
        case TierType.REQUESTS:
            return ONE_REQUEST


def _billable_tokens(usage: Usage, token_basis: TokenBasis) -> int:
    match token_basis:
        case TokenBasis.INPUT_AND_OUTPUT:
            return usage.total_tokens
        case TokenBasis.OUTPUT:
            return usage.output_tokens
        case TokenBasis.INPUT:
            return usage.input_tokens
