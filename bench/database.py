"""Where is measured: a database of the benchmark's own, on a server that keeps what it acknowledges."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

SUFFIX = "_bench"
# Without these a commit is acknowledged before it is safe, and the figures mean nothing.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# `uuidv7()`, with which pgbench makes ids that sort by time as ours do.
VERSION_AT_LEAST = 180000
SHOWN = (
    "server_version",
    *DURABLE,
    "wal_sync_method",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "jit",
    "autovacuum",
)


@contextmanager
def own_database(url: str, *, keep: bool) -> Iterator[str]:
    """Make an empty database beside the one in `url`, and drop it afterwards unless told to keep it."""
    if not url:
        sys.exit("DATABASE_URL is not set. `make bench` starts a PostgreSQL of its own; or name yours.")
    parts = urlsplit(url)
    name = parts.path.strip("/") + SUFFIX
    with psycopg.connect(url, autocommit=True) as server:
        _refuse_forgetful(server)
        _drop(server, name)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            if not keep:
                _drop(server, name)


def settings_of(url: str) -> dict[str, str]:
    """The server's settings that decide what the figures mean."""
    with psycopg.connect(url) as server:
        return {name: _setting(server, name) for name in SHOWN}


def tidy_up(url: str) -> None:
    """What a server that has run for a while has behind it: fresh statistics, visible pages, no dirty buffers."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("VACUUM (ANALYZE)")
        try:
            server.execute("CHECKPOINT")
        except psycopg.errors.InsufficientPrivilege:
            print("  (this role may not CHECKPOINT: the next figures may contain one)")


def _refuse_forgetful(server: psycopg.Connection) -> None:
    if server.info.server_version < VERSION_AT_LEAST:
        sys.exit("The benchmark needs PostgreSQL 18 for uuidv7(). Lava itself does not.")
    for name, wanted in DURABLE.items():
        if _setting(server, name) != wanted:
            sys.exit(f"{name} is {_setting(server, name)}: figures without durable commits mean nothing.")


def _setting(server: psycopg.Connection, name: str) -> str:
    [(value,)] = server.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchall()
    return str(value)


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
