"""Whose row it is: every tenant table carries its merchant, and no query may forget to say which.

In the database a tenant table's key is `(merchant_id, id)` and every enforced reference between
two of them is that pair, so a row cannot point into another merchant, and tables can one day be
spread over machines by merchant. Django keeps seeing the plain `id`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.lookups import Exact

from apps.core.public_ids import new_id, public_id

if TYPE_CHECKING:
    from apps.merchants.models import Merchant

M = TypeVar("M", bound="TenantRow")


class UnscopedQuery(RuntimeError):
    """A bug: somebody asked for a tenant's rows without saying whose."""


class TenantQuerySet(models.QuerySet[M]):
    """Rows of one merchant, once `for_merchant` was called."""

    def for_merchant(self, merchant: Merchant) -> Self:
        """Only this merchant's rows; each knows its merchant without asking the database again."""
        scoped = self.filter(merchant=merchant)
        # As Django's own related managers do (`_apply_rel_filters`), so `row.merchant` costs no query.
        field = self.model._meta.get_field("merchant")
        scoped._known_related_objects = {field: {merchant.pk: merchant}}  # type: ignore[attr-defined]
        return scoped


class TenantManager(models.Manager[M]):
    """Refuses to answer until it is told whose rows: start from `.for_merchant(merchant)`."""

    _queryset_class: type[TenantQuerySet[Any]] = TenantQuerySet

    def get_queryset(self) -> TenantQuerySet[M]:
        raise UnscopedQuery(
            f"{self.model.__name__}.objects starts with .for_merchant(merchant); "
            "for sweeps and audits over all merchants there is .across_merchants"
        )

    def for_merchant(self, merchant: Merchant) -> Any:
        """Only this merchant's rows."""
        return self._queryset_class(self.model, using=self._db).for_merchant(merchant)

    def create(self, **values: Any) -> M:
        """Insert one row; it names its merchant itself."""
        row: M = self._queryset_class(self.model, using=self._db).create(**values)
        return row


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A reference to another row of the same merchant.

    `KeyByTenant` makes it `FOREIGN KEY (merchant_id, x_id) REFERENCES t (merchant_id, id)`, unless
    `enforced=False`: the hot tables leave it to the audit (invariant A13), because a foreign key
    locks the row it points to, and every charge of a merchant points to the same meter.
    """

    def __init__(self, *args: Any, enforced: bool = True, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        kwargs.setdefault("on_delete", models.PROTECT)
        kwargs.setdefault("related_name", "+")
        self.enforced = enforced
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[Any, ...]:
        name, path, args, kwargs = super().deconstruct()
        if not self.enforced:
            kwargs["enforced"] = False
        return name, path, args, kwargs

    def get_extra_descriptor_filter(self, instance: models.Model) -> dict[str, Any]:
        """`row.customer` looks the customer up by its whole key."""
        return {"merchant_id": instance.merchant_id}  # type: ignore[attr-defined]

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> Any:
        """A join compares the whole key, so it can use the index on it."""
        if alias is None or related_alias is None:
            return None
        theirs = cast("models.Field[Any, Any]", self.remote_field.model._meta.get_field("merchant"))
        ours = cast("models.Field[Any, Any]", self.model._meta.get_field("merchant"))
        return Exact(theirs.get_col(alias), ours.get_col(related_alias))


class TenantRow(models.Model):
    """A row of one merchant."""

    merchant = models.ForeignKey(
        "merchants.Merchant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )

    # The first manager is the one Django itself uses (admin, validation); the scoped one is ours.
    across_merchants = models.Manager.from_queryset(TenantQuerySet)()
    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "across_merchants"
        default_manager_name = "across_merchants"


class TenantModel(TenantRow):
    """A row of one merchant with a sortable id, which the application makes."""

    public_prefix: ClassVar[str] = ""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta(TenantRow.Meta):
        abstract = True

    @property
    def public_id(self) -> str:
        """The id as the API and the dashboard show it."""
        return public_id(self.public_prefix, self.merchant.mode, self.pk)

    def __str__(self) -> str:
        return str(getattr(self, "name", None) or self.public_id)


class KeyByTenant(Operation):
    """After `CreateModel`: make the table's key `(merchant_id, id)` and its references pairs.

    `hot` tables keep no reference to the merchant's own row either, for the same reason as
    `TenantForeignKey(enforced=False)`.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, *names: str, hot: bool = False) -> None:
        self.names = names
        self.hot = hot

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing that Django knows of changes."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        models = [to_state.apps.get_model(app_label, name) for name in self.names]
        # All keys first: a reference needs the key it points to, and two tables may point at each other.
        for model in models:
            schema_editor.execute(self._key(model))
        for model in models:
            for reference in self._references(model):
                schema_editor.execute(reference)

    def _key(self, model: type[models.Model]) -> str:
        table = model._meta.db_table
        if len(model._meta.pk_fields) > 1:
            return f"COMMENT ON TABLE \"{table}\" IS 'keyed by its merchant'"
        return f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey", ADD PRIMARY KEY (merchant_id, id)'

    def _references(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        if not self.hot:
            yield (
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_has_a_merchant" '
                "FOREIGN KEY (merchant_id) REFERENCES merchants_merchant (id)"
            )
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey) and field.enforced:
                yield (
                    f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.name}_is_of_its_merchant" '
                    f'FOREIGN KEY (merchant_id, "{field.column}") '
                    f'REFERENCES "{field.remote_field.model._meta.db_table}" (merchant_id, id)'
                )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """The table itself is dropped by the operation before this one."""

    def describe(self) -> str:
        return f"Key {', '.join(self.names)} by merchant"
