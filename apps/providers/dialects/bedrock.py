"""AWS Bedrock: Converse, and Amazon's own models through InvokeModel.

    {"output": …, "usage": {"inputTokens": 3, "outputTokens": 227, "cacheReadInputTokens": 0,
     "cacheWriteInputTokens": 1712, "cacheDetails": [{"ttl": "5m", "inputTokens": 1712}]}}
    {"embedding": […], "inputTextTokenCount": 9}

Converse counts the cache outside `inputTokens`. Neither names the model: it is in the URL that was asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage


def is_converse(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "inputTokens" in usage


def is_titan(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "inputTextTokenCount" in response


@reads("bedrock_converse", when=is_converse)
def read_converse(response: Fields) -> Answer:
    usage = response.nested("usage")
    written = usage.count("cacheWriteInputTokens")
    read_back = usage.count("cacheReadInputTokens")
    return Answer(
        provider="bedrock",
        usage=ProviderUsage(
            input_tokens=usage.required_count("inputTokens") + written + read_back,
            output_tokens=usage.required_count("outputTokens"),
            cache_read_tokens=read_back,
            cache_write_tokens=written,
            cache_write_1h_tokens=sum(
                detail.count("inputTokens") for detail in usage.each("cacheDetails") if detail.text("ttl") == "1h"
            ),
            service_tier=response.nested("serviceTier").text("type"),
        ),
    )


@reads("bedrock_titan", when=is_titan)
def read_titan(response: Fields) -> Answer:
    return Answer(
        provider="bedrock",
        usage=ProviderUsage(
            input_tokens=response.required_count("inputTextTokenCount"),
            output_tokens=sum(result.count("tokenCount") for result in response.each("results")),
        ),
    )
