"""The shapes in which providers report usage; importing this package registers all of them."""

from apps.providers.dialects import (
    anthropic,
    bedrock,
    cohere,
    embeddings,
    gemini,
    mistral_ocr,
    ollama,
    openai_chat,
    openai_images,
    openai_responses,
    openai_transcription,
)

__all__ = [
    "anthropic",
    "bedrock",
    "cohere",
    "embeddings",
    "gemini",
    "mistral_ocr",
    "ollama",
    "openai_chat",
    "openai_images",
    "openai_responses",
    "openai_transcription",
]
