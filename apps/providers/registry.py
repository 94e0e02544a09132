"""Which function reads this answer?

Providers report usage in about ten shapes, called dialects here. Each is a module in `dialects/` that
registers the function reading it and how the shape is told from the others. A reader of the same
dialect's streams would register beside it, and end in the same `Answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from apps.providers.fields import Fields
from apps.providers.usage import ProviderUsage, UsageUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a dialect found. Names are empty where the answer does not tell."""

    usage: ProviderUsage
    model: str = ""
    response_id: str = ""
    provider: str = ""


Reader = Callable[[Fields], Answer]
Recogniser = Callable[[Mapping[str, object], Mapping[str, object]], bool]


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    recognises: Recogniser
    read: Reader


DIALECTS: Final[dict[str, Dialect]] = {}


def reads(dialect: str, *, when: Recogniser) -> Callable[[Reader], Reader]:
    """Register the function that reads `dialect`.

    `when` is shown the answer and its `usage` object (empty when there is none), and must be true for
    no other dialect's answers.
    """

    def register(reader: Reader) -> Reader:
        assert dialect not in DIALECTS, f"two readers for {dialect}"
        DIALECTS[dialect] = Dialect(dialect, when, reader)
        return reader

    return register


def dialect_of(response: Mapping[str, object]) -> Dialect:
    """The dialect of an answer. Refuses one that reports usage in no shape we know."""
    usage = response.get("usage")
    if not isinstance(usage, Mapping):
        usage = {}
    for dialect in DIALECTS.values():
        if dialect.recognises(response, usage):
            return dialect
    found = "usage is empty or in no shape we know" if "usage" in response else "there is no usage"
    raise UsageUnreadable(
        f"{found}: looked for usage, usageMetadata, usage_info, meta.billed_units, eval_count and "
        "inputTextTokenCount at the top of the answer"
    )
