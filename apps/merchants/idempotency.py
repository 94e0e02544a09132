"""How a POST that is sent twice happens once: the answer is kept under the caller's `Idempotency-Key`.

The record and what the request did are one transaction, so there is never one without the other: a crash
before the commit leaves neither, and the retry starts afresh. A refusal stores nothing, so it may be retried too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction

from apps.core.errors import LavaError
from apps.merchants.models import IdempotencyRecord, Merchant

KEY_LENGTH_MAX: Final = 255
KEPT_FOR: Final = timedelta(days=1)

_NONCE_BYTES: Final = 12


class IdempotencyKeyInvalid(LavaError):
    """The key is empty or too long."""

    code: ClassVar[str] = "idempotency_key_invalid"


class IdempotencyKeyReused(LavaError):
    """The key was used before for another request."""

    code: ClassVar[str] = "idempotency_key_reused"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, as it went over the wire."""

    status: int
    body: bytes
    is_replay: bool = False


def answer_once(
    *, merchant: Merchant, key: str, request_hash: bytes, at: datetime, answer: Callable[[], Answer]
) -> Answer:
    """What `answer()` says, asked at most once per key: who sends the key again gets the stored answer.

    A second request with the key waits for the first to finish. When `answer` raises, nothing is stored.
    Raises IdempotencyKeyInvalid, and IdempotencyKeyReused when the key came with another request before.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise IdempotencyKeyInvalid(f"An Idempotency-Key has 1 to {KEY_LENGTH_MAX} characters.")
    with transaction.atomic():
        if not _claim(merchant, key, request_hash, at):
            return _stored(merchant, key, request_hash)
        given = answer()
        IdempotencyRecord.objects.for_merchant(merchant).filter(key=key).update(
            status=given.status, body=_seal(merchant, key, given.body)
        )
        return given


def hash_of_request(*, method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same: the route and every byte of the body."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).digest()


def forget_old_keys(*, at: datetime) -> int:
    """Drop answers that are older than a day; returns how many."""
    deleted, _ = IdempotencyRecord.across_merchants.filter(created_at__lt=at - KEPT_FOR).delete()
    return deleted


def _claim(merchant: Merchant, key: str, request_hash: bytes, at: datetime) -> bool:
    """Whether this request is the first with its key. Waits for another one that is being answered now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO merchants_idempotencyrecord (merchant_id, key, request_hash, status, body, created_at)
            VALUES (%s, %s, %s, 0, '', %s)
            ON CONFLICT (merchant_id, key) DO NOTHING
            """,
            [merchant.pk, key, request_hash, at],
        )
        return bool(cursor.rowcount == 1)


def _stored(merchant: Merchant, key: str, request_hash: bytes) -> Answer:
    record = IdempotencyRecord.objects.for_merchant(merchant).get(key=key)
    if bytes(record.request_hash) != request_hash:
        raise IdempotencyKeyReused("This Idempotency-Key was used before for another request.")
    return Answer(record.status, _unseal(merchant, key, bytes(record.body)), is_replay=True)


def _seal(merchant: Merchant, key: str, body: bytes) -> bytes:
    """Encrypt: an answer may hold a fresh secret key, which a copy of the database must not give away."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher().encrypt(nonce, body, _about(merchant, key))


def _unseal(merchant: Merchant, key: str, sealed: bytes) -> bytes:
    return _cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _about(merchant, key))


def _cipher() -> AESGCM:
    return AESGCM(hashlib.sha256(b"idempotency:" + settings.KEY_PEPPER.encode()).digest())


def _about(merchant: Merchant, key: str) -> bytes:
    return merchant.pk.bytes + key.encode()
