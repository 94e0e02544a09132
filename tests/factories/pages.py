"""Addresses of the dashboard's pages, and a book with one row for each of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import reverse

from apps.customers.models import Customer
from apps.ledger.models import LedgerEntry
from apps.merchants.models import Merchant
from apps.merchants.roles import Role
from apps.merchants.scoped_admin import ScopedAdmin
from apps.merchants.secret_keys import create_secret_key
from apps.meters.rules.usage import Usage
from apps.plans.catalogue import NewBundle
from apps.requests.charging import charge
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from apps.subscriptions.models import Subscription
from tests.factories.catalogue import make_meter, make_plan
from tests.factories.people import make_customer
from tests.factories.staff import make_member


def scoped_admins() -> list[ScopedAdmin]:
    """Every table of the dashboard that belongs to a merchant."""
    return [one for one in admin.site._registry.values() if isinstance(one, ScopedAdmin)]


def page_of(obj: models.Model, page: str = "change") -> str:
    """The address of an object's page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{page}", args=[obj.pk])


def list_of(model: type[models.Model], page: str = "changelist") -> str:
    """The address of a table's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def use(customer: Customer, *, at: datetime, request_id: str = "r1", **values: Any) -> MeteredRequest:
    """One charged request: a million tokens unless told otherwise."""
    report = Report(
        merchant=customer.merchant,
        request_id=request_id,
        customer=customer.public_id,
        meter_slug=values.pop("meter_slug", "tokens"),
        usage=values.pop("usage", Usage(input_tokens=1_000_000)),
        **values,
    )
    charge([report], at=at)
    found: MeteredRequest = MeteredRequest.objects.for_merchant(customer.merchant).get(request_id=request_id)
    return found


def one_of_each(merchant: Merchant, *, at: datetime) -> dict[type[models.Model], models.Model]:
    """A book with one row of every kind that has a page, by its table."""
    meter = make_meter(merchant, at=at)
    bundle = NewBundle("Ten", Decimal(10), Decimal(11))
    plan = make_plan(merchant, meters=[meter], credit_bundles=[bundle], at=at)
    customer = make_customer(merchant, plan=plan, name="Somebody", at=at)
    request = use(customer, at=at)
    entry = LedgerEntry.objects.for_merchant(merchant).order_by("-seq").first()
    subscription = Subscription.objects.for_merchant(merchant).get(customer=customer, ended_at__isnull=True)
    key, _ = create_secret_key(merchant=merchant, name="Server", at=at)
    member = make_member(merchant, role=Role.SUPPORT, email=f"support-{merchant.pk}@example.com", at=at)
    [found_bundle] = plan.credit_bundles.for_merchant(merchant)
    rows = [meter, plan, found_bundle, customer, request, entry, subscription, key, member]
    return {type(row): row for row in rows}
