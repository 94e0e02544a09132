"""Statements over many rows at once, several of them in one round trip.

psycopg dumps a Python list element by element; here a column is one array literal that PostgreSQL
parses, which is what makes a statement over five hundred charges cheap. For the same reason rows
come back in plain types: ids as text (a `UUID` costs more to make, hash and write than everything else
that is done with it), JSON as text. Only the hot statements use this; everything else is the ORM's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader


def array(values: Iterable[object]) -> str:
    """An array literal of values that need no quoting: ids, numbers, None."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def text_array(values: Iterable[str]) -> str:
    """An array literal of any texts (timestamps and JSON included)."""
    texts = list(values)
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    # Most columns hold nothing to quote, and looking at the whole is quicker than at each.
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in texts])
    return '{"' + joined + '"}'


def timestamp_array(moments: Iterable[datetime]) -> str:
    """An array literal of moments; a batch has few different ones, and writing one is slow."""
    texts: dict[datetime, str] = {}
    for moment in (moments := list(moments)):
        if moment not in texts:
            texts[moment] = moment.isoformat()
    return text_array([texts[moment] for moment in moments])


_PLAIN: Final = AdaptersMap(psycopg.adapters)
for _name in ("uuid", "json", "jsonb"):
    _PLAIN.register_loader(_name, TextLoader)


class _PlainCursor(psycopg.Cursor[Any]):
    """psycopg's own types with ids and JSON as text, whatever Django registered on its connection."""

    @property
    def adapters(self) -> AdaptersMap:
        return _PLAIN


# These statements look up a few rows by their keys, so a plan that scans a table, because it is small today, is
# never the one to keep.
_BY_INDEX_ONLY: Final = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true)
"""


class Pipe:
    """Statements of one transaction that are sent without waiting for each other's answers."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def send(self, statement: str, parameters: Sequence[object]) -> psycopg.Cursor[Any]:
        """Send a statement; its rows can be fetched from the cursor, which waits for them only then."""
        cursor = _PlainCursor(self._raw)
        cursor.execute(cast(Any, statement), parameters, prepare=True)
        return cursor


@contextmanager
def pipelined_transaction() -> Iterator[Pipe]:
    """One transaction on Django's own connection, or a savepoint inside the one that is open.

    What was sent is committed when the block ends, in the same round trip as the last statements.
    """
    connection.ensure_connection()
    raw = cast("psycopg.Connection[Any]", connection.connection)
    if connection.in_atomic_block and raw.info.transaction_status is TransactionStatus.IDLE:
        # Django has promised a transaction that no statement has begun yet. Without one psycopg would begin its
        # own, and commit it under the nose of a caller who may still roll back.
        raw.execute("SELECT 1")
    with raw.pipeline(), raw.transaction():
        pipe = Pipe(raw)
        pipe.send(_BY_INDEX_ONLY, ())
        _plan_afresh_now_and_then(pipe, raw)
        yield pipe


# A prepared statement keeps its plan until the table is analysed. One made while a table was empty may use an
# index that finds everything of a merchant, which is nothing then and a million rows a minute later.
_PLANS_LAST_SECONDS: Final = 1.0
_planned_at: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()


def _plan_afresh_now_and_then(pipe: Pipe, raw: psycopg.Connection[Any]) -> None:
    now = time.monotonic()
    if now - _planned_at.get(raw, float("-inf")) > _PLANS_LAST_SECONDS:
        _planned_at[raw] = now
        pipe.send("DISCARD PLANS", ())


def plain_pipe() -> Pipe:
    """The same statements one after another, inside a `transaction.atomic` block that also uses the ORM."""
    if not connection.in_atomic_block:
        raise RuntimeError("plain_pipe belongs inside transaction.atomic()")
    pipe = Pipe(cast("psycopg.Connection[Any]", connection.connection))
    pipe.send(_BY_INDEX_ONLY, ())
    return pipe
