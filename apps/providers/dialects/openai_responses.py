"""OpenAI's responses, and the shape others answer in that count `input_tokens` and `output_tokens`.

    {"object": "response", "usage": {"input_tokens": 12594, "input_tokens_details": {"cached_tokens": 3200},
     "output_tokens": 1150, "output_tokens_details": {"reasoning_tokens": 1088}}}

Cached tokens are inside the input and reasoning is inside the output.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.dialects.anthropic import is_anthropic
from apps.providers.dialects.openai_images import is_openai_images
from apps.providers.dialects.openai_transcription import is_openai_transcription
from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.reported_costs import reported_cost
from apps.providers.usage import ModelUsage, ProviderUsage, usage_of_parts

CLAIMED_BY_OTHERS = (is_anthropic, is_openai_images, is_openai_transcription)


def is_openai_responses(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "input_tokens" in usage and not any(claims(response, usage) for claims in CLAIMED_BY_OTHERS)


@reads("openai_responses", when=is_openai_responses)
def read(response: Fields) -> Answer:
    usage = response.nested("usage")
    given, made = usage.nested("input_tokens_details"), usage.nested("output_tokens_details")
    answer = ProviderUsage(
        input_tokens=usage.required_count("input_tokens"),
        output_tokens=usage.required_count("output_tokens"),
        cache_read_tokens=given.count("cached_tokens", "cache_read_input_tokens"),
        cache_write_tokens=given.count("cache_write_tokens"),
        reasoning_tokens=made.count("reasoning_tokens"),
        web_searches=_web_searches(response),
        file_searches=sum(item.text("type") == "file_search_call" for item in response.each("output")),
        reported_cost=reported_cost(usage),
        service_tier=response.text("service_tier"),
    )
    images = _images(response)
    return Answer(
        usage=usage_of_parts([ModelUsage("", answer), images]) if images else answer,
        model=response.text("model"),
        response_id=response.text("id"),
        provider="openrouter" if response.text("id").startswith("gen-") else "",
    )


def _web_searches(response: Fields) -> int:
    """How many searches are billed: as counted, or else the search calls in the output.

    Opening a page, or looking for a word in it, is free.
    https://platform.openai.com/docs/guides/tools-web-search
    """
    counted = response.nested("tool_usage").nested("web_search")
    if counted.has("num_requests"):
        return counted.count("num_requests")
    calls = (item for item in response.each("output") if item.text("type") == "web_search_call")
    return sum(call.nested("action").text("type") in ("", "search") for call in calls)


def _images(response: Fields) -> ModelUsage | None:
    """What the image tool used: another model's tokens, which the answer's usage leaves out."""
    used = response.nested("tool_usage").nested("image_gen")
    if not used.count("total_tokens"):
        return None
    models = [tool.text("model") for tool in response.each("tools") if tool.text("type") == "image_generation"]
    given, made = used.nested("input_tokens_details"), used.nested("output_tokens_details")
    usage = ProviderUsage(
        input_tokens=used.required_count("input_tokens"),
        output_tokens=used.required_count("output_tokens"),
        input_image_tokens=given.count("image_tokens"),
        output_image_tokens=made.count("image_tokens"),
    )
    return ModelUsage(models[0] if models and models[0] else "an image model", usage)
