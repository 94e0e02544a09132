"""Answers that are no answers: refused by name, never a crash, never a silent zero."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers import ProviderUsage, ReadResponse, UsageUnreadable, read_response
from apps.providers.usage import QUANTITIES, QUANTITY_MAX

NOT_A_COUNT: list[Any] = [
    "12",
    True,
    -1,
    12.0,
    Decimal("1.5"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1E+999999"),
    QUANTITY_MAX + 1,
    10**100_000,
    [],
    {},
]


@pytest.mark.parametrize("count", NOT_A_COUNT, ids=lambda value: str(type(value).__name__))
def test_what_is_not_a_count_is_refused(count: Any) -> None:
    required = {"prompt_tokens": count, "completion_tokens": 1}
    optional = {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": count}}

    for usage in (required, optional):
        with pytest.raises(UsageUnreadable, match="usage"):
            read_response({"choices": [], "usage": usage})


def test_a_count_may_be_written_with_a_point() -> None:
    usage = {"prompt_tokens": Decimal("12.0"), "completion_tokens": Decimal("1E+2")}

    assert read_response({"choices": [], "usage": usage}).usage.total_tokens == 112


@pytest.mark.parametrize(
    "response",
    [
        None,
        [],
        "usage",
        7,
        {},
        {"usage": None},
        {"usage": {}},
        {"usage": 5},
        {"usage": []},
        {"error": {"message": "overloaded"}},
        {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": []}},
        {"usage": {"inputTokens": 1, "outputTokens": 1, "cacheDetails": {}}},
        {"usageMetadata": {"promptTokenCount": 1, "promptTokensDetails": [7]}},
        {"usageMetadata": {"promptTokenCount": 1}, "candidates": [{"groundingMetadata": "none"}]},
        {"usage": {"billed_units": {"classifications": 1}}},
    ],
)
def test_what_reports_no_usage_is_refused(response: Any) -> None:
    with pytest.raises(UsageUnreadable):
        read_response(response)


def test_the_refusal_says_what_was_looked_for() -> None:
    with pytest.raises(UsageUnreadable, match="there is no usage: looked for usage, usageMetadata"):
        read_response({"choices": []})


def test_nesting_is_not_followed() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"usage": deep, "usage_breakdown": {"models": [deep]}}

    with pytest.raises(UsageUnreadable):
        read_response(deep)


def test_parts_that_are_too_much_together_are_refused() -> None:
    iteration = {"type": "compaction", "input_tokens": QUANTITY_MAX, "output_tokens": 0}
    usage = {"input_tokens": 1, "output_tokens": 1, "iterations": [iteration]}

    with pytest.raises(UsageUnreadable, match="input_tokens is not between"):
        read_response({"type": "message", "usage": usage})


ANSWERS: list[Any] = [
    json.loads(path.read_text(), parse_float=Decimal)
    for path in sorted((Path(__file__).parent / "transcripts").glob("*.json"))
]

NUMBERS = st.integers() | st.decimals() | st.floats() | st.booleans()
LEAVES = st.none() | NUMBERS | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
)


def check_reading(response: Any) -> None:
    """Reading gives usage that can be charged, or a named refusal."""
    try:
        read = read_response(response)
    except UsageUnreadable:
        return
    assert isinstance(read, ReadResponse)
    for usage in (read.usage, *(part.usage for part in read.usage.parts)):
        assert all(0 <= getattr(usage, name) <= QUANTITY_MAX for name in QUANTITIES)
        assert usage.reported_cost is None or usage.reported_cost >= 0


@given(response=JSON)
def test_arbitrary_json_is_read_or_refused(response: Any) -> None:
    check_reading(response)


@settings(max_examples=600)
@given(data=st.data())
def test_an_answer_with_anything_changed_is_read_or_refused(data: st.DataObject) -> None:
    answer = data.draw(st.sampled_from(ANSWERS))
    check_reading(data.draw(changed(answer)))


def changed(value: Any) -> st.SearchStrategy[Any]:
    """`value` with one of its parts, at any depth, replaced by anything."""
    if isinstance(value, dict) and value:
        return st.sampled_from(sorted(value)).flatmap(
            lambda key: changed(value[key]).map(lambda part: {**value, key: part})
        ) | st.builds(lambda key, part: {**value, key: part}, st.sampled_from(sorted(value)), JSON)
    if isinstance(value, list) and value:
        return st.integers(0, len(value) - 1).flatmap(
            lambda index: changed(value[index]).map(lambda part: [*value[:index], part, *value[index + 1 :]])
        )
    return JSON


def test_usage_is_never_negative() -> None:
    with pytest.raises(UsageUnreadable, match="input_tokens is not between 0"):
        ProviderUsage(input_tokens=-1)
