"""What we read in an answer of each provider: the numbers a person reads in the same answer."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.providers import ProviderUsage, read_response
from apps.providers.registry import DIALECTS

Transcript = Callable[[str], dict[str, Any]]

# transcript, dialect, provider, model, response id, usage
READINGS: list[tuple[str, str, str, str, str, ProviderUsage]] = [
    (
        "openai_chat_audio",
        "openai_chat",
        "openai",
        "gpt-4o-audio-preview-2024-12-17",
        "chatcmpl-BExZy74Y67dd65ec2z4iuzM0Exnks",
        ProviderUsage(input_tokens=64, output_tokens=9, input_audio_tokens=44, service_tier="default"),
    ),
    (
        "azure_chat",
        "openai_chat",
        "azure",
        "gpt-4o-2024-11-20",
        "chatcmpl-BAeyRj7gU6aCNSSAskAFbupBWYMIT",
        ProviderUsage(input_tokens=14, output_tokens=9),
    ),
    (
        "deepseek_chat",
        "openai_chat",
        "deepseek",
        "deepseek-v4-flash",
        "7f1f7abf-dc61-4260-9d2a-d1dd7f475127",
        ProviderUsage(input_tokens=976, output_tokens=61, cache_read_tokens=896, reasoning_tokens=25),
    ),
    (
        "google_openai_chat",
        "openai_chat",
        "google",
        "gemini-2.5-pro-preview-05-06",
        "3SE-aKjdCcCEz7IPxpqjCA",
        ProviderUsage(input_tokens=35, output_tokens=74, reasoning_tokens=62),
    ),
    (
        "mistral_chat",
        "openai_chat",
        "mistral",
        "mistral-medium-latest",
        "9473c9d9129541e3876e757b351a481c",
        ProviderUsage(input_tokens=64, output_tokens=6),
    ),
    (
        "ollama_openai_chat",
        "openai_chat",
        "ollama",
        "gpt-oss:20b",
        "chatcmpl-887",
        ProviderUsage(input_tokens=172, output_tokens=88),
    ),
    (
        "openrouter_chat",
        "openai_chat",
        "openrouter",
        "anthropic/claude-4.5-sonnet-20250929",
        "gen-1779496002-wnolQFoQh0rRF7vG3SkP",
        ProviderUsage(input_tokens=14, output_tokens=4, reported_cost=Decimal("0.000102")),
    ),
    (
        "openai_responses_web_search",
        "openai_responses",
        "openai",
        "gpt-5-2025-08-07",
        "resp_0d9d3a34bed664ee006a283915e01481a1a30e41b47c399bad",
        ProviderUsage(
            input_tokens=43902,
            output_tokens=4474,
            cache_read_tokens=4352,
            reasoning_tokens=3840,
            web_searches=7,
            service_tier="default",
        ),
    ),
    (
        "openai_responses_compact",
        "openai_responses",
        "",
        "",
        "resp_0fe74db124a77f9a0169cdf58037d48194b164c5044ded5c5f",
        ProviderUsage(input_tokens=156, output_tokens=190),
    ),
    (
        "openai_embeddings",
        "embeddings",
        "openai",
        "text-embedding-3-small",
        "",
        ProviderUsage(input_tokens=4),
    ),
    ("voyage_embeddings", "embeddings", "voyage", "voyage-4", "", ProviderUsage(input_tokens=3)),
    (
        "anthropic_web_search",
        "anthropic",
        "anthropic",
        "claude-sonnet-4-5-20250929",
        "msg_01CmBqBgFy9zTuvnuuktdCNB",
        ProviderUsage(input_tokens=16083, output_tokens=165, web_searches=1, service_tier="standard"),
    ),
    (
        "anthropic_on_bedrock",
        "anthropic",
        "bedrock",
        "claude-haiku-4-5-20251001",
        "msg_bdrk_01PwGjqAJE4R8ZBE8KCtMEjG",
        ProviderUsage(input_tokens=3 + 1956 + 9511, output_tokens=44, cache_read_tokens=9511, cache_write_tokens=1956),
    ),
    (
        "gemini_tools",
        "gemini",
        "google",
        "gemini-3-flash-preview",
        "EndHauLqMoDGjuMPlMH2mAY",
        ProviderUsage(input_tokens=332 + 643, output_tokens=53 + 173, reasoning_tokens=173, service_tier="standard"),
    ),
    (
        "gemini_cached_image",
        "gemini",
        "google",
        "gemini-2.5-flash",
        "weqTabiHDZDcqtsPwZiNqQ0",
        ProviderUsage(
            input_tokens=345,
            output_tokens=80 + 141,
            cache_read_tokens=191,
            cache_read_image_tokens=143,
            input_image_tokens=258,
            reasoning_tokens=141,
        ),
    ),
    ("gemini_embeddings", "gemini", "google", "", "", ProviderUsage(input_tokens=7)),
    (
        "vertex_flex",
        "gemini",
        "google",
        "gemini-3-flash-preview",
        "T9--adqvDqL4vdIPz7X2iQ4",
        ProviderUsage(input_tokens=5, output_tokens=1 + 51, reasoning_tokens=51, service_tier="flex"),
    ),
    (
        "bedrock_converse_cache_read",
        "bedrock_converse",
        "bedrock",
        "",
        "",
        ProviderUsage(input_tokens=433 + 2752, output_tokens=16, cache_read_tokens=2752),
    ),
    (
        "bedrock_converse_cache_write",
        "bedrock_converse",
        "bedrock",
        "",
        "",
        ProviderUsage(input_tokens=3 + 1712, output_tokens=227, cache_write_tokens=1712),
    ),
    ("bedrock_titan", "bedrock_titan", "bedrock", "", "", ProviderUsage(input_tokens=5)),
    (
        "cohere_chat",
        "cohere",
        "cohere",
        "",
        "0bf8e1a5-2af6-4014-a539-c12363a043a3",
        ProviderUsage(input_tokens=2406, output_tokens=2),
    ),
]


@pytest.mark.parametrize(
    ("name", "dialect", "provider", "model", "response_id", "usage"), READINGS, ids=[r[0] for r in READINGS]
)
def test_an_answer_is_read_as_a_person_reads_it(
    transcript: Transcript,
    name: str,
    dialect: str,
    provider: str,
    model: str,
    response_id: str,
    usage: ProviderUsage,
) -> None:
    read = read_response(transcript(name))

    assert read.usage == usage
    assert (read.dialect, read.provider) == (dialect, provider)
    assert (read.model, read.response_id) == (model, response_id)


# What is documented and not recorded.
DOCUMENTED: list[tuple[str, dict[str, Any], str, ProviderUsage]] = [
    (
        "jina",
        {"model": "jina-embeddings-v3", "data": [], "usage": {"total_tokens": 42, "prompt_tokens": 42}},
        "embeddings",
        ProviderUsage(input_tokens=42),
    ),
    (
        "mistral",
        {"model": "mistral-ocr-2505-completion", "pages": [], "usage_info": {"pages_processed": 4}},
        "mistral_ocr",
        ProviderUsage(pages=4),
    ),
    (
        "cohere",
        {"id": "07734bd2", "results": [], "meta": {"billed_units": {"search_units": 1}}},
        "cohere",
        ProviderUsage(search_units=1),
    ),
    (
        "ollama",
        {"model": "llama3.2", "done": True, "prompt_eval_count": 26, "eval_count": 298},
        "ollama",
        ProviderUsage(input_tokens=26, output_tokens=298),
    ),
    (
        "openai",
        {
            "text": "Imagine the wildest idea.",
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
                "output_tokens": 45,
                "total_tokens": 59,
            },
        },
        "openai_transcription",
        ProviderUsage(input_tokens=14, output_tokens=45, input_audio_tokens=10),
    ),
    (
        "openai",
        {"text": "Imagine.", "usage": {"type": "duration", "seconds": Decimal("9.5")}},
        "openai_transcription",
        ProviderUsage(input_seconds=Decimal("9.5")),
    ),
]


@pytest.mark.parametrize(("provider", "response", "dialect", "usage"), DOCUMENTED)
def test_an_answer_is_read_as_its_provider_documents_it(
    provider: str, response: dict[str, Any], dialect: str, usage: ProviderUsage
) -> None:
    read = read_response(response, provider=provider)

    assert read.usage == usage
    assert (read.dialect, read.provider) == (dialect, provider)


def test_the_application_may_say_whose_answer_it_is(transcript: Transcript) -> None:
    assert read_response(transcript("openai_embeddings"), provider="Azure-OpenAI").provider == "azure"


def test_every_recorded_answer_is_claimed_by_exactly_one_dialect(transcript: Transcript) -> None:
    for path in (Path(__file__).parent / "transcripts").glob("*.json"):
        response = transcript(path.stem)
        usage = response.get("usage") or {}
        claims = [dialect.name for dialect in DIALECTS.values() if dialect.recognises(response, usage)]
        assert len(claims) == (0 if path.stem == "openai_responses_queued" else 1), (path.stem, claims)


def test_a_name_that_cannot_be_stored_is_left_out_and_the_usage_kept() -> None:
    answer = {
        "id": "x" * 10_000,
        "model": "gpt-4o\0",
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }

    read = read_response(answer)

    assert (read.model, read.response_id) == ("", "")
    assert read.usage.total_tokens == 3
