"""Hundreds of recorded answers: we read and price them as `genai-prices` does, or can say why not.

The recordings live outside the project. `LAVA_TRANSCRIPTS` names their folder; without it the folder
`shared/transcripts` beside the project is read, and without that the tests skip.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider

from apps.providers import Cost, ReadResponse, UsageUnreadable, cost_of, read_response

BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("LAVA_TRANSCRIPTS", BESIDE_THE_PROJECT))

pytestmark = pytest.mark.skipif(
    not TRANSCRIPTS.is_dir(), reason="no recorded answers: set LAVA_TRANSCRIPTS to their folder"
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)

# What the price list calls our dialects, and our fields.
FLAVOURS = {
    "anthropic": ("anthropic", "default"),
    "bedrock_converse": ("default",),
    "cohere": ("default",),
    "embeddings": ("embeddings",),
    "gemini": ("default",),
    "openai_chat": ("chat", "default"),
    "openai_responses": ("responses", "default"),
}
FIELDS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "input_video_tokens": "input_video_tokens",
    "cache_audio_read_tokens": "cache_read_audio_tokens",
    "cache_image_read_tokens": "cache_read_image_tokens",
    "cache_video_read_tokens": "cache_read_video_tokens",
    "output_tokens": "output_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "output_image_tokens": "output_image_tokens",
    "output_video_tokens": "output_video_tokens",
    "web_searches": "web_searches",
}


@dataclass(frozen=True)
class Recording:
    """One answer, ours and the price list's reading of it."""

    source: str
    url: str
    path: str
    asked_model: str
    body: Any

    @cached_property
    def ours(self) -> ReadResponse:
        return read_response(self.body)

    @cached_property
    def provider(self) -> Provider | None:
        try:
            return get_snapshot().find_provider(None, None, self.url)
        except LookupError:
            return None

    @cached_property
    def model(self) -> str:
        in_path = re.search(r"/models?/([^/]+?)(?=/|:\w+$|$)", self.path)
        return self.ours.model or self.asked_model or (in_path[1] if in_path else "")

    @cached_property
    def theirs(self) -> Usage | None:
        """The price list's reading; None where it knows neither the provider nor this shape of it."""
        known = {extractor.api_flavor for extractor in (self.provider and self.provider.extractors) or ()}
        flavours = [flavour for flavour in FLAVOURS.get(self.ours.dialect, ()) if flavour in known]
        if self.provider is None or not flavours:
            return None
        return self.provider.extract_usage(self.body, api_flavor=flavours[0])[1]

    @property
    def differences(self) -> set[str]:
        """The fields the two readings disagree on."""
        assert self.theirs is not None
        return {
            ours
            for theirs, ours in FIELDS.items()
            if self.theirs.reported_value(theirs) != getattr(self.ours.usage, ours)
        }

    @cached_property
    def our_cost(self) -> Cost | None:
        assert self.provider is not None
        return cost_of(provider=self.provider.id, model=self.model, usage=self.ours.usage, at=AT)


@cache
def recordings() -> list[Recording]:
    """Every whole JSON answer to a request that succeeded."""
    return list(_recordings())


def _recordings() -> Iterator[Recording]:
    for file in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            recorded = json.loads(line)
            if recorded["status"] == 200 and "json" in (recorded["content_type"] or ""):
                path = unquote(recorded["path"])
                yield Recording(
                    source=recorded["source"],
                    url=f"https://{recorded['host']}{path}",
                    path=path,
                    asked_model=(recorded["request"] or {}).get("model") or "",
                    body=json.loads(recorded["body"], parse_float=Decimal),
                )


def readable() -> list[Recording]:
    return [recording for recording in recordings() if not why(NO_USAGE, recording)]


Reasons = dict[str, Callable[[Recording], bool]]


def why(reasons: Reasons, recording: Recording) -> str:
    return next((reason for reason, holds in reasons.items() if holds(recording)), "")


NO_USAGE: Reasons = {
    "counting tokens is free": lambda it: it.path.endswith(":countTokens"),
    "storing files is not a request": lambda it: it.path.startswith("/v1/vector_stores"),
    "filling a cache reports only a total": lambda it: it.path.endswith("/cachedContents"),
    "the prompt was blocked": lambda it: "promptFeedback" in it.body and "candidates" not in it.body,
    "the answer is still being written": lambda it: it.body.get("status") in {"queued", "in_progress"},
}

USAGE_DIFFERS: Reasons = {
    "searches stand in the answer and not in its usage": lambda it: it.differences == {"web_searches"},
    "Anthropic's compaction and advice stand beside the totals": lambda it: bool(it.ours.usage.parts),
    "Google's thoughts are only in the total": lambda it: it.path.endswith("/openai/chat/completions"),
    "the list does not read OpenRouter's video tokens": lambda it: it.differences == {"input_video_tokens"},
}

COST_DIFFERS: Reasons = {
    "the usage differs": lambda it: bool(it.differences),
    "the provider says itself what it costs": lambda it: it.our_cost is not None and it.our_cost.reported,
    "the list has the model and no price for it": lambda it: it.our_cost is None,
}


def test_every_answer_is_read_or_refused_for_a_reason() -> None:
    refused = set()
    for recording in recordings():
        reason = why(NO_USAGE, recording)
        if not reason:
            assert recording.ours.usage.total_tokens >= 0, recording.source
            continue
        refused.add(reason)
        with pytest.raises(UsageUnreadable):
            read_response(recording.body)
    assert len(readable()) >= 840
    assert refused == NO_USAGE.keys()


def test_usage_is_read_as_the_price_list_reads_it() -> None:
    compared = [recording for recording in readable() if recording.theirs is not None]
    differing = [recording for recording in compared if recording.differences]

    unexplained = [(it.source, it.differences) for it in differing if not why(USAGE_DIFFERS, it)]
    assert not unexplained
    assert {why(USAGE_DIFFERS, it) for it in differing} == USAGE_DIFFERS.keys()
    assert len(compared) - len(differing) >= 790


def test_costs_are_those_of_the_price_list() -> None:
    compared = 0
    differing = []
    for recording in readable():
        if recording.theirs is None or recording.provider is None:
            continue
        try:
            listed = calc_price(
                recording.theirs,
                recording.model,
                provider_id=recording.provider.id,
                genai_request_timestamp=AT,
            )
        except LookupError:
            assert recording.our_cost is None or recording.our_cost.reported, recording.source
            continue
        except ValueError:
            # OpenRouter once reported as many tokens written to the cache as read from it.
            assert recording.our_cost is not None
            assert recording.our_cost.reported
            continue
        compared += 1
        if recording.our_cost is None or recording.our_cost.total_cost != listed.total_price:
            differing.append(recording)

    unexplained = [(it.source, it.our_cost) for it in differing if not why(COST_DIFFERS, it)]
    assert not unexplained
    assert {why(COST_DIFFERS, it) for it in differing} == COST_DIFFERS.keys()
    assert compared - len(differing) >= 770
