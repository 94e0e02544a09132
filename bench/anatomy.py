"""Where the time of a charge goes: whose CPU, in which statement, in which function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from apps.core import clock, process_cache
from apps.requests.lane import answer_together
from bench import posts
from bench.books import Book
from bench.stacks import Stacks, sample
from bench.statements import Sighting, watched

_UPDATED_TABLES = ("ledger_balance", "ledger_grant", "requests_metercounter", "requests_hourlyrollup")


@dataclass(frozen=True, slots=True)
class Watched:
    """What PostgreSQL's sessions were seen doing in one run, and how many charges shared a commit."""

    name: str
    seen: Counter[Sighting]
    charges_per_commit: float


def watch(name: str, url: str, book: Book, run: Callable[[], object]) -> Watched:
    """Look at PostgreSQL's sessions while `run` charges customers of the book."""
    since = clock.now()
    with watched(url) as seen:
        run()
    return Watched(name, seen, _charges_per_commit(url, book, since))


def _charges_per_commit(url: str, book: Book, since: datetime) -> float:
    """The requests of one batch are of the same moment."""
    with psycopg.connect(url) as connection:
        [(charges, moments)] = connection.execute(
            "SELECT count(*), count(DISTINCT created_at) FROM requests_meteredrequest "
            "WHERE merchant_id = %s AND created_at >= %s",
            (book.merchant.pk, since),
        ).fetchall()
    return float(charges / max(moments, 1))


def in_process(book: Book, *, sizes: Sequence[int], seconds: float, salt: int) -> dict[int, Stacks]:
    """Charge batches of these sizes in this process, as the lane's threads do, and sample what Python does."""
    process_cache.listen()
    try:
        return {size: _answer_batches(book, size, seconds, salt + place) for place, size in enumerate(sizes)}
    finally:
        process_cache.stop_listening()


def _answer_batches(book: Book, size: int, seconds: float, salt: int) -> Stacks:
    fresh = posts.singles(book, hot=False, salt=salt)
    authorization = f"Bearer {book.key}"

    def work() -> int:
        batch = [(authorization, next(fresh).partition(b"\r\n\r\n")[2]) for _ in range(size)]
        answers = answer_together(batch)
        if any(status != 201 for status, _ in answers):
            raise RuntimeError(f"not charged: {answers[0]!r}")
        return size

    work()  # connects, prepares, fills the caches
    return sample(work, seconds=seconds)


def hot_updates(url: str) -> dict[str, tuple[int, float]]:
    """Per table that charges update: how many updates, and the share that touched no index."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = ANY(%s)",
            (list(_UPDATED_TABLES),),
        ).fetchall()
    return {table: (updates, hot / updates if updates else 1.0) for table, updates, hot in rows}
