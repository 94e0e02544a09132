"""One provider, many spellings."""

import pytest

from apps.providers import canonical_provider
from apps.providers.names import ALIASES, KNOWN, provider_of_model


@pytest.mark.parametrize(
    ("spelled", "provider"),
    [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("Google", "google"),
        ("gemini", "google"),
        ("google-gla", "google"),
        ("google.generative-ai", "google"),
        ("vertex_ai", "google"),
        ("gcp.vertex_ai", "google"),
        ("aws", "bedrock"),
        ("Amazon Bedrock", "bedrock"),
        ("bedrock_converse", "bedrock"),
        ("azure_openai", "azure"),
        ("az.ai.openai", "azure"),
        ("x-ai", "xai"),
        ("x.ai", "xai"),
        ("xai.chat", "xai"),
        ("mistralai", "mistral"),
        ("moonshotai", "moonshot"),
        ("z.ai", "zai"),
        (" voyageai ", "voyage"),
        ("My.Own.Proxy", "my.own.proxy"),
        ("", ""),
    ],
)
def test_a_provider_has_one_spelling(spelled: str, provider: str) -> None:
    assert canonical_provider(spelled) == provider


def test_the_one_spelling_is_stable() -> None:
    assert all(canonical_provider(name) == name for name in KNOWN)
    assert not KNOWN & ALIASES.keys()


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-2024-08-06", "openai"),
        ("o3", "openai"),
        ("ft:gpt-4o-mini:acme::7p4lURel", "openai"),
        ("claude-sonnet-4-5-20250929", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("amazon.nova-lite-v1:0", "bedrock"),
        ("models/gemini-2.5-flash", "google"),
        ("grok-4", "xai"),
        ("mistral-large-latest", "mistral"),
        ("codestral-2508", "mistral"),
        ("deepseek-reasoner", "deepseek"),
        ("sonar-pro", "perplexity"),
        ("voyage-3.5", "voyage"),
        # Served by many, at many prices.
        ("gpt-oss-120b", ""),
        ("openai/gpt-oss-120b", ""),
        ("deepseek-r1:14b", ""),
        ("mistral:7b", ""),
        ("glm-5.3", ""),
        ("llama-3.3-70b", ""),
        ("", ""),
    ],
)
def test_a_model_name_tells_its_provider_only_when_one_sells_it(model: str, provider: str) -> None:
    assert provider_of_model(model) == provider
