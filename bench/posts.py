"""The posts that are sent: usage of random customers, ready to go but for the `request_id`."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator

from bench.books import METER, Book

_MASK = (1 << 64) - 1
# Multiplying by it scatters 1, 2, 3… over all 64-bit numbers without meeting one twice: request ids of
# applications are random, and so is the place of each in our index.
_SCATTER = 0x9E3779B97F4A7C15

_DIFFERENT_POSTS = 20_000


def singles(book: Book, *, hot: bool, salt: int, extra: dict[str, str] | None = None) -> Iterator[bytes]:
    """`POST /v1/requests` for random customers, or for one hot customer."""
    parts = []
    for number in _numbers(book, hot=hot):
        before, after = _report(book, number, extra or {})
        head = _head(book, "/v1/requests", len(before) + _ID_LENGTH + len(after))
        parts.append((head + before, after))
    fresh = zip(itertools.cycle(parts), _request_ids(salt), strict=False)
    return (before + request_id + after for (before, after), request_id in fresh)


def batches(book: Book, *, hot: bool, salt: int, size: int) -> Iterator[bytes]:
    """`POST /v1/requests/batch`, `size` reports each."""
    reports = itertools.cycle([_report(book, number, {}) for number in _numbers(book, hot=hot)])
    return _full_batches(book, reports, _request_ids(salt), size)


def _full_batches(
    book: Book, reports: Iterator[tuple[bytes, bytes]], request_ids: Iterator[bytes], size: int
) -> Iterator[bytes]:
    while True:
        items = [b"".join((before, next(request_ids), after)) for before, after in itertools.islice(reports, size)]
        body = b'{"requests":[' + b",".join(items) + b"]}"
        yield _head(book, "/v1/requests/batch", len(body)) + body


_ID_LENGTH = 36


def _request_ids(salt: int) -> Iterator[bytes]:
    """Fresh request ids of 36 letters. Two salts below 2^20 never make the same one in less than 2^44 ids."""
    for number in itertools.count(salt << 44):
        yield b"%016x-charged-through-api" % (number * _SCATTER & _MASK)


def _numbers(book: Book, *, hot: bool) -> list[int]:
    if hot:
        return [1] * _DIFFERENT_POSTS
    return [random.randint(1, book.customers) for _ in range(_DIFFERENT_POSTS)]


def _report(book: Book, number: int, extra: dict[str, str]) -> tuple[bytes, bytes]:
    """A report's JSON before and after its request id."""
    fields = {
        "customer_id": book.public_id_of(number),
        "meter_slug": METER,
        "input_tokens": random.randint(1000, 3999),
        "output_tokens": random.randint(100, 999),
        "metadata": {"feature": "chat"},
        **extra,
        "request_id": "",
    }
    text = json.dumps(fields, separators=(",", ":")).encode()
    return text[:-2], text[-2:]


def _head(book: Book, path: str, length: int) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {book.key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
