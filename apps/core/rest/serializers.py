"""What bodies and queries are made of: fields that take what they say and nothing that only resembles it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

import phonenumbers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.money import NotAnAmount, format_amount, parse_amount
from apps.core.rest.pages import LIMIT_DEFAULT, LIMIT_MAX

METADATA_BYTES_MAX: Final = 16 * 1024
UNKNOWN_NAMED_MAX: Final = 5
"""How many unknown fields a refusal names."""


class Input(serializers.Serializer[Any]):
    """Fields of a body, or parameters of a query. One that is misspelt is refused, never ignored.

    A lost `output_tokens` would be lost money, and a lost `customer_id` somebody else's list.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name)[:64] for name in data if name not in self.fields][:UNKNOWN_NAMED_MAX]
            if unknown:
                raise serializers.ValidationError({name: [self._advice(name)] for name in unknown})
        return super().to_internal_value(data)

    def _advice(self, name: str) -> str:
        close = get_close_matches(name, list(self.fields), n=1, cutoff=0.6)
        return f"Unknown field; did you mean '{close[0]}'?" if close else "Unknown field."


class Query(Input):
    """Parameters of a query string, each of which may be given once."""

    def to_internal_value(self, data: Any) -> Any:
        if hasattr(data, "lists"):
            twice = [name for name, values in data.lists() if len(values) > 1]
            if twice:
                raise serializers.ValidationError({name[:64]: ["Given more than once."] for name in twice})
            data = data.dict()
        return super().to_internal_value(data)


class Output(serializers.Serializer[Any]):
    """Fields of an answer."""


class PageQuery(Query):
    """Where in a list to read, and how much."""

    cursor = serializers.CharField(required=False, max_length=255, help_text="`next_cursor` of the page before.")
    limit = serializers.IntegerField(
        required=False, default=LIMIT_DEFAULT, min_value=1, max_value=LIMIT_MAX, help_text="How many at most."
    )


class TextField(serializers.CharField):
    """A JSON string, as it is: a number is not one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmailField(serializers.EmailField):
    """An e-mail address."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PhoneField(TextField):
    """A telephone number in E.164: a plus, the country, the number, no blanks."""

    default_error_messages = {
        "not_e164": "Write a telephone number as +14155552671: a plus, the country code, the number, nothing else.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text == "":
            return text
        try:
            number = phonenumbers.parse(text, region=None)
        except phonenumbers.NumberParseException:
            self.fail("not_e164")
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if written != text or not phonenumbers.is_possible_number(number):
            self.fail("not_e164")
        return text


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction: neither a string nor a boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, (int, Decimal)):
            self.fail("invalid")
        return super().to_internal_value(str(data))


class FlagField(serializers.BooleanField):
    """JSON's true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "string", "pattern": r"^-?[0-9]{1,10}(\.[0-9]{1,10})?$", "example": "25.00"})
class AmountField(serializers.Field[Decimal, Any, str, Decimal]):
    """Money or credits: a decimal string. A JSON number is taken as the decimal it is written as."""

    default_error_messages = {
        "invalid": 'Write an amount as a plain decimal such as "25.00", '
        "with at most ten digits before the point and ten after.",
    }

    def to_internal_value(self, data: Any) -> Decimal:
        return self.read(data)

    def read(self, data: Any) -> Decimal:
        """The amount, exactly as written."""
        if isinstance(data, bool) or not isinstance(data, (str, int, Decimal)):
            self.fail("invalid")
        try:
            return parse_amount(data if isinstance(data, str) else f"{data:f}")
        except NotAnAmount:
            self.fail("invalid")

    def to_representation(self, value: Decimal) -> str:
        return format_amount(value)


@extend_schema_field(OpenApiTypes.NUMBER)
class QuantityField(serializers.Field[Decimal, Any, "int | float", Decimal]):
    """A quantity in an answer: a JSON number, whole when it is."""

    def to_representation(self, value: Decimal) -> int | float:
        return int(value) if value == int(value) else float(value)


@extend_schema_field({"type": "object", "additionalProperties": True, "example": {"team": "research"}})
class ObjectField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON object of at most 16 KB, kept as it is."""

    default_error_messages = {
        "invalid": "Not an object.",
        "too_large": f"The object has more than {METADATA_BYTES_MAX:,} bytes as JSON.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        kept: dict[str, Any] = _with_floats(data)
        if len(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()) > METADATA_BYTES_MAX:
            self.fail("too_large")
        return kept

    def to_representation(self, value: Any) -> Any:
        return value


def _with_floats(value: Any) -> Any:
    """A copy whose decimals are JSON's own numbers again: what is kept here is never money."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_floats(inner) for inner in value]
    return value


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601 with its offset from UTC; without one nobody could say which moment it is."""

    default_error_messages = {
        "naive": "Add the offset from UTC, for example 2026-01-31T09:30:00Z.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """Keep the offset that was sent."""
        if value.tzinfo is None:
            self.fail("naive")
        return value
