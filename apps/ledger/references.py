"""Does every reference stay inside one merchant?

The database enforces most of them. The hot tables leave theirs to this check, and so do ids that point to an app
above. The foreign keys are read from the models, so a new model is covered by being there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import models

from apps.ledger.audit import Books, Finding, invariant
from apps.merchants.models import Merchant
from apps.merchants.tenancy import TenantModel, TenantRow

A13 = invariant("A13", "every reference stays inside one merchant")


@dataclass(frozen=True, slots=True)
class Reference:
    """That a column of one table holds the id of a row of another."""

    model: type[TenantRow]
    column: str
    target: type[TenantModel]
    only: str = "TRUE"  # for which rows, in SQL


_declared: list[Reference] = []


def refers_to(model: type[TenantRow], column: str, target: type[TenantModel], *, only: str = "TRUE") -> None:
    """Declare what an id that is no foreign key points to, because its target lies above or depends on the row."""
    _declared.append(Reference(model, column, target, only))


def tenant_models() -> list[type[TenantRow]]:
    """Every table whose rows belong to a merchant."""
    return [model for model in apps.get_models() if issubclass(model, TenantRow)]


def references() -> list[Reference]:
    """Every reference from a merchant's row to another: the foreign keys, and what is declared."""
    foreign_keys = [
        Reference(model, field.column, field.related_model)
        for model in tenant_models()
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel)
    ]
    return foreign_keys + _declared


# Whose row it is after all is looked up only for those that went astray.
_ASTRAY: Final = """
    WITH astray AS MATERIALIZED (
        SELECT merchant_id, {identity} AS identity, {column} AS target_id
        FROM (SELECT * FROM {table} WHERE {column} IS NOT NULL AND {only} AND {scope}) AS referring
        WHERE NOT EXISTS (
            SELECT FROM {target} AS own
            WHERE own.merchant_id = referring.merchant_id AND own.id = referring.{column}
        )
    )
    SELECT astray.*, owner.merchant_id AS owner_id
    FROM astray LEFT JOIN {target} AS owner ON owner.id = target_id
"""

_WITHOUT_MERCHANT: Final = """
    SELECT merchant_id, {identity} AS identity
    FROM (SELECT * FROM {table} WHERE {scope}) AS referring
    WHERE NOT EXISTS (SELECT FROM merchants_merchant WHERE id = referring.merchant_id)
"""


@A13.proved_by()
def references_stay_inside(books: Books) -> Iterator[Finding]:
    """The row that a reference points to is one of the same merchant's."""
    for reference in references():
        query = _ASTRAY.format(
            table=reference.model._meta.db_table,
            identity=_identity(reference.model),
            column=reference.column,
            only=reference.only,
            target=reference.target._meta.db_table,
            scope="{scope}",
        )
        for row in books.rows(query):
            subject = _named(books, reference.model, row.merchant_id, row.identity)
            yield Finding(row.merchant_id, subject, _astray(books, reference, row))


@A13.proved_by(*tenant_models())
def rows_have_a_merchant(books: Books) -> Iterator[Finding]:
    """Every row is that of a merchant who exists."""
    for model in tenant_models():
        query = _WITHOUT_MERCHANT.format(table=model._meta.db_table, identity=_identity(model), scope="{scope}")
        for row in books.rows(query):
            subject = _named(books, model, row.merchant_id, row.identity)
            yield Finding(row.merchant_id, subject, f"it is of merchant {row.merchant_id}, who does not exist")


def _identity(model: type[TenantRow]) -> str:
    """The columns that tell a merchant's rows apart, as one text."""
    columns = [str(field.column) for field in model._meta.pk_fields if field.name != "merchant"]
    return f"concat_ws('/', {', '.join(columns)})"


def _astray(books: Books, reference: Reference, row: Any) -> str:
    """Say what a reference points to instead of one of the merchant's own rows."""
    if row.owner_id is None:
        target = _named(books, reference.target, row.merchant_id, str(row.target_id))
        return f"its {reference.column} is {target}, which does not exist"
    target = _named(books, reference.target, row.owner_id, str(row.target_id))
    owner = books.public_id(Merchant.public_prefix, row.owner_id, row.owner_id)
    return f"its {reference.column} is {target}, which belongs to merchant {owner}"


def _named(books: Books, model: type[TenantRow], merchant_id: UUID, identity: str) -> str:
    name = str(model._meta.verbose_name)
    if issubclass(model, TenantModel) and model.public_prefix:
        return f"{name} {books.public_id(model.public_prefix, merchant_id, UUID(identity))}"
    return f"{name} {identity}"
