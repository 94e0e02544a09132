"""The keys of merchants' applications: made, checked, revoked.

    aks_test_  3kT…43 letters…q9  1xYz09
    whose      256 random bits    checksum of all before it

The checksum lets a secret scanner, and us, tell a key from a mistyped or invented one without asking the
database. Keys are stored as HMAC-SHA-256 under a pepper that the database does not hold, so that a copy of
the database opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core.errors import LavaError
from apps.core.process_cache import ProcessCache
from apps.core.public_ids import MODES, parse_public_id, public_id
from apps.merchants.models import Merchant, SecretKey, User

ACTIVE_KEYS_MAX: Final = 100
NAME_LENGTH_MAX: Final = 255
COOL_DOWN: Final = timedelta(seconds=15)
"""How long a new key cannot be deleted: time to notice that the wrong one was about to go."""
NOTE_USE_EVERY: Final = timedelta(minutes=1)

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # 62^43 is just more than 2^256
_CHECKSUM_LENGTH: Final = 6  # 62^6 is more than 2^32


class KeyRefused(LavaError):
    """The key is not one of ours, or not any more. Which of the two is not said."""

    code: ClassVar[str] = "invalid_secret_key"
    status: ClassVar[int] = 401


class KeyNotFound(LavaError):
    """This merchant has no such active key."""

    code: ClassVar[str] = "secret_key_not_found"
    status: ClassVar[int] = 404


class TooManyKeys(LavaError):
    """The merchant has as many active keys as it may."""

    code: ClassVar[str] = "too_many_secret_keys"


class LastKey(LavaError):
    """Without its last key a merchant could not use the API any more."""

    code: ClassVar[str] = "last_secret_key"
    status: ClassVar[int] = 409


class KeyTooNew(LavaError):
    """The key was made moments ago."""

    code: ClassVar[str] = "secret_key_too_new"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a merchant's application, by one of its keys."""

    merchant: Merchant
    key_id: UUID

    is_authenticated: ClassVar[bool] = True

    @property
    def actor(self) -> str:
        """How the books name whoever moved credits with this key."""
        return public_id(SecretKey.public_prefix, self.merchant.mode, self.key_id)


def generate(*, mode: str) -> str:
    """A fresh key: 256 random bits behind a prefix that says what it is, and a checksum."""
    if mode not in MODES:
        raise ValueError(f"{mode!r} is not one of {MODES}")
    body = f"aks_{mode}_{_in_base_62(secrets.randbits(256), _SECRET_LENGTH)}"
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether this could be a key: the right shape, and a checksum that fits."""
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    return (
        len(text) == len("aks_live_") + _SECRET_LENGTH + _CHECKSUM_LENGTH
        and body.startswith(("aks_live_", "aks_test_"))
        and text.isascii()
        and checksum == _checksum(body)
    )


@transaction.atomic
def create_secret_key(
    *, merchant: Merchant, name: str, at: datetime, created_by: User | None = None, text: str | None = None
) -> tuple[SecretKey, str]:
    """Make a key and return it with its text, which nobody can read again.

    A given `text` (from `generate`) becomes the key instead of a fresh one. Raises TooManyKeys.
    """
    text = text or generate(mode=merchant.mode)
    if not is_well_formed(text) or not text.startswith(f"aks_{merchant.mode}_"):
        raise ValueError(f"not a key for a merchant in mode {merchant.mode}")
    if _lock_active_keys(merchant) >= ACTIVE_KEYS_MAX:
        raise TooManyKeys(f"A merchant may have {ACTIVE_KEYS_MAX} active keys. Delete one that is not used.")
    key = SecretKey.objects.create(
        merchant=merchant,
        name=name,
        digest=_digest(text),
        last_four=text[-4:],
        created_at=at,
        created_by=created_by,
    )
    return key, text


@transaction.atomic
def revoke_secret_key(*, key: SecretKey, at: datetime) -> None:
    """Make a key stop working, in every process within a second. Revoking it again changes nothing.

    Raises KeyTooNew within 15 seconds of its creation, and LastKey for the only active one.
    """
    active = _lock_active_keys(key.merchant)
    key.refresh_from_db()
    if key.revoked_at is not None:
        return
    if at < key.created_at + COOL_DOWN:
        raise KeyTooNew(f"A key can be deleted {COOL_DOWN.seconds} seconds after it was made, not sooner.")
    if active == 1:
        raise LastKey("This is the last key; make another one before you delete it.")
    key.revoked_at = at
    key.save(update_fields=["revoked_at"])


def find_secret_key(merchant: Merchant, text: str) -> SecretKey:
    """The merchant's active key with this id. Raises KeyNotFound."""
    key_id = parse_public_id(SecretKey.public_prefix, merchant.mode, text)
    active = SecretKey.objects.for_merchant(merchant).filter(revoked_at__isnull=True)
    key: SecretKey | None = active.filter(pk=key_id).first() if key_id else None
    if key is None:
        raise KeyNotFound("There is no such secret key.")
    return key


def authenticate(text: str) -> Caller:
    """Whose key this is. Raises KeyRefused, for every reason with the same words.

    Answers come from the process's memory; a revoked key stops working within a second.
    """
    if not is_well_formed(text):
        raise KeyRefused(_REFUSAL)
    return _callers.get(_digest(text))


def note_use(caller: Caller, *, at: datetime) -> None:
    """Remember that a key was used, to the minute: a write per request would cost more than the request."""
    moment = time.monotonic()
    if moment - _noted.get(caller.key_id, float("-inf")) < NOTE_USE_EVERY.total_seconds():
        return
    _noted[caller.key_id] = moment
    # Other processes note the same key; whoever is first this minute writes.
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - NOTE_USE_EVERY)
    SecretKey.objects.for_merchant(caller.merchant).filter(stale, pk=caller.key_id).update(last_used_at=at)


_REFUSAL: Final = "The secret key is not valid."
_noted: dict[UUID, float] = {}


def _load_caller(digest: bytes) -> Caller:
    active = SecretKey.across_merchants.select_related("merchant").filter(revoked_at__isnull=True)
    key = active.filter(digest=digest).first()
    if key is None:
        raise KeyRefused(_REFUSAL)
    return Caller(merchant=key.merchant, key_id=key.pk)


_callers: ProcessCache[bytes, Caller] = ProcessCache(_load_caller, owner_of=lambda caller: caller.merchant.pk)


def _lock_active_keys(merchant: Merchant) -> int:
    """Count the merchant's active keys; until the transaction ends nobody else can change their number."""
    # Not FOR UPDATE: that would make every insert that refers to the merchant wait.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    count: int = SecretKey.objects.for_merchant(merchant).filter(revoked_at__isnull=True).count()
    return count


def _digest(text: str) -> bytes:
    return hmac.digest(settings.KEY_PEPPER.encode(), text.encode(), hashlib.sha256)


def _checksum(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    return "".join(reversed(list(_digits(number, length))))


def _digits(number: int, length: int) -> Iterator[str]:
    for _ in range(length):
        number, digit = divmod(number, 62)
        yield _DIGITS[digit]
