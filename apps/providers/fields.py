"""Which numbers in a provider's answer do we believe?

Exact, finite, whole where they count things, never negative and never absurd. A number that is anything
else refuses the answer: a count that is silently read as zero is money lost. A field that is absent or
null is not a number at all, and an explicit zero is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.providers.usage import EXACT, QUANTITY_MAX, UsageUnreadable

LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True)
class Fields:
    """An object inside a provider's answer, and where it was found.

    Methods that take several names use the first one that is present: providers agree on what they
    count and not on what to call it. Nothing here looks deeper than it is asked to.
    """

    values: Mapping[str, object]
    path: str = ""

    def has(self, *names: str) -> bool:
        """Whether any of the names is there and not null."""
        return self._first(names)[1] is not None

    def nested(self, *names: str) -> Fields:
        """The object under a name; an empty one when absent. Refuses what is not an object."""
        name, value = self._first(names)
        if value is None:
            return Fields({}, self._path(name))
        if not isinstance(value, Mapping):
            raise UsageUnreadable(f"{self._path(name)} is not an object")
        return Fields(value, self._path(name))

    def each(self, *names: str) -> Iterator[Fields]:
        """The objects in a list; none when absent. Refuses a list of anything else."""
        name, value = self._first(names)
        if value is None:
            return
        if not isinstance(value, list):
            raise UsageUnreadable(f"{self._path(name)} is not a list")
        for index, item in enumerate(value):
            if not isinstance(item, Mapping):
                raise UsageUnreadable(f"{self._path(name)}[{index}] is not an object")
            yield Fields(item, f"{self._path(name)}[{index}]")

    def count(self, *names: str) -> int:
        """How many; zero when absent."""
        name, value = self._first(names)
        return 0 if value is None else _whole_number(value, self._path(name))

    def required_count(self, *names: str) -> int:
        """How many. Refuses when absent: without this number there is nothing to charge by."""
        if not self.has(*names):
            raise UsageUnreadable(f"{self._path(names[0])} is missing")
        return self.count(*names)

    def amount(self, *names: str) -> Decimal | None:
        """An exact quantity or sum of money; None when absent."""
        name, value = self._first(names)
        return None if value is None else _exact_number(value, self._path(name))

    def text(self, *names: str) -> str:
        """A name or identifier; empty when absent or not fit to be stored.

        An odd name refuses nothing: the usage beside it is worth more than the name.
        """
        value = self._first(names)[1]
        if isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable():
            return value
        return ""

    def texts(self, *names: str) -> Iterator[str]:
        """The texts in a list that are not empty; none when absent. Refuses a list of anything else."""
        name, value = self._first(names)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageUnreadable(f"{self._path(name)} is not a list of texts")
        yield from filter(None, value)

    def _first(self, names: tuple[str, ...]) -> tuple[str, object]:
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return name, value
        return names[0], None

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _whole_number(value: object, path: str) -> int:
    if type(value) is int and 0 <= value <= QUANTITY_MAX:
        return value
    number = _exact_number(value, path)
    if number != number.to_integral_value():
        raise UsageUnreadable(f"{path} is not a whole number")
    return int(number)


def _exact_number(value: object, path: str) -> Decimal:
    # A bool is an int to Python; a float is no longer what the provider wrote.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UsageUnreadable(f"{path} is not an exact number")
    if isinstance(value, Decimal) and not value.is_finite():
        raise UsageUnreadable(f"{path} is not a finite number")
    # The value is never quoted: printing a hostile number can cost more than reading it.
    if not 0 <= value <= QUANTITY_MAX:
        raise UsageUnreadable(f"{path} is not between 0 and {QUANTITY_MAX:,}")
    return EXACT.create_decimal(value)
