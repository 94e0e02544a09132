"""How lists are read: newest first, a page at a time, from a cursor that only Lava can make.

A cursor says after which row the next page begins, so rows added meanwhile neither repeat nor hide one.
It is signed for one merchant and one list: made up or taken from elsewhere, it is refused.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet

from apps.core.errors import LavaError

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100

_KEY_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 14  # 30 bytes with the key: base64 without padding

M = TypeVar("M", bound=Model)


class InvalidCursor(LavaError):
    """The cursor is not one that this list gave out."""

    code: ClassVar[str] = "invalid_cursor"


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows of a list, and where the next ones begin."""

    rows: Sequence[M]
    next_cursor: str | None

    def body(self, data: Any) -> dict[str, Any]:
        """The list object of the API, with these rows presented as `data`."""
        return {"data": data, "has_more": self.next_cursor is not None, "next_cursor": self.next_cursor}


def read_page(rows: QuerySet[M], *, scope: str, cursor: str | None, limit: int, key: str = "id") -> Page[M]:
    """The `limit` rows after `cursor`, newest first by `key` (a sortable id, or a whole number).

    `scope` names the merchant and the list. Raises InvalidCursor.
    """
    if cursor:
        rows = rows.filter(**{f"{key}__lt": _read(cursor, scope, rows.model, key)})
    found = list(rows.order_by(f"-{key}")[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], _write(getattr(found[limit - 1], key), scope))


def _write(value: UUID | int, scope: str) -> str:
    number = value.int if isinstance(value, UUID) else value
    packed = number.to_bytes(_KEY_BYTES, "big")
    return urlsafe_b64encode(packed + _signature(packed, scope)).decode()


def _read(cursor: str, scope: str, model: type[Model], key: str) -> UUID | int:
    try:
        raw = b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (NotBase64, ValueError) as problem:
        raise InvalidCursor("The cursor is not one that this list gave out.") from problem
    packed, signature = raw[:_KEY_BYTES], raw[_KEY_BYTES:]
    if not hmac.compare_digest(signature, _signature(packed, scope)):
        raise InvalidCursor("The cursor is not one that this list gave out.")
    number = int.from_bytes(packed, "big")
    return UUID(int=number) if model._meta.get_field(key).get_internal_type() == "UUIDField" else number


def _signature(packed: bytes, scope: str) -> bytes:
    message = f"cursor:{scope}:".encode() + packed
    return hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256)[:_SIGNATURE_BYTES]
