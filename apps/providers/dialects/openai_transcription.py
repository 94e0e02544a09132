"""OpenAI's transcription, billed by tokens or by the length of the audio.

    {"text": …, "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45,
     "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}}
    {"text": …, "usage": {"type": "duration", "seconds": 9}}

The model is not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.reported_costs import reported_cost
from apps.providers.usage import EXACT, ProviderUsage

MICROSECOND = Decimal("0.000001")


def is_openai_transcription(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return isinstance(response.get("text"), str) and ("seconds" in usage or "input_tokens" in usage)


@reads("openai_transcription", when=is_openai_transcription)
def read(response: Fields) -> Answer:
    usage = response.nested("usage")
    seconds = usage.amount("seconds")
    return Answer(
        usage=_counted(usage)
        if seconds is None
        else ProviderUsage(
            input_seconds=seconds.quantize(MICROSECOND, context=EXACT), reported_cost=reported_cost(usage)
        )
    )


def _counted(usage: Fields) -> ProviderUsage:
    return ProviderUsage(
        input_tokens=usage.required_count("input_tokens"),
        output_tokens=usage.required_count("output_tokens"),
        input_audio_tokens=usage.nested("input_token_details").count("audio_tokens"),
        reported_cost=reported_cost(usage),
    )
