"""What did this usage cost?

Cost is what the provider asks for a request, in US dollars: its own figure where it gives one, or else its
list prices. What it really bills may be less (discounts, free allowances, prepaid throughput).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from apps.providers.names import canonical_provider, provider_of_model
from apps.providers.prices import ListedModel, PartExceedsWhole, Price, Quantity, RateCard, listed_model
from apps.providers.usage import EXACT, ProviderUsage


@dataclass(frozen=True, slots=True)
class Cost:
    """What the provider asks, in US dollars, exactly; round it where it is stored.

    Input and output may add up to less than the total: searches, seconds and fees are neither. They are
    None when only the provider's own total is known.
    """

    input_cost: Decimal | None
    output_cost: Decimal | None
    total_cost: Decimal
    reported: bool
    """Whether the provider said so in its answer; otherwise the price list does."""


# What providers call the tier that the price list has no word for.
STANDARD_TIERS: Final = frozenset({"", "auto", "default", "on_demand", "standard"})

# Groq bills a transcription as ten seconds at least. https://groq.com/pricing
SECONDS_MIN: Final = {
    ("groq", "whisper-large-v3"): Decimal(10),
    ("groq", "whisper-large-v3-turbo"): Decimal(10),
}


def cost_of(*, provider: str, model: str, usage: ProviderUsage, at: datetime) -> Cost | None:
    """What `provider` asks for `usage` of `model` at a moment, or None when that is unknown.

    The provider's own figure comes first: it includes what no list can know, such as negotiated tiers,
    fees per search and the route that was taken. Without one, every model that took part must be on the
    price list, with rates for what was used; a cost is never guessed from a part of it, and never zero
    for want of a price. Without a provider, the model's name may tell who sells it.
    """
    seller = canonical_provider(provider) or provider_of_model(model)
    with localcontext(EXACT):
        price = _list_price(seller, model, usage, at)
    reported = usage.reported_cost
    if reported is not None and (price is None or price.total != reported):
        return Cost(None, None, reported, reported=True)
    if price is None:
        return None
    return Cost(price.input, price.output, price.total, reported=reported is not None)


def _list_price(provider: str, model: str, usage: ProviderUsage, at: datetime) -> Price | None:
    parts = [(part.model or model, part.usage) for part in usage.parts] or [(model, usage)]
    prices = [_price(listed_model(provider, name), used, at) for name, used in parts]
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return Price(
        input=sum((price.input for price in known), Decimal(0)),
        output=sum((price.output for price in known), Decimal(0)),
        total=sum((price.total for price in known), Decimal(0)),
    )


def _price(model: ListedModel | None, usage: ProviderUsage, at: datetime) -> Price | None:
    if model is None:
        return None
    card = model.rate_card(at=at, context=_price_context(usage))
    if not _has_rates_for(card, usage):
        return None
    try:
        return card.price(_quantities(usage, model))
    except PartExceedsWhole:
        # The totals may be right and are charged; which rate they are bought at cannot be told.
        return None


def _price_context(usage: ProviderUsage) -> dict[str, str]:
    """What else a price depends on, in the price list's words."""
    context = {}
    if usage.service_tier == "batch":
        context["processing"] = "batch"
    elif usage.service_tier not in STANDARD_TIERS:
        context["service_tier"] = usage.service_tier
    if usage.speed == "fast":
        context["speed"] = "fast"
    return context


def _has_rates_for(card: RateCard, usage: ProviderUsage) -> bool:
    """Whether the card prices what was used, so that nothing used is taken for free.

    Tokens, characters and seconds can measure the same content: a rate for one of them will do. A search is
    always extra.
    """
    if "requests" in card.units:
        return True  # The fee per request is for the searches.
    if usage.web_searches and "web_searches" not in card.units:
        return False
    if usage.file_searches and "storage_searches" not in card.units:
        return False
    measures = (
        (usage.total_tokens, {"input_tokens", "output_tokens"}),
        (usage.input_characters, {"input_characters"}),
        (usage.input_seconds + usage.output_seconds, {"audio_seconds"}),
        (usage.pages, {"input_document_pages"}),
        (usage.search_units, {"rerank_searches"}),
    )
    used = [units for quantity, units in measures if quantity]
    return bool(card.units) and (not used or any(units & card.units for units in used))


def _quantities(usage: ProviderUsage, model: ListedModel) -> dict[str, Quantity]:
    """The usage in the price list's units."""
    seconds_min = SECONDS_MIN.get((model.provider_id, model.model_id), Decimal(0))
    input_seconds = usage.input_seconds and max(usage.input_seconds, seconds_min)
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "input_audio_tokens": usage.input_audio_tokens,
        "input_image_tokens": usage.input_image_tokens,
        "input_video_tokens": usage.input_video_tokens,
        "cache_audio_read_tokens": usage.cache_read_audio_tokens,
        "cache_image_read_tokens": usage.cache_read_image_tokens,
        "cache_video_read_tokens": usage.cache_read_video_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "output_citation_tokens": usage.citation_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
        "output_image_tokens": usage.output_image_tokens,
        "output_video_tokens": usage.output_video_tokens,
        "input_characters": usage.input_characters,
        "audio_seconds": input_seconds + usage.output_seconds,
        "input_audio_seconds": input_seconds,
        "output_audio_seconds": usage.output_seconds,
        "input_document_pages": usage.pages,
        "rerank_searches": usage.search_units,
        "web_searches": usage.web_searches,
        "storage_searches": usage.file_searches,
        "requests": 1,
    }
