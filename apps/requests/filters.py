"""What a query string may say about the requests it is after: a period, and what their metadata holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.rest.parsing import InvalidJSON, parse_json

FILTERS_MAX: Final = 100
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 9998

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOST_PLUS: Final = re.compile(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})")
_WITH_FRACTION: Final = re.compile(r"[.,][0-9]")


@extend_schema_field({"type": "string", "example": '[["user_id","123"]]'})
class MetadataFiltersField(serializers.Field[Any, Any, Any, Any]):
    """A JSON array of `[key, value]` pairs."""

    default_error_messages = {
        "invalid": 'Write a JSON array of pairs of texts: [["user_id","123"]].',
        "too_many": f"At most {FILTERS_MAX} pairs.",
    }

    def to_internal_value(self, data: Any) -> list[tuple[str, str]]:
        try:
            pairs = parse_json(data.encode())
        except (InvalidJSON, UnicodeEncodeError):
            self.fail("invalid")
        if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
            self.fail("invalid")
        if len(pairs) > FILTERS_MAX:
            self.fail("too_many")
        return [(key, value) for key, value in pairs]


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)


@extend_schema_field(OpenApiTypes.DATETIME)
class PeriodStartField(serializers.Field[Any, Any, Any, Any]):
    """The first moment of a period: ISO 8601. Without an offset it is UTC, without a time it is midnight."""

    default_error_messages = {
        "invalid": "Write a moment in ISO 8601, for example 2026-01-31T00:00:00Z or 2026-01-31.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        return self.read(data)

    def read(self, text: str) -> datetime:
        """The moment, in the offset it was written with."""
        # A plus that was not percent-encoded arrives as a blank.
        text = _LOST_PLUS.sub(r"\1+\2", text.strip())
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail("invalid")
        if not YEAR_MIN <= moment.year <= YEAR_MAX:
            self.fail("invalid")
        return moment.replace(tzinfo=moment.tzinfo or UTC)


class PeriodEndField(PeriodStartField):
    """The last moment of a period, which belongs to it: a whole day or a whole second, when written so."""

    def to_internal_value(self, data: Any) -> datetime:
        """The first moment after the period."""
        text = data.strip()
        if _DAY.fullmatch(text):
            return self.read(text) + timedelta(days=1)
        if _WITH_FRACTION.search(text):
            return self.read(text) + timedelta(microseconds=1)
        return self.read(text) + timedelta(seconds=1)
