"""Ollama's own API: generate, chat and embed.

    {"model": "llama3.2", "done": true, "prompt_eval_count": 26, "eval_count": 298}

Older servers leave out a prompt that was answered from their cache; embeddings have no output.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.providers.fields import Fields
from apps.providers.registry import Answer, reads
from apps.providers.usage import ProviderUsage


def is_ollama(response: Mapping[str, object], usage: Mapping[str, object]) -> bool:
    return "eval_count" in response or "prompt_eval_count" in response


@reads("ollama", when=is_ollama)
def read(response: Fields) -> Answer:
    return Answer(
        provider="ollama",
        model=response.text("model"),
        usage=ProviderUsage(
            input_tokens=response.count("prompt_eval_count"),
            output_tokens=response.count("eval_count"),
        ),
    )
