"""What does somebody mean who types into the search box? Customers, meters, plans and requests, by name or id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.urls import reverse

from apps.core.public_ids import CUSTOMER, METER, PLAN, SUBSCRIPTION, parse_public_id
from apps.customers.models import Customer
from apps.merchants.models import Merchant
from apps.meters.models import Meter
from apps.plans.models import Plan
from apps.requests.models import MeteredRequest
from apps.subscriptions.models import Subscription

MOST_PER_KIND: Final = 6


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the answer."""

    title: str
    description: str
    link: str
    icon: str


def found_by(merchant: Merchant, text: str) -> list[Found]:
    """What matches in this merchant's book, customers first; nothing for nothing."""
    if not text or "\0" in text:
        return []
    return [*_customers(merchant, text), *_catalogue(merchant, text), *_requests(merchant, text)]


def _customers(merchant: Merchant, text: str) -> list[Found]:
    named = Q(name__icontains=text) | Q(email__icontains=text) | Q(reference_id=text) | Q(phone__endswith=text)
    customers = Customer.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found = customers.filter(named | _by_id(CUSTOMER, merchant, text)).order_by("name")[:MOST_PER_KIND]
    return [Found(str(customer), "Customer", _page(customer), "person") for customer in found]


def _catalogue(merchant: Merchant, text: str) -> list[Found]:
    meters = Meter.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found_meters = meters.filter(Q(name__icontains=text) | Q(slug=text) | _by_id(METER, merchant, text))
    plans = Plan.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found_plans = plans.filter(Q(name__icontains=text) | _by_id(PLAN, merchant, text))
    subscriptions = Subscription.objects.for_merchant(merchant).filter(_by_id(SUBSCRIPTION, merchant, text))
    return [
        *(Found(meter.name, "Meter", _page(meter), "speed") for meter in found_meters[:MOST_PER_KIND]),
        *(Found(plan.name, "Plan", _page(plan), "sell") for plan in found_plans[:MOST_PER_KIND]),
        *(Found(str(one), "Subscription", _page(one), "autorenew") for one in subscriptions[:1]),
    ]


def _requests(merchant: Merchant, text: str) -> list[Found]:
    requests = MeteredRequest.objects.for_merchant(merchant).filter(request_id=text)
    return [Found(request.request_id, "Request", _page(request), "receipt_long") for request in requests]


def _by_id(prefix: str, merchant: Merchant, text: str) -> Q:
    found = parse_public_id(prefix, merchant.mode, text)
    return Q(pk=found) if found else Q(pk__in=[])


def _page(obj: Any) -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
