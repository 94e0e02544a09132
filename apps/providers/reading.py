"""What does this answer say: whose is it, which model wrote it, and what did it use?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apps.providers.dialects  # noqa: F401  (fills the registry)
from apps.providers.fields import Fields
from apps.providers.names import canonical_provider, provider_of_model
from apps.providers.registry import dialect_of
from apps.providers.usage import ProviderUsage, UsageUnreadable


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """A provider's answer, read. Names are empty where the answer does not tell."""

    provider: str
    dialect: str
    model: str
    response_id: str
    usage: ProviderUsage


def read_response(response: object, *, provider: str | None = None) -> ReadResponse:
    """Read a provider's whole, parsed JSON answer; numbers in it are `int` or `Decimal`.

    The shape of the answer decides how it is read, so `provider` is optional and only names whose it
    is. Some answers do not say which model wrote them (Bedrock, Cohere, images): ask the caller.
    An answer without usage, or with numbers that cannot be usage, raises `UsageUnreadable` and never
    counts as zero. The work is bounded by the fields that are read, however deep the answer nests.
    """
    if not isinstance(response, Mapping):
        raise UsageUnreadable("a provider's answer is a JSON object")
    dialect = dialect_of(response)
    answer = dialect.read(Fields(response))
    return ReadResponse(
        provider=canonical_provider(provider or "") or answer.provider or provider_of_model(answer.model),
        dialect=dialect.name,
        model=answer.model,
        response_id=answer.response_id,
        usage=answer.usage,
    )
