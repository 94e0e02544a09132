"""What the checks make of the models: every reference and every summed column is looked at."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models

from apps.ledger.audit import run_audit
from apps.ledger.references import Reference, references, tenant_models
from apps.merchants.tenancy import TenantModel, TenantRow
from apps.requests.models import HourlyRollup
from tests.audit.conftest import AUDITED_AT, Book
from tests.factories.books import unlocked_ledger


def named(reference: Reference) -> str:
    return f"{reference.model.__name__}.{reference.column} to {reference.target.__name__}"


@pytest.mark.parametrize("reference", references(), ids=named)
def test_a_reference_that_leads_nowhere_is_found(book: Book, reference: Reference) -> None:
    table = reference.model._meta.db_table
    with unlocked_ledger(), connection.cursor() as cursor:
        drop_references_of(table)
        cursor.execute(
            f"UPDATE {table} SET {reference.column} = %s WHERE ctid = "
            f"(SELECT ctid FROM {table} WHERE {reference.only} ORDER BY {reference.column} IS NULL LIMIT 1)",
            [uuid4()],
        )
        if not cursor.rowcount:
            pytest.skip(f"the book has no {reference.model._meta.verbose_name}")
    found = run_audit(at=AUDITED_AT, only=["A13"]).differences
    assert any(f"its {reference.column} is {reference.target._meta.verbose_name}" in each.message for each in found)


def drop_references_of(table: str) -> None:
    """Let a table point anywhere, as it could if somebody had dropped its foreign keys."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", [table])
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model.__name__)
def test_every_id_a_row_holds_is_a_known_reference(model: type[TenantRow]) -> None:
    known = {(reference.model, reference.column) for reference in references()}
    ids = [
        field.column
        for field in model._meta.local_fields
        if isinstance(field, models.UUIDField) and field.column not in ("id", "merchant_id")
    ]
    assert [column for column in ids if (model, column) not in known] == []


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model.__name__)
def test_links_between_rows_are_rows_of_a_merchant_too(model: type[TenantRow]) -> None:
    for field in model._meta.many_to_many:
        through: Any = field.remote_field.through
        assert issubclass(through, TenantModel)


SUMS = [
    field.column
    for field in HourlyRollup._meta.local_fields
    if isinstance(field, models.BigIntegerField | models.DecimalField)
]


@pytest.mark.parametrize("column", SUMS)
def test_every_column_of_a_rollup_is_summed_again(book: Book, column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE requests_hourlyrollup SET {column} = {column} + 7 WHERE customer_id = %s", [book.cleo.pk]
        )
    [found] = run_audit(at=AUDITED_AT).differences
    assert found.invariant == "A12"
    assert found.message.startswith(f"{column} ")
