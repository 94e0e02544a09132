"""Cohere: chat, embeddings and reranking.

    {"message": …, "usage": {"billed_units": {"input_tokens": 25, "output_tokens": 9},
     "tokens": {"input_tokens": 91, "output_tokens": 11}}}
    {"results": […], "meta": {"billed_units": {"search_units": 1}}}

Cohere bills the `billed_units`; the 66 tokens of its own prompt around ours are in `tokens` and free.
The model is not named.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage, UsageUnreadable


def is_cohere(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    meta = response.get("meta")
    billed = usage.get("billed_units") or usage.get("tokens")
    if billed is None and isinstance(meta, Mapping):
        billed = meta.get("billed_units")
    return isinstance(billed, Mapping)


@reads("cohere", when=is_cohere)
def read(response: Fields) -> Answer:
    # `cached_tokens` counts within `tokens`, not within what is billed, so it is not ours to discount.
    billed = response.nested("usage", "meta").nested("billed_units", "tokens")
    if not billed.has("input_tokens", "output_tokens", "search_units"):
        raise UsageUnreadable(f"{billed.path} counts neither tokens nor search units")
    return Answer(
        provider="cohere",
        model=response.text("model"),
        response_id=response.text("id", "response_id", "generation_id"),
        usage=ProviderUsage(
            input_tokens=billed.count("input_tokens"),
            output_tokens=billed.count("output_tokens"),
            search_units=billed.count("search_units"),
        ),
    )
