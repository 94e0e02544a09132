"""Reaching behind the ledger's locks, which only tests may: to seed defects and to clean up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

APPEND_ONLY = ("ledger_ledgerentry", "meters_rate")
_KEPT = {"django_migrations", "django_content_type", "auth_permission"}


@contextmanager
def unlocked_ledger() -> Iterator[None]:
    """Append-only tables can be edited inside, by the owner of the tables in one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f'GRANT UPDATE, DELETE, TRUNCATE ON "{table}" TO CURRENT_USER')
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        yield
        for table in APPEND_ONLY:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
            cursor.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM CURRENT_USER')


def empty_all_tables() -> None:
    """Leave the database as migrations left it."""
    tables = [name for name in connection.introspection.table_names() if name not in _KEPT]
    with unlocked_ledger(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in tables))
