"""How much of a provider's service did one request use?

`ProviderUsage` counts as a customer would: everything the model was given is input, cached or not, and
everything it produced is output, reasoning included. The other token fields say how much of those totals
is priced differently; they never add to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import ClassVar, Final

QUANTITY_MAX: Final = 10**15
"""The most of anything that one request may use; a larger number is a mistake or an attack."""

EXACT: Final = Context(prec=100, rounding=ROUND_HALF_EVEN)
"""Holds every product and sum of quantities and prices without rounding, whatever the caller's context."""


class UsageUnreadable(ValueError):
    """A provider's answer says nothing about usage, or says something no usage can be."""

    code: ClassVar[str] = "usage_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUsage:
    """What one request used, in the provider's own count.

    Every quantity is between zero and `QUANTITY_MAX`; anything else raises `UsageUnreadable`.
    """

    input_tokens: int = 0
    output_tokens: int = 0

    # Within input_tokens.
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0  # within cache_write_tokens
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    input_video_tokens: int = 0
    cache_read_audio_tokens: int = 0  # within cache_read_tokens and input_audio_tokens, and so on
    cache_read_image_tokens: int = 0
    cache_read_video_tokens: int = 0

    # Within output_tokens.
    reasoning_tokens: int = 0
    citation_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    output_video_tokens: int = 0

    # Not tokens.
    input_characters: int = 0
    output_characters: int = 0
    input_seconds: Decimal = Decimal(0)
    output_seconds: Decimal = Decimal(0)
    pages: int = 0
    search_units: int = 0  # Cohere's unit of reranking
    web_searches: int = 0
    file_searches: int = 0

    reported_cost: Decimal | None = None
    """What the provider itself says the request costs, in US dollars; None when it does not say."""

    service_tier: str = ""
    """The tier the provider served the request at, in its own word: `flex`, `priority`, `batch`…"""

    speed: str = ""
    """`fast` when the provider charged for faster output (Anthropic)."""

    parts: tuple[ModelUsage, ...] = ()
    """How the totals split over models, when more than the answering one was at work; else empty."""

    def __post_init__(self) -> None:
        for name in QUANTITIES:
            if not 0 <= getattr(self, name) <= QUANTITY_MAX:
                raise UsageUnreadable(f"{name} is not between 0 and {QUANTITY_MAX:,}")

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """One model's share of a request; an empty `model` is the one that answered."""

    model: str
    usage: ProviderUsage


QUANTITIES: Final = tuple(field.name for field in fields(ProviderUsage) if field.type in ("int", "Decimal"))


def usage_of_parts(parts: Sequence[ModelUsage]) -> ProviderUsage:
    """Add up the shares of several models; what is no quantity is said about the first, which answered."""
    totals = {name: sum(getattr(part.usage, name) for part in parts) for name in QUANTITIES}
    return replace(parts[0].usage, **totals, parts=tuple(parts))
