"""Our arithmetic against the price list's own, for every model on it."""

from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.prices import ListedModel, PartExceedsWhole, Quantity, listed_model
from apps.providers.usage import EXACT

LISTED: list[tuple[Provider, ModelInfo]] = [
    (provider, model) for provider in get_snapshot().providers for model in provider.models
]
DATES = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
CONTEXTS = st.sampled_from(
    [{}, {"service_tier": "flex"}, {"service_tier": "priority"}, {"processing": "batch"}, {"speed": "fast"}]
)
PARTS = st.integers(0, 500_000)


@st.composite
def quantities(draw: st.DrawFn) -> dict[str, Quantity]:
    """Usage whose parts fit into their wholes."""
    part = {name: draw(PARTS) for name in ("text", "audio", "image", "cached", "cached_audio", "written", "written_1h")}
    output = {name: draw(PARTS) for name in ("text", "audio", "image", "reasoning")}
    seconds = Decimal(draw(st.integers(0, 10**7))) / 1000
    return {
        "input_tokens": sum(part.values()),
        "cache_read_tokens": part["cached"] + part["cached_audio"],
        "cache_write_tokens": part["written"] + part["written_1h"],
        "cache_write_1h_tokens": part["written_1h"],
        "input_audio_tokens": part["audio"] + part["cached_audio"],
        "input_image_tokens": part["image"],
        "input_video_tokens": 0,
        "cache_audio_read_tokens": part["cached_audio"],
        "cache_image_read_tokens": 0,
        "cache_video_read_tokens": 0,
        "output_tokens": sum(output.values()),
        "output_audio_tokens": output["audio"],
        "output_image_tokens": output["image"],
        "output_video_tokens": 0,
        "output_reasoning_tokens": output["reasoning"],
        "output_citation_tokens": 0,
        "input_characters": draw(PARTS),
        "audio_seconds": seconds,
        "input_audio_seconds": seconds,
        "output_audio_seconds": Decimal(0),
        "input_document_pages": draw(PARTS),
        "web_searches": draw(st.integers(0, 100)),
        "storage_searches": draw(st.integers(0, 100)),
        "requests": 1,
    }


@settings(max_examples=500, deadline=None)
@given(listed=st.sampled_from(LISTED), quantities=quantities(), at=DATES, context=CONTEXTS)
def test_a_rate_card_prices_as_the_price_list_does(
    listed: tuple[Provider, ModelInfo],
    quantities: dict[str, Quantity],
    at: datetime,
    context: dict[str, str],
) -> None:
    provider, model = listed
    reported = {unit: quantity for unit, quantity in quantities.items() if unit != "requests"}

    with localcontext(EXACT):
        price = (
            ListedModel(provider, model)
            .rate_card(at=at, context=context)
            .price(quantities | ten_seconds_at_least(provider, model, quantities))
        )
        oracle = model.calc_price(Usage(**reported), provider, genai_request_timestamp=at, price_context=context)

    assert (price.input, price.output, price.total) == (
        oracle.input_price,
        oracle.output_price,
        oracle.total_price,
    )


def ten_seconds_at_least(provider: Provider, model: ModelInfo, quantities: dict[str, Quantity]) -> dict[str, Quantity]:
    """The list applies Groq's minimum to the quantity; for us that is `costs`, not the rate card."""
    if provider.id != "groq" or not model.id.startswith("whisper-large-v3") or not quantities["audio_seconds"]:
        return {}
    seconds = max(quantities["audio_seconds"], Decimal(10))
    return {"audio_seconds": seconds, "input_audio_seconds": seconds}


def test_a_part_larger_than_its_whole_is_refused() -> None:
    model = listed_model("openai", "gpt-4o")
    assert model is not None
    card = model.rate_card(at=datetime(2026, 11, 20, tzinfo=UTC), context={})

    with pytest.raises(PartExceedsWhole, match="input_tokens"):
        card.price({"input_tokens": 10, "cache_read_tokens": 11})


def test_what_is_remembered_about_names_from_outside_is_bounded() -> None:
    listed_model.cache_clear()
    for number in range(5_000):
        listed_model("openai", f"gpt-4o-{number}")

    info = listed_model.cache_info()
    assert info.maxsize is not None
    assert info.currsize <= info.maxsize
