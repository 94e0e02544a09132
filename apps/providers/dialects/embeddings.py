"""Embeddings and reranking of OpenAI, Voyage, Jina, Mistral and others.

    {"object": "list", "data": […], "model": "voyage-3.5", "usage": {"total_tokens": 9}}

Text goes in and numbers come out, so a total without a prompt is all input.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage

RESULTS = ("data", "embeddings", "results")


def is_embeddings(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return (
        ("total_tokens" in usage or "prompt_tokens" in usage)
        and any(isinstance(response.get(name), list) for name in RESULTS)
        and "input_tokens" not in usage
    )


@reads("embeddings", when=is_embeddings)
def read(response: Fields) -> Answer:
    usage = response.nested("usage")
    return Answer(
        model=response.text("model"),
        response_id=response.text("id"),
        usage=ProviderUsage(
            input_tokens=usage.required_count("prompt_tokens", "total_tokens"),
            output_tokens=usage.count("completion_tokens"),
        ),
    )
