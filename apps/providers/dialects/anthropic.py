"""Anthropic's messages, also as served by Bedrock, Vertex, MiniMax and DeepSeek.

    {"type": "message", "usage": {"input_tokens": 3, "cache_creation_input_tokens": 1956,
     "cache_read_input_tokens": 9511, "output_tokens": 44, …}}

`input_tokens` counts only what the cache had nothing to do with, so the input here is 3 + 1956 + 9511.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ModelUsage, ProviderUsage, usage_of_parts

# Who served it shows in the id: msg_bdrk_01Pw…, msg_vrtx_01Ab…
SERVED_BY = {"msg_bdrk_": "bedrock", "msg_vrtx_": "google"}


def is_anthropic(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "input_tokens" in usage and (
        response.get("type") == "message"
        or "cache_creation_input_tokens" in usage
        or "cache_read_input_tokens" in usage
    )


@reads("anthropic", when=is_anthropic)
def read(response: Fields) -> Answer:
    response_id = response.text("id")
    return Answer(
        usage=_usage(response.nested("usage")),
        model=response.text("model"),
        response_id=response_id,
        provider=next((name for mark, name in SERVED_BY.items() if response_id.startswith(mark)), ""),
    )


def _usage(usage: Fields) -> ProviderUsage:
    """The usage, with what other passes over the conversation used beside the answer.

    A compaction, or a second model asked for advice, is billed but missing from the totals; it stands
    only in `iterations`, next to the passes of type `message` that the totals do add up.
    https://platform.claude.com/docs/en/build-with-claude/compaction
    """
    answer = _counted(usage, service_tier=usage.text("service_tier"), speed=usage.text("speed"))
    beside = [
        ModelUsage(iteration.text("model"), _counted(iteration, answer.service_tier, answer.speed))
        for iteration in usage.each("iterations")
        if iteration.text("type") != "message"
    ]
    return usage_of_parts([ModelUsage("", answer), *beside]) if beside else answer


def _counted(counted: Fields, service_tier: str, speed: str) -> ProviderUsage:
    by_lifetime = counted.nested("cache_creation")
    for_an_hour = by_lifetime.count("ephemeral_1h_input_tokens")
    for_five_minutes = by_lifetime.count("ephemeral_5m_input_tokens")
    written = max(counted.count("cache_creation_input_tokens"), for_five_minutes + for_an_hour)
    read_back = counted.count("cache_read_input_tokens")
    return ProviderUsage(
        input_tokens=counted.required_count("input_tokens") + written + read_back,
        output_tokens=counted.required_count("output_tokens"),
        cache_read_tokens=read_back,
        cache_write_tokens=written,
        cache_write_1h_tokens=for_an_hour,
        reasoning_tokens=counted.nested("output_tokens_details").count("thinking_tokens"),
        web_searches=counted.nested("server_tool_use").count("web_search_requests"),
        service_tier=service_tier,
        speed=speed,
    )
