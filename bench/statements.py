"""What PostgreSQL is busy with while requests are charged: its own view of its sessions, looked at again and again."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

EVERY_SECONDS = 0.01

_TABLE = re.compile(r"\b(?:ledger|requests|subscriptions|customers)_\w+")
_LOOK = """
    SELECT state, wait_event_type || ' ' || wait_event, query FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND xact_start IS NOT NULL
"""

Sighting = tuple[str, str]
"""A statement, and what it was doing: running, or waiting for something."""


@contextmanager
def watched(url: str) -> Iterator[Counter[Sighting]]:
    """Count what the sessions inside a transaction are seen doing, about a hundred times a second."""
    seen: Counter[Sighting] = Counter()
    stop = threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(EVERY_SECONDS):
                for state, wait, query in connection.execute(_LOOK).fetchall():
                    if state == "active":
                        seen[named(query), wait or "running"] += 1
                    else:
                        seen["between statements", "waiting for the application"] += 1

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def named(query: str) -> str:
    """`UPDATE ledger_grant`: a statement's verb and the first table it names."""
    words = query.split(None, 1)
    table = _TABLE.search(query)
    verb = words[0].upper() if words else "?"
    if verb == "SELECT" and "FOR UPDATE" in query:
        verb = "LOCK"
    return f"{verb} {table[0]}" if table else verb
