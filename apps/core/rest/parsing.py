"""How a request body is read: JSON and nothing that only looks like it.

Whatever passes here can be stored and priced without a surprise: numbers are exact, texts fit a text column,
nothing was silently dropped (a repeated field is refused) and nothing is too large or too deep to walk.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, ClassVar, Final, NoReturn

from django.conf import settings
from rest_framework.parsers import BaseParser

from apps.core.errors import LavaError
from apps.core.rest.errors import BodyTooLarge

DEPTH_MAX: Final = 32
DIGITS_MAX: Final = 100
EXPONENT_MAX: Final = 300
"""Numbers beyond these mean nothing to anybody, and would only be costly to compute with."""


class InvalidJSON(LavaError):
    """The body is not JSON text in UTF-8, or holds something JSON readers disagree about."""

    code: ClassVar[str] = "invalid_json"


class StrictJSONParser(BaseParser):
    """`application/json`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse_json(stream.read(settings.BODY_BYTES_MAX + 1))


def parse_json(body: bytes) -> Any:
    """Read JSON: integers as int, other numbers as Decimal. Raises InvalidJSON and BodyTooLarge."""
    if len(body) > settings.BODY_BYTES_MAX:
        raise BodyTooLarge(f"The body is larger than {settings.BODY_BYTES_MAX:,} bytes.")
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
        _check(value, DEPTH_MAX)
    except UnicodeDecodeError as problem:
        raise InvalidJSON(f"The body is not UTF-8: byte {problem.start}.") from problem
    except json.JSONDecodeError as problem:
        raise InvalidJSON(f"The body is not JSON: {problem.msg}, at character {problem.pos}.") from problem
    except RecursionError as problem:
        raise InvalidJSON(f"The body is nested more than {DEPTH_MAX} deep.") from problem
    return value


def _integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise InvalidJSON(f"A number in the body has more than {DIGITS_MAX} digits.")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > DIGITS_MAX:
        raise InvalidJSON(f"A number in the body has more than {DIGITS_MAX} digits.")
    try:
        number = Decimal(text)
    except InvalidOperation as problem:
        raise InvalidJSON(f"{text} is not a number that Lava can hold.") from problem
    if number and abs(number.adjusted()) > EXPONENT_MAX:
        raise InvalidJSON(f"{text} is not a number that Lava can hold.")
    return number or Decimal(0)


def _constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidJSON(f"The field {_first_repeated(pairs)[:64]!r} is given twice.")
    return fields


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    names = Counter(name for name, _ in pairs)
    return next(name for name, times in names.items() if times > 1)


def _check(value: Any, depth: int) -> None:
    if depth < 0:
        raise InvalidJSON(f"The body is nested more than {DEPTH_MAX} deep.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check(inner, depth - 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidJSON("A text in the body holds a NUL character.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            raise InvalidJSON("A text in the body holds half of a surrogate pair.") from problem
