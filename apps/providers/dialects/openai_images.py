"""OpenAI's images.

    {"data": [{"b64_json": …}], "usage": {"input_tokens": 50, "output_tokens": 1568,
     "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}}

The output is an image, at the rate of one, unless the answer breaks it down. The model is not named.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage


def is_openai_images(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "input_tokens" in usage and isinstance(response.get("data"), list)


@reads("openai_images", when=is_openai_images)
def read(response: Fields) -> Answer:
    usage = response.nested("usage")
    given = usage.nested("input_tokens_details")
    made = usage.nested("output_tokens_details")
    output_tokens = usage.required_count("output_tokens")
    return Answer(
        provider="openai",
        model=response.text("model"),
        usage=ProviderUsage(
            input_tokens=usage.required_count("input_tokens"),
            output_tokens=output_tokens,
            input_image_tokens=given.count("image_tokens"),
            output_image_tokens=made.count("image_tokens") if made.has("image_tokens") else output_tokens,
            cache_read_tokens=given.count("cached_tokens"),
        ),
    )
