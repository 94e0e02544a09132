"""What usage costs: list prices worked out by hand, and what the provider says itself."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers import Cost, ProviderUsage, cost_of, read_response

Transcript = Callable[[str], dict[str, Any]]

NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


def total(provider: str, model: str, usage: ProviderUsage, *, at: datetime = NOVEMBER) -> Decimal | None:
    cost = cost_of(provider=provider, model=model, usage=usage, at=at)
    return None if cost is None else cost.total_cost


def test_plain_token_counts_are_priced() -> None:
    """845 input tokens at $2.50 and 412 output tokens at $10 per million."""
    usage = ProviderUsage(input_tokens=845, output_tokens=412)

    cost = cost_of(provider="openai", model="gpt-4o", usage=usage, at=NOVEMBER)

    assert cost == Cost(Decimal("0.0021125"), Decimal("0.00412"), Decimal("0.0062325"), reported=False)


def test_cached_tokens_are_priced_once_at_their_own_rate() -> None:
    """gpt-4o reads its cache for $1.25 per million: 400 x 1.25 + 600 x 2.50."""
    usage = ProviderUsage(input_tokens=1000, cache_read_tokens=400)

    assert total("openai", "gpt-4o", usage) == Decimal("0.0005") + Decimal("0.0015")


def test_a_cache_write_for_an_hour_costs_twice_the_input() -> None:
    """claude-sonnet-4-6 at $3: five minutes cost $3.75 and an hour $6 per million."""
    five_minutes = ProviderUsage(input_tokens=1_000_000, cache_write_tokens=1_000_000)
    an_hour = ProviderUsage(input_tokens=1_000_000, cache_write_tokens=1_000_000, cache_write_1h_tokens=1_000_000)

    assert total("anthropic", "claude-sonnet-4-6", five_minutes) == Decimal("3.75")
    assert total("anthropic", "claude-sonnet-4-6", an_hour) == Decimal(6)


def test_a_long_prompt_costs_more_for_every_token() -> None:
    """Before 13 March 2026 claude-sonnet-4-6 doubled its input price beyond 200,000 tokens."""
    february = datetime(2026, 2, 1, tzinfo=UTC)
    short, long = ProviderUsage(input_tokens=200_000), ProviderUsage(input_tokens=200_001)

    assert total("anthropic", "claude-sonnet-4-6", short, at=february) == Decimal("0.6")
    assert total("anthropic", "claude-sonnet-4-6", long, at=february) == Decimal("1.200006")
    assert total("anthropic", "claude-sonnet-4-6", long) == Decimal("0.600003")


def test_the_hour_decides_where_prices_have_a_peak() -> None:
    """deepseek-v4-flash costs $0.15 per million, and $0.30 between 06:00 and 10:00 UTC."""
    usage = ProviderUsage(input_tokens=1_000_000)

    quiet, peak = NOVEMBER.replace(hour=12), NOVEMBER.replace(hour=7)

    assert total("deepseek", "deepseek-v4-flash", usage, at=quiet) == Decimal("0.15")
    assert total("deepseek", "deepseek-v4-flash", usage, at=peak) == Decimal("0.3")


@pytest.mark.parametrize(
    ("provider", "model", "usage", "cost"),
    [
        ("openai", "gpt-4o", {"service_tier": "default"}, "2.5"),
        ("openai", "gpt-4o", {"service_tier": "priority"}, "4.25"),
        ("openai", "gpt-4o", {"service_tier": "a tier nobody lists"}, "2.5"),
        ("anthropic", "claude-sonnet-4-6", {"service_tier": "standard"}, "3"),
        ("anthropic", "claude-sonnet-4-6", {"service_tier": "batch"}, "1.5"),
        ("anthropic", "claude-opus-5", {"speed": "fast"}, "10"),
        ("azure", "gpt-4o", {"service_tier": "priority"}, "2.5"),
    ],
)
def test_the_service_tier_decides(provider: str, model: str, usage: dict[str, Any], cost: str) -> None:
    assert total(provider, model, ProviderUsage(input_tokens=1_000_000, **usage)) == Decimal(cost)


def test_searches_are_priced_beside_the_tokens(transcript: Transcript) -> None:
    """16,083 x $3 and 165 x $15 per million, and one search for a cent."""
    read = read_response(transcript("anthropic_web_search"))

    cost = cost_of(provider=read.provider, model=read.model, usage=read.usage, at=NOVEMBER)

    assert cost == Cost(Decimal("0.048249"), Decimal("0.002475"), Decimal("0.060724"), reported=False)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "cost"),
    [
        ("openai", "tts-1", ProviderUsage(input_characters=2_000), "0.03"),
        ("openai", "whisper-1", ProviderUsage(input_seconds=Decimal(90)), "0.009"),
        ("groq", "whisper-large-v3", ProviderUsage(input_seconds=Decimal(3600)), "0.111"),
        ("mistral", "mistral-ocr-2512", ProviderUsage(pages=500), "1"),
        ("voyage", "voyage-3.5", ProviderUsage(input_tokens=1_000_000), "0.06"),
    ],
)
def test_characters_seconds_and_pages_are_priced(provider: str, model: str, usage: ProviderUsage, cost: str) -> None:
    assert total(provider, model, usage) == Decimal(cost)


def test_groq_bills_ten_seconds_at_least() -> None:
    def seconds(count: int) -> Decimal | None:
        return total("groq", "whisper-large-v3", ProviderUsage(input_seconds=Decimal(count)))

    assert seconds(1) == seconds(10) != seconds(11)
    assert seconds(0) == 0


# Unknown is unknown, never zero


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99-imaginary"),
        ("a new provider", "gpt-4o"),
        ("", "llama-3.3-70b"),
        ("openai", ""),
        ("", ""),
        ("ollama", "gpt-oss:20b"),
    ],
)
def test_an_unknown_model_leaves_the_cost_unknown(provider: str, model: str) -> None:
    assert total(provider, model, ProviderUsage(input_tokens=10)) is None


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("cerebras", "qwen-3-coder-480b", ProviderUsage(input_tokens=10)),
        ("openai", "whisper-1", ProviderUsage(input_tokens=10)),
        ("openai", "gpt-4o", ProviderUsage(input_seconds=Decimal(10))),
        ("cohere", "command-r-plus", ProviderUsage(search_units=1)),
        ("bedrock", "us.anthropic.claude-sonnet-4-6", ProviderUsage(input_tokens=10, web_searches=1)),
    ],
    ids=["listed without prices", "tokens of audio", "audio of text", "reranking", "searches"],
)
def test_usage_without_a_rate_leaves_the_cost_unknown(provider: str, model: str, usage: ProviderUsage) -> None:
    assert total(provider, model, usage) is None


def test_usage_that_contradicts_itself_has_no_list_price() -> None:
    assert total("openai", "gpt-4o", ProviderUsage(input_tokens=10, cache_read_tokens=11)) is None


def test_no_usage_costs_nothing() -> None:
    assert total("openai", "gpt-4o", ProviderUsage()) == 0


QUANTITY = st.integers(0, 10**15)
NAMES = st.text(max_size=40)


@given(
    provider=st.sampled_from(["openai", "google", "anthropic", "groq", "perplexity", ""]) | NAMES,
    model=st.sampled_from(["gpt-4o", "gemini-2.5-flash", "claude-sonnet-4-6", "whisper-large-v3"]) | NAMES,
    usage=st.builds(
        ProviderUsage,
        input_tokens=QUANTITY,
        output_tokens=QUANTITY,
        cache_read_tokens=QUANTITY,
        input_audio_tokens=QUANTITY,
        reasoning_tokens=QUANTITY,
        web_searches=QUANTITY,
        service_tier=NAMES,
    ),
)
def test_a_cost_is_unknown_or_at_least_zero(provider: str, model: str, usage: ProviderUsage) -> None:
    cost = total(provider, model, usage)

    assert cost is None or (cost.is_finite() and cost >= 0)


# Whose price


def test_a_model_is_priced_by_the_provider_that_served_it() -> None:
    usage = ProviderUsage(input_tokens=1_000_000)

    assert total("groq", "openai/gpt-oss-120b", usage) != total("cerebras", "gpt-oss-120b", usage)


def test_aliases_and_a_telling_model_name_find_the_same_price() -> None:
    usage = ProviderUsage(input_tokens=1_000, output_tokens=50)
    names = ("google", "Gemini", "google-gla", "vertex_ai", "google.generative-ai", "")

    assert len({total(name, "gemini-2.5-flash", usage) for name in names}) == 1
    assert total("", "models/gemini-2.5-flash", usage) == total("google", "gemini-2.5-flash", usage)


def test_every_model_that_took_part_is_paid_its_own_price(transcript: Transcript) -> None:
    """claude-sonnet-5 at $2/$10 asked claude-opus-4-8 at $5/$25 for advice."""
    read = read_response(transcript("anthropic_advisor"))

    answer = Decimal(2390 * 2 + 121 * 10) / 1_000_000
    advice = Decimal(2518 * 5 + 22 * 25) / 1_000_000
    assert total("anthropic", read.model, read.usage) == answer + advice


def test_a_part_without_a_price_leaves_the_whole_unknown(transcript: Transcript) -> None:
    read = read_response(transcript("groq_compound"))
    assert any(part.usage.web_searches for part in read.usage.parts)

    assert total("groq", read.model, read.usage) is None


# What the provider says


def test_the_providers_own_figure_comes_first(transcript: Transcript) -> None:
    read = read_response(transcript("openrouter_byok"))

    cost = cost_of(provider=read.provider, model=read.model, usage=read.usage, at=NOVEMBER)

    assert cost is not None
    assert (cost.total_cost, cost.reported) == (Decimal("0.0003253"), True)


def test_the_providers_own_figure_needs_no_price_list() -> None:
    usage = ProviderUsage(input_tokens=10, reported_cost=Decimal("0.001"))

    cost = cost_of(provider="openrouter", model="brand/new", usage=usage, at=NOVEMBER)

    assert cost == Cost(None, None, Decimal("0.001"), reported=True)


def test_a_figure_the_price_list_agrees_with_is_split_like_the_list() -> None:
    usage = ProviderUsage(input_tokens=1_000, output_tokens=100, reported_cost=Decimal("0.0035"))

    cost = cost_of(provider="openai", model="gpt-4o", usage=usage, at=NOVEMBER)

    assert cost == Cost(Decimal("0.0025"), Decimal("0.001"), Decimal("0.0035"), reported=True)


def test_a_figure_of_zero_is_believed() -> None:
    usage = ProviderUsage(input_tokens=1_000, reported_cost=Decimal(0))

    assert total("openai", "gpt-4o", usage) == 0
