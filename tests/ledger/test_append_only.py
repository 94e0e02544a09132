"""Entries and rates are never changed, whoever asks: the database itself refuses."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.ledger.models import LedgerEntry
from apps.meters.models import Rate

STATEMENTS = ("UPDATE {0} SET created_at = now()", "DELETE FROM {0}", "TRUNCATE {0}")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("model", [LedgerEntry, Rate])
def test_the_application_lacks_the_privilege(model, statement):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(model._meta.db_table))


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("model", [LedgerEntry, Rate])
def test_who_takes_the_privilege_back_meets_the_trigger(model, statement):
    table = model._meta.db_table
    connection.cursor().execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO CURRENT_USER")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement.format(table))
