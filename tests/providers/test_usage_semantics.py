"""The traps in what providers count: each has cost somebody money, and each is a test."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.providers import ProviderUsage, UsageUnreadable, read_response

Transcript = Callable[[str], dict[str, Any]]


def chat(*, model: str = "some-model", **usage: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "model": model, "choices": [], "usage": usage}


def usage_of(response: dict[str, Any]) -> ProviderUsage:
    return read_response(response).usage


def test_an_explicit_zero_is_not_missing() -> None:
    assert usage_of(chat(prompt_tokens=0, completion_tokens=0, total_tokens=0)) == ProviderUsage()
    assert usage_of({"data": [], "usage": {"total_tokens": 0}}) == ProviderUsage()


def test_a_missing_count_is_refused_and_not_taken_for_zero() -> None:
    with pytest.raises(UsageUnreadable, match=r"usage\.completion_tokens is missing"):
        read_response(chat(prompt_tokens=12))


def test_an_answer_that_has_not_finished_has_no_usage(transcript: Transcript) -> None:
    with pytest.raises(UsageUnreadable, match="usage is empty or in no shape we know: looked for usage,"):
        read_response(transcript("openai_responses_queued"))


def test_a_blocked_prompt_reports_no_tokens(transcript: Transcript) -> None:
    with pytest.raises(UsageUnreadable, match="usageMetadata counts no tokens"):
        read_response(transcript("gemini_blocked"))


# Cached tokens: inside or outside the input


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 80}},
        {"prompt_cache_hit_tokens": 80, "prompt_cache_miss_tokens": 20},
        {"cached_tokens": 80},
        {"cache_read_input_tokens": 80},
    ],
    ids=["openai", "deepseek", "moonshot", "databricks"],
)
def test_chat_completions_count_cached_tokens_inside_the_prompt(cached: dict[str, Any]) -> None:
    usage = usage_of(chat(prompt_tokens=100, completion_tokens=5, total_tokens=105, **cached))

    assert (usage.input_tokens, usage.cache_read_tokens) == (100, 80)


def test_a_cache_that_the_total_adds_to_the_prompt_is_outside_of_it() -> None:
    usage = usage_of(
        chat(
            prompt_tokens=10,
            completion_tokens=5,
            total_tokens=1015,
            prompt_tokens_details={"cached_tokens": 1000},
        )
    )

    assert (usage.input_tokens, usage.cache_read_tokens) == (1010, 1000)


def test_mistral_gives_no_discount_for_what_its_engine_remembers(transcript: Transcript) -> None:
    answer = transcript("mistral_chat")
    assert answer["usage"]["num_cached_tokens"] == 32

    assert usage_of(answer).cache_read_tokens == 0


def test_anthropic_counts_cached_tokens_outside_the_input(transcript: Transcript) -> None:
    answer = transcript("anthropic_on_bedrock")
    assert answer["usage"]["input_tokens"] == 3

    assert usage_of(answer).input_tokens == 3 + 1956 + 9511


def test_anthropic_keeps_some_cache_writes_for_an_hour() -> None:
    usage = usage_of(
        {
            "type": "message",
            "model": "claude-sonnet-4-6",
            "usage": {
                "input_tokens": 2048,
                "cache_read_input_tokens": None,
                "cache_creation_input_tokens": 556,
                "cache_creation": {"ephemeral_5m_input_tokens": 456, "ephemeral_1h_input_tokens": 100},
                "output_tokens": 503,
            },
        }
    )

    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (556, 100)
    assert usage.input_tokens == 2048 + 556


def test_converse_counts_cached_tokens_outside_the_input(transcript: Transcript) -> None:
    answer = transcript("bedrock_converse_cache_read")

    assert usage_of(answer).total_tokens == answer["usage"]["totalTokens"] == 3201


def test_converse_says_which_cache_writes_live_for_an_hour() -> None:
    details = [{"ttl": "1h", "inputTokens": 30}, {"ttl": "5m", "inputTokens": 70}]
    counts = {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 100, "cacheDetails": details}

    usage = usage_of({"output": {}, "usage": counts})

    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (100, 30)


def test_cohere_bills_its_units_and_not_all_tokens(transcript: Transcript) -> None:
    answer = transcript("cohere_chat")
    assert answer["usage"]["tokens"]["input_tokens"] == 2935

    assert usage_of(answer) == ProviderUsage(input_tokens=2406, output_tokens=2)


# Reasoning: inside or outside the output


def test_reasoning_is_inside_the_completion_when_the_total_says_so() -> None:
    usage = usage_of(
        chat(
            prompt_tokens=20,
            completion_tokens=120,
            total_tokens=140,
            completion_tokens_details={"reasoning_tokens": 111},
        )
    )

    assert (usage.output_tokens, usage.reasoning_tokens) == (120, 111)


def test_xai_counts_reasoning_outside_the_completion() -> None:
    usage = usage_of(
        chat(
            model="grok-4",
            prompt_tokens=32,
            completion_tokens=9,
            total_tokens=135,
            completion_tokens_details={"reasoning_tokens": 94},
        )
    )

    assert (usage.output_tokens, usage.reasoning_tokens) == (9 + 94, 94)


def test_reasoning_larger_than_the_completion_cannot_be_inside_of_it() -> None:
    usage = usage_of(chat(prompt_tokens=32, completion_tokens=9, completion_tokens_details={"reasoning_tokens": 94}))

    assert usage.output_tokens == 103


def test_gemini_bills_thoughts_beside_the_candidates(transcript: Transcript) -> None:
    answer = transcript("gemini_tools")
    assert answer["usageMetadata"]["candidatesTokenCount"] == 53

    usage = usage_of(answer)

    assert usage.output_tokens == 53 + 173
    assert usage.total_tokens == answer["usageMetadata"]["totalTokenCount"]


def test_gemini_in_openai_shape_hides_thoughts_in_the_total(transcript: Transcript) -> None:
    answer = transcript("google_openai_chat")
    assert answer["usage"] == {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}

    assert usage_of(answer).output_tokens == 109 - 35


def test_perplexity_bills_reasoning_and_citations_beside_the_completion() -> None:
    usage = usage_of(
        chat(
            model="sonar-deep-research",
            prompt_tokens=33,
            completion_tokens=7163,
            total_tokens=7196,
            citation_tokens=20016,
            num_search_queries=19,
            reasoning_tokens=193803,
            cost={"total_cost": Decimal("0.774")},
        )
    )

    assert usage.output_tokens == 7163 + 20016 + 193803
    assert (usage.reasoning_tokens, usage.citation_tokens, usage.web_searches) == (193803, 20016, 19)
    assert usage.reported_cost == Decimal("0.774")


# What stands beside the usage


def test_anthropic_leaves_compaction_out_of_its_totals(transcript: Transcript) -> None:
    answer = transcript("anthropic_compaction")
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (229, 5)

    usage = usage_of(answer)

    assert usage.input_tokens == 229 + 100 + 55096
    assert usage.output_tokens == 5 + 131
    assert [part.model for part in usage.parts] == ["", ""]


def test_anthropic_leaves_the_advice_of_another_model_out_of_its_totals(transcript: Transcript) -> None:
    usage = usage_of(transcript("anthropic_advisor"))

    assert (usage.input_tokens, usage.output_tokens) == (2390 + 2518, 121 + 22)
    assert [(part.model, part.usage.total_tokens) for part in usage.parts] == [
        ("", 2390 + 121),
        ("claude-opus-4-8", 2518 + 22),
    ]


def test_a_groq_compound_system_splits_over_the_models_behind_it(transcript: Transcript) -> None:
    usage = usage_of(transcript("groq_compound"))

    assert (usage.input_tokens, usage.output_tokens) == (14100, 921)
    assert {part.model for part in usage.parts} == {
        "meta-llama/llama-4-scout-17b-16e-instruct",
        "openai/gpt-oss-120b",
        "",
    }
    assert sum(part.usage.total_tokens for part in usage.parts) == usage.total_tokens


def test_openai_leaves_the_image_tool_out_of_its_usage() -> None:
    usage = usage_of(
        {
            "object": "response",
            "model": "gpt-5",
            "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
            "usage": {"input_tokens": 100, "output_tokens": 20},
            "tool_usage": {
                "image_gen": {
                    "input_tokens": 50,
                    "output_tokens": 1568,
                    "output_tokens_details": {"image_tokens": 1568},
                    "total_tokens": 1618,
                },
                "web_search": {"num_requests": 0},
            },
        }
    )

    assert (usage.input_tokens, usage.output_tokens, usage.output_image_tokens) == (150, 1588, 1568)
    assert [part.model for part in usage.parts] == ["", "gpt-image-1"]


def test_openai_bills_a_search_and_not_the_opening_of_a_page(transcript: Transcript) -> None:
    answer = transcript("openai_responses_web_search")
    calls = [item for item in answer["output"] if item["type"] == "web_search_call"]
    assert len(calls) == 9

    assert usage_of(answer).web_searches == 7


def test_google_bills_a_grounded_answer_once_and_since_gemini_3_each_query(transcript: Transcript) -> None:
    answer = transcript("gemini_grounded")
    assert len(answer["candidates"][0]["groundingMetadata"]["webSearchQueries"]) == 2
    assert usage_of(answer).web_searches == 1

    answer["modelVersion"] = "gemini-3-flash-preview"
    answer["candidates"][0]["groundingMetadata"]["webSearchQueries"] += ["", "current time in San Francisco"]
    assert usage_of(answer).web_searches == 2


def test_image_output_has_its_own_rate_where_the_answer_does_not_break_it_down() -> None:
    usage = usage_of(
        {
            "created": 1713833628,
            "data": [{"b64_json": "…"}],
            "usage": {
                "input_tokens": 50,
                "output_tokens": 1568,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            },
        }
    )

    assert (usage.input_image_tokens, usage.output_image_tokens) == (40, 1568)


def test_what_a_price_depends_on_is_kept(transcript: Transcript) -> None:
    assert usage_of(transcript("vertex_flex")).service_tier == "flex"
    fast = {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard", "speed": "fast"}
    assert usage_of({"type": "message", "usage": fast}).speed == "fast"


def test_googles_python_client_dumps_the_same_answer_in_snake_case() -> None:
    metadata = {
        "prompt_token_count": 7,
        "candidates_token_count": 3,
        "thoughts_token_count": None,
        "prompt_tokens_details": [{"modality": "AUDIO", "token_count": 5}],
    }

    read = read_response({"model_version": "gemini-2.5-flash", "usage_metadata": metadata})

    assert read.model == "gemini-2.5-flash"
    assert read.usage == ProviderUsage(input_tokens=7, output_tokens=3, input_audio_tokens=5)


# What the provider says it costs


def test_xai_reports_its_cost_in_ticks() -> None:
    usage = usage_of(chat(prompt_tokens=1, completion_tokens=1, cost_in_usd_ticks=37756000))

    assert usage.reported_cost == Decimal("0.0037756")


def test_openrouter_with_the_merchants_own_key_reports_only_its_fee(transcript: Transcript) -> None:
    answer = transcript("openrouter_byok")
    assert answer["usage"]["cost"] == 0

    assert usage_of(answer).reported_cost == Decimal("0.0003253")


def test_a_reported_cost_of_zero_is_a_cost() -> None:
    free = chat(prompt_tokens=1, completion_tokens=1, cost=0, is_byok=False)

    assert usage_of(free).reported_cost == 0


def test_a_bare_cost_is_in_no_known_currency() -> None:
    usage = usage_of(chat(prompt_tokens=1, completion_tokens=1, cost=Decimal("0.7")))

    assert usage.reported_cost is None
