"""The house rules that a linter of imports cannot see: foreign keys, tenancy of tables, promises as constraints."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from apps.merchants.tenancy import TenantForeignKey, TenantRow, UnscopedQuery

ROOT = Path(__file__).resolve().parents[2]

# Their rows exist before, or without, a merchant.
GLOBAL_MODELS = {"User", "Merchant", "AuditRun"}


def layers() -> dict[str, int]:
    """How high each app stands, from the contract that checks imports."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [contract] = [contract for contract in contracts if contract["type"] == "layers"]
    return {app.strip(): -height for height, layer in enumerate(contract["layers"]) for app in layer.split("|")}


def our_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def app_of(model: type[models.Model]) -> str:
    return ".".join(model.__module__.split(".")[:2])


def test_every_app_has_its_layer():
    folders = {f"apps.{folder.name}" for folder in (ROOT / "apps").iterdir() if (folder / "__init__.py").exists()}
    assert folders == set(layers())


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_foreign_keys_point_down(model):
    heights = layers()
    for field in model._meta.local_fields:
        if field.remote_field and app_of(field.related_model).startswith("apps."):
            assert heights[app_of(field.related_model)] <= heights[app_of(model)], field


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_every_table_belongs_to_a_merchant(model):
    if model.__name__ in GLOBAL_MODELS or model._meta.auto_created:
        return
    assert issubclass(model, TenantRow)
    assert not model._meta.get_field("merchant").null


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_references_inside_a_merchant_are_tenant_keys(model):
    for field in model._meta.local_fields:
        if field.remote_field and issubclass(field.related_model, TenantRow):
            assert isinstance(field, TenantForeignKey), field


@pytest.mark.django_db
@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_every_unique_key_starts_with_the_merchant(model):
    if not issubclass(model, TenantRow):
        return
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = {name: found["columns"] for name, found in constraints.items() if found["unique"]}
    assert unique
    for name, columns in unique.items():
        assert columns[0] == "merchant_id", name


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_constraints_are_sentences(model):
    for constraint in model._meta.constraints:
        assert constraint.name.count("_") >= 2, constraint.name


def test_a_query_that_forgets_its_merchant_raises():
    from apps.customers.models import Customer

    with pytest.raises(UnscopedQuery):
        Customer.objects.filter(name="Ada")
