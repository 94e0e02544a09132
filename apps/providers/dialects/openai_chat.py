"""Chat completions: OpenAI's shape, which some thirty providers answer in, with differences in what counts.

    {"choices": …, "usage": {"prompt_tokens": 976, "completion_tokens": 61, "total_tokens": 1037,
     "prompt_tokens_details": {"cached_tokens": 896}, "completion_tokens_details": {"reasoning_tokens": 25}}}

Cached tokens are normally inside the prompt and reasoning inside the completion. Where a provider counts
them outside, the arithmetic says so: they are what the total has beyond prompt and completion, or they
are larger than what they should be inside of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from apps.providers.dialects.embeddings import is_embeddings
from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.reported_costs import reported_cost
from apps.providers.usage import ModelUsage, ProviderUsage

# Beside prompt_tokens_details.cached_tokens: DeepSeek; Moonshot and Together; Databricks; older xAI.
# Mistral's num_cached_tokens is not among them: it counts what its engine remembers, at no discount.
CACHE_READS: Final = (
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cached_prompt_text_tokens",
)

# What only Perplexity reports. Its reasoning and citations are outside the completion and the total.
PERPLEXITY_MARKS: Final = ("num_search_queries", "search_context_size", "citation_tokens")


# What only one provider puts into the answer, or into its usage.
ANSWER_MARKS: Final = {"x_groq": "groq", "prompt_filter_results": "azure", "time_info": "cerebras"}
USAGE_MARKS: Final = {"cost_in_usd_ticks": "xai"} | dict.fromkeys(PERPLEXITY_MARKS, "perplexity")


def is_openai_chat(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "prompt_tokens" in usage and not is_embeddings(response, usage)


@reads("openai_chat", when=is_openai_chat)
def read(response: Fields) -> Answer:
    answer = _usage(response)
    return Answer(
        usage=replace(answer, parts=_parts(response, answer)) if response.has("usage_breakdown") else answer,
        model=response.text("model"),
        response_id=response.text("id"),
        provider=_served_by(response),
    )


def _usage(response: Fields) -> ProviderUsage:
    usage = response.nested("usage")
    given, made = usage.nested("prompt_tokens_details"), usage.nested("completion_tokens_details")
    prompt, completion = usage.required_count("prompt_tokens"), usage.required_count("completion_tokens")
    left_out = max(usage.count("total_tokens") - prompt - completion, 0)

    read_back = given.count("cached_tokens") if given.has("cached_tokens") else usage.count(*CACHE_READS)
    written = given.count("cache_write_tokens")
    citations = usage.count("citation_tokens")
    beside_completion = _beside_completion(response, completion=completion, left_out=left_out)
    left_out = max(left_out - beside_completion, 0)
    beside_prompt = 0
    if max(read_back, written) > prompt or read_back + written == left_out:
        beside_prompt = read_back + written

    return ProviderUsage(
        input_tokens=prompt + beside_prompt,
        output_tokens=completion + beside_completion,
        cache_read_tokens=read_back,
        cache_write_tokens=written,
        input_audio_tokens=given.count("audio_tokens"),
        input_image_tokens=given.count("image_tokens"),
        input_video_tokens=given.count("video_tokens"),
        reasoning_tokens=max(_reasoning(usage), beside_completion - citations),
        citation_tokens=citations,
        output_audio_tokens=made.count("audio_tokens"),
        output_image_tokens=made.count("image_tokens"),
        web_searches=usage.count("num_search_queries"),
        reported_cost=reported_cost(usage),
        service_tier=response.text("service_tier"),
    )


def _beside_completion(response: Fields, *, completion: int, left_out: int) -> int:
    """What was produced, and is billed as output, beside `completion_tokens`."""
    usage = response.nested("usage")
    reasoning = _reasoning(usage)
    if usage.has(*PERPLEXITY_MARKS):
        return reasoning + usage.count("citation_tokens")
    if reasoning > completion or reasoning == left_out:
        return reasoning
    if response.text("model").removeprefix("models/").startswith("gemini"):
        # Google's OpenAI-compatible answers count thoughts in the total and mention them nowhere.
        return left_out
    return 0


def _reasoning(usage: Fields) -> int:
    made = usage.nested("completion_tokens_details")
    return (made if made.has("reasoning_tokens") else usage).count("reasoning_tokens")


def _parts(response: Fields, answer: ProviderUsage) -> tuple[ModelUsage, ...]:
    """The models at work behind a Groq compound system, when they account for all of its tokens."""
    parts = [
        ModelUsage(entry.text("model"), _usage(entry)) for entry in response.nested("usage_breakdown").each("models")
    ]
    if sum(part.usage.total_tokens for part in parts) != answer.total_tokens:
        return ()
    searches = sum(
        tool.text("type") == "search"
        for choice in response.each("choices")
        for tool in choice.nested("message").each("executed_tools")
    )
    if searches:
        parts.append(ModelUsage("", ProviderUsage(web_searches=searches)))
    return tuple(parts)


def _served_by(response: Fields) -> str:
    if response.text("id").startswith("gen-"):
        return "openrouter"
    if response.text("system_fingerprint") == "fp_ollama":
        return "ollama"
    usage = response.nested("usage")
    if usage.has("prompt_cache_hit_tokens") and response.text("model").startswith("deepseek-"):
        return "deepseek"
    marks = [name for mark, name in ANSWER_MARKS.items() if response.has(mark)]
    marks += [name for mark, name in USAGE_MARKS.items() if usage.has(mark)]
    return marks[0] if marks else ""
