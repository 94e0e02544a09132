"""Mistral's document reading.

    {"model": "mistral-ocr-2505-completion", "pages": […], "usage_info": {"pages_processed": 4}}

It is billed by the page.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage


def is_mistral_ocr(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "usage_info" in response


@reads("mistral_ocr", when=is_mistral_ocr)
def read(response: Fields) -> Answer:
    return Answer(
        provider="mistral",
        model=response.text("model"),
        response_id=response.text("id"),
        usage=ProviderUsage(pages=response.nested("usage_info").required_count("pages_processed")),
    )
