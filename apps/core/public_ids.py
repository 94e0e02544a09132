"""What an id looks like from outside: `con_test_01K7…`, a prefix, the mode and a ULID.

Inside, every id is the same 128 bits as a UUID: 16 bytes in an index, and rows made one after
another lie next to each other. ids are made by the application, so a batch knows them before it
writes, and no sequence is shared between machines.
"""

import secrets
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import ulid

CUSTOMER: Final = "con"
METER: Final = "prd"
PLAN: Final = "sub"
CREDIT_BUNDLE: Final = "cb"
SUBSCRIPTION: Final = "asub"
CYCLE: Final = "cyc"
GRANT: Final = "grt"
ENTRY: Final = "ent"
MERCHANT: Final = "mer"
SECRET_KEY: Final = "sk"  # noqa: S105  (the prefix of an id)

MODES: Final = ("live", "test")

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Ten bits at a time: thirteen look-ups instead of twenty-six.
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_SHIFTS: Final = tuple(range(120, -1, -10))
_LARGEST: Final = 1 << 128


Id = str
"""An id as PostgreSQL writes it, `0198c1…-…`: what hot code passes around. `UUID(id)` and `str(uuid)` convert."""


def new_id(at: datetime | None = None) -> UUID:
    """A fresh sortable id, of this moment or of `at`.

    Ids of one process rise strictly within a millisecond too, so what was made later sorts later.
    """
    return ulid.default_generator.generate(at).to_uuid()


class FreshIds:
    """Fresh ids of one moment, each after the one before: for the many rows of one batch.

    They count up from a random beginning of their own: 79 random bits, so that two batches of the same
    millisecond do not meet, and the counting cannot reach the bits of the time.
    """

    def __init__(self, at: datetime) -> None:
        self._last = (int(at.timestamp() * 1000) << 80) | secrets.randbits(79)

    def next(self) -> Id:
        """The next id."""
        self._last += 1
        return _canonical(self._last)


def ulid_text(id: UUID | Id) -> str:
    """The 26 letters of Crockford's base 32 for these 128 bits (github.com/ulid/spec)."""
    number = id.int if isinstance(id, UUID) else int(id.replace("-", ""), 16)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=100_000)
def public_id(prefix: str, mode: str, id: UUID | Id) -> str:
    """`con_test_01K7…` for a customer of a sandbox."""
    return f"{prefix}_{mode}_{ulid_text(id)}"


@lru_cache(maxsize=100_000)
def parse_public_id(prefix: str, mode: str, text: str) -> Id | None:
    """The id that `public_id` wrote so, or None for anything else, ids of the other mode included."""
    head = f"{prefix}_{mode}_"
    if len(text) != len(head) + 26 or not text.startswith(head):
        return None
    number = 0
    for letter in text[len(head) :]:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = (number << 5) | value
    return _canonical(number) if number < _LARGEST else None


def _canonical(number: int) -> Id:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
