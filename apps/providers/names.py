"""Which provider is meant by this name, or by this model?

Applications, SDKs and telemetry conventions spell providers differently. Lava stores one spelling, the
one its SDK uses for the provider's member (`lava.providers.xai`).
"""

from __future__ import annotations

import re
from typing import Final

ALIASES: Final = {
    "amazon": "bedrock",
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "aws-bedrock": "bedrock",
    "aws.bedrock": "bedrock",
    "bedrock-converse": "bedrock",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure-ai": "azure",
    "azure-foundry": "azure",
    "azure-openai": "azure",
    "cloudflare-workers-ai": "cloudflare",
    "workers-ai": "cloudflare",
    "copilot": "github-copilot",
    "claude": "anthropic",
    "cohere-ai": "cohere",
    "fireworks-ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen-ai": "google",
    "gcp.vertex-ai": "google",
    "gemini": "google",
    "google-ai-studio": "google",
    "google-genai": "google",
    "google-generative-ai": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "googleopenaicompatible": "google",
    "vertex": "google",
    "vertex-ai": "google",
    "vertexai": "google",
    "grok": "xai",
    "x-ai": "xai",
    "x.ai": "xai",
    "hf": "huggingface",
    "hugging-face": "huggingface",
    "jina-ai": "jina",
    "jinaai": "jina",
    "mistral-ai": "mistral",
    "mistralai": "mistral",
    "kimi": "moonshot",
    "moonshot-ai": "moonshot",
    "moonshotai": "moonshot",
    "open-ai": "openai",
    "perplexity-ai": "perplexity",
    "perplexityai": "perplexity",
    "together-ai": "together",
    "togetherai": "together",
    "voyage-ai": "voyage",
    "voyageai": "voyage",
    "bigmodel": "zhipu",
    "zhipu-ai": "zhipu",
    "zhipuai": "zhipu",
    "z-ai": "zai",
    "z.ai": "zai",
}

KNOWN: Final = frozenset(ALIASES.values()) | {
    "cerebras",
    "deepseek",
    "elevenlabs",
    "groq",
    "minimax",
    "ollama",
    "openrouter",
}

# Only names that stand for one provider's offer. Open-weight models (gpt-oss, llama, most of deepseek,
# mistral and glm) are served by many, at many prices, and decide nothing.
_SOLD_AS: Final = (
    ("anthropic", re.compile(r"claude-")),
    (
        "bedrock",
        re.compile(
            r"((us|us-gov|eu|apac|au|jp|global)\.)?"
            r"(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|nvidia|openai|qwen|writer)\."
        ),
    ),
    ("cohere", re.compile(r"command-")),
    ("deepseek", re.compile(r"deepseek-(chat|reasoner|v4-flash|v4-pro)$")),
    ("fireworks", re.compile(r"accounts/fireworks/")),
    ("cloudflare", re.compile(r"@cf/")),
    ("google", re.compile(r"(models/)?gemini-")),
    ("jina", re.compile(r"jina-")),
    ("minimax", re.compile(r"minimax-m")),
    (
        "mistral",
        re.compile(r"((open-)?(mi|mini|code|dev|magi)stral|mixtral|pixtral|voxtral)-(.+-)?(latest|\d{4})$"),
    ),
    (
        "openai",
        re.compile(r"(ft:)?(gpt-(?!oss)|chatgpt-|o[134](-|$)|text-embedding-(3|ada)|dall-e-|whisper-1$|tts-1)"),
    ),
    ("perplexity", re.compile(r"sonar(-|$)")),
    ("voyage", re.compile(r"voyage-")),
    ("xai", re.compile(r"grok-")),
)


def canonical_provider(name: str) -> str:
    """Lava's spelling of a provider's name; a name nobody knows comes back in lower case.

    `Google`, `gemini`, `google-gla`, `vertex_ai` and `google.generative-ai` are all `google`.
    """
    spelled = name.strip().lower().replace("_", "-").replace(" ", "-")
    if spelled in ALIASES:
        return ALIASES[spelled]
    family = spelled.partition(".")[0]
    family = ALIASES.get(family, family)
    return family if family in KNOWN else spelled


def provider_of_model(model: str) -> str:
    """The provider that sells a model under this name, or an empty string when many or none do."""
    spelled = model.lower()
    return next((provider for provider, pattern in _SOLD_AS if pattern.match(spelled)), "")
