"""Merchants and customers, made the way the product makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.customers.models import Customer
from apps.merchants.models import Merchant
from apps.merchants.opening import open_merchant
from apps.plans.models import Plan
from apps.subscriptions.enrolment import put_on_plan, sign_up_customer


def make_merchant(name: str = "Acme", *, at: datetime) -> Merchant:
    """A live merchant; its sandbox is `.sandbox`."""
    return open_merchant(name=name, at=at)


def make_customer(merchant: Merchant, *, at: datetime, plan: Plan | None = None, **values: Any) -> Customer:
    """A customer, on the Free plan or on `plan`."""
    customer, _ = sign_up_customer(merchant=merchant, at=at, **values)
    if plan is not None:
        put_on_plan(customer=customer, plan=plan, at=at)
    return customer
