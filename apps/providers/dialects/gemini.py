"""Google's generateContent and embedContent, on the Gemini API and on Vertex.

    {"candidates": …, "usageMetadata": {"promptTokenCount": 332, "toolUsePromptTokenCount": 643,
     "candidatesTokenCount": 53, "thoughtsTokenCount": 173, "totalTokenCount": 1201}}

Cached tokens are inside the prompt. Thoughts are outside the candidates and billed as output; what tools
read is outside the prompt and billed as input. Zeros are left out, so a missing count is one, but not
all of them may be missing. Google's Python SDK dumps the same object with names in snake case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage, UsageUnreadable

PROMPT: Final = ("promptTokenCount", "prompt_token_count")
TOOL_PROMPT: Final = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
CANDIDATES: Final = ("candidatesTokenCount", "candidates_token_count")
THOUGHTS: Final = ("thoughtsTokenCount", "thoughts_token_count")

# A page of a document is billed as an image.
MODALITIES: Final = {"AUDIO": "audio", "DOCUMENT": "image", "IMAGE": "image", "VIDEO": "video"}

# On Vertex the tier is named after the traffic it paid for.
TIER_OF_TRAFFIC: Final = {"ON_DEMAND_FLEX": "flex", "ON_DEMAND_PRIORITY": "priority"}


def is_gemini(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "usageMetadata" in response or "usage_metadata" in response


@reads("gemini", when=is_gemini)
def read(response: Fields) -> Answer:
    usage = response.nested("usageMetadata", "usage_metadata")
    if not usage.has(*PROMPT, *TOOL_PROMPT, *CANDIDATES, *THOUGHTS):
        raise UsageUnreadable(f"{usage.path} counts no tokens: looked for {PROMPT[0]} and {CANDIDATES[0]}")
    model = response.text("modelVersion", "model_version")
    return Answer(
        provider="google",
        model=model,
        response_id=response.text("responseId", "response_id"),
        usage=_usage(usage, web_searches=_web_searches(response, model)),
    )


def _usage(usage: Fields, *, web_searches: int) -> ProviderUsage:
    prompt = _by_modality(usage, "promptTokensDetails", "prompt_tokens_details")
    tool_prompt = _by_modality(usage, "toolUsePromptTokensDetails", "tool_use_prompt_tokens_details")
    cached = _by_modality(usage, "cacheTokensDetails", "cache_tokens_details")
    candidates = _by_modality(usage, "candidatesTokensDetails", "candidates_tokens_details")
    thoughts = usage.count(*THOUGHTS)
    return ProviderUsage(
        input_tokens=usage.count(*PROMPT) + usage.count(*TOOL_PROMPT),
        output_tokens=usage.count(*CANDIDATES) + thoughts,
        cache_read_tokens=usage.count("cachedContentTokenCount", "cached_content_token_count"),
        cache_read_audio_tokens=cached["audio"],
        cache_read_image_tokens=cached["image"],
        cache_read_video_tokens=cached["video"],
        input_audio_tokens=prompt["audio"] + tool_prompt["audio"],
        input_image_tokens=prompt["image"] + tool_prompt["image"],
        input_video_tokens=prompt["video"] + tool_prompt["video"],
        reasoning_tokens=thoughts,
        output_audio_tokens=candidates["audio"],
        output_image_tokens=candidates["image"],
        output_video_tokens=candidates["video"],
        web_searches=web_searches,
        service_tier=_service_tier(usage),
    )


def _by_modality(usage: Fields, *names: str) -> dict[str, int]:
    tokens = dict.fromkeys(MODALITIES.values(), 0)
    for detail in usage.each(*names):
        modality = MODALITIES.get(detail.text("modality"))
        if modality is not None:
            tokens[modality] += detail.count("tokenCount", "token_count")
    return tokens


def _service_tier(usage: Fields) -> str:
    traffic = usage.text("trafficType", "traffic_type")
    return TIER_OF_TRAFFIC.get(traffic) or usage.text("serviceTier", "service_tier")


def _web_searches(response: Fields, model: str) -> int:
    """How many grounding searches Google bills.

    Each distinct query since Gemini 3, each answer that was grounded at all before.
    https://ai.google.dev/gemini-api/docs/pricing
    """
    queries: set[str] = set()
    for candidate in response.each("candidates"):
        grounding = candidate.nested("groundingMetadata", "grounding_metadata")
        queries.update(grounding.texts("webSearchQueries", "web_search_queries"))
    if model.startswith(("gemini-1", "gemini-2")):
        return min(len(queries), 1)
    return len(queries)
