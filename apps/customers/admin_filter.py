"""Lists in the dashboard that can be narrowed to one customer."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.customers.models import Customer
from apps.merchants.acting import merchant_of


class CustomerFilter(admin.SimpleListFilter):
    """One customer, whose page links here with `?customer=`; a list of all of them would be no filter."""

    title = "customer"
    parameter_name = "customer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name)
        return [(chosen, str(_customer(request, chosen) or "unknown"))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """That customer's rows; an id that is nobody's has none."""
        if not self.value():
            return queryset
        found = _customer(request, str(self.value()))
        return queryset.filter(customer=found) if found else queryset.none()


def _customer(request: HttpRequest, text: str) -> Customer | None:
    customers = Customer.objects.for_merchant(merchant_of(request))
    try:
        found: Customer | None = customers.filter(pk=text).first()
    except ValidationError:
        return None
    return found
