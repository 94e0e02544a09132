"""The pages on which single requests are looked up, understood, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core import clock, display, markup
from apps.customers.admin_filter import CustomerFilter
from apps.customers.models import Customer
from apps.merchants.acting import actor_of, merchant_of
from apps.merchants.roles import Right
from apps.merchants.scoped_admin import ObjectAction, ScopedAdmin, object_action
from apps.meters.models import Meter
from apps.meters.rules.usage import TierType
from apps.requests.models import MeteredRequest
from apps.requests.shown_receipt import shown_receipt
from apps.requests.voiding import void_request

UNITS: Final = {
    TierType.TOKENS: "tok",
    TierType.CHARACTERS: "char",
    TierType.MINUTES: "s",
    TierType.REQUESTS: "",
}
LOOKED_AT: Final = 2_000
"""How many of the newest requests are looked at for models and providers to offer as filters."""


class SinceFilter(admin.SimpleListFilter):
    """How far back."""

    title = "time"
    parameter_name = "since"
    spans: Final = {
        "1h": ("Last hour", timedelta(hours=1)),
        "24h": ("Last 24 hours", timedelta(hours=24)),
        "7d": ("Last 7 days", timedelta(days=7)),
        "30d": ("Last 30 days", timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, (words, _) in self.spans.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in self.spans:
            return queryset
        _, span = self.spans[str(self.value())]
        return queryset.filter(created_at__gte=clock.now() - span)


class MeterFilter(admin.SimpleListFilter):
    """One of the merchant's meters."""

    title = "meter"
    parameter_name = "meter"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        meters = Meter.objects.for_merchant(merchant_of(request)).order_by("name")
        return [(meter.slug, meter.name) for meter in meters]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        meters = Meter.objects.for_merchant(merchant_of(request)).filter(slug=self.value())
        return queryset.filter(meter__in=list(meters.values_list("pk", flat=True)))


class _SeenLately(admin.SimpleListFilter):
    """A word that the newest requests carry."""

    parameter_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = MeteredRequest.objects.for_merchant(merchant_of(request)).order_by("-id")
        seen = newest.values_list(self.parameter_name, flat=True)[:LOOKED_AT]
        # A link may ask for an older one; a filter that offers nothing would not filter.
        asked_for = request.GET.get(self.parameter_name, "")
        return [(word, word) for word in sorted({*seen, asked_for} - {""})]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class ModelFilter(_SeenLately):
    """One AI model."""

    title = parameter_name = "model"


class ProviderFilter(_SeenLately):
    """One AI provider."""

    title = parameter_name = "provider"


class StateFilter(admin.SimpleListFilter):
    """Charged, voided, at a loss, or without a cost."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("charged", "Charged"), ("voided", "Voided"), ("no_cost", "Cost unknown")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "charged":
                return queryset.filter(voided_at__isnull=True)
            case "voided":
                return queryset.filter(voided_at__isnull=False)
            case "no_cost":
                return queryset.filter(cost__isnull=True)
        return queryset


@admin.register(MeteredRequest)
class MeteredRequestAdmin(ScopedAdmin):
    """Requests: found, and each explained to the last digit."""

    section = "Requests"
    empty_list = "Requests appear the moment your application reports them. The page of a meter has a line to copy."
    list_display = (
        "time",
        "customer_name",
        "meter_name",
        "model_name",
        "units_figure",
        "cost_figure",
        "charge_figure",
        "margin_figure",
        "state",
    )
    list_filter = (SinceFilter, MeterFilter, ModelFilter, ProviderFilter, StateFilter, CustomerFilter)
    search_fields = ("request_id",)
    search_help_text = "Search by request id, or by a customer's reference or e-mail"
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = readonly_fields = ("request_id",)
    change_form_template = "requests/receipt.html"
    actions_detail = ("void",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("customer", "meter", "rate")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The one request with this id, else those of a customer with this reference or e-mail.

        Never both in one statement: an OR over two tables would read all requests there are.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        by_id = queryset.filter(request_id=term)
        if by_id.exists():
            return by_id, False
        customers = Customer.objects.for_merchant(merchant_of(request)).filter(
            Q(reference_id=term) | Q(email__iexact=term)
        )
        return queryset.filter(customer__in=list(customers)), False

    @admin.display(description="Time")
    def time(self, request: MeteredRequest) -> SafeString:
        return markup.moment(request.created_at)

    @admin.display(description="Customer")
    def customer_name(self, request: MeteredRequest) -> SafeString:
        page = reverse("admin:customers_customer_change", args=[request.customer_id])
        return markup.link(request.customer, page)

    @admin.display(description="Meter")
    def meter_name(self, request: MeteredRequest) -> str:
        name: str = request.meter.name
        return name

    @admin.display(description="Model")
    def model_name(self, request: MeteredRequest) -> str | SafeString:
        if not request.model:
            return display.NOTHING
        return format_html('{} <span class="muted">{}</span>', request.model, request.provider)

    @admin.display(description="Units")
    def units_figure(self, request: MeteredRequest) -> SafeString:
        word = UNITS[TierType(request.tier_type)]
        return format_html('{} <span class="muted">{}</span>', display.quantity(request.quantity), word)

    @admin.display(description="Cost")
    def cost_figure(self, request: MeteredRequest) -> SafeString:
        if request.cost is None:
            return markup.unknown()
        return markup.charge(request.cost, request.currency)

    @admin.display(description="Charge")
    def charge_figure(self, request: MeteredRequest) -> SafeString:
        return markup.charge(request.charge, request.currency)

    @admin.display(description="Margin")
    def margin_figure(self, request: MeteredRequest) -> str | SafeString:
        if request.cost is None:
            return display.NOTHING
        return markup.share(display.ratio(request.charge - request.cost, request.charge))

    @admin.display(description="State")
    def state(self, request: MeteredRequest) -> str | SafeString:
        return markup.pill("voided") if request.voided_at else "charged"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["receipt"] = shown_receipt(kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    @object_action("Void…", path="void", right=Right.MOVE_CREDITS)
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the charge back."""
        return self.act(request, object_id, VOID)


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Why",
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "The answer was cut off"}),
        help_text="Stays with the ledger entries, for whoever asks later.",
    )


def _void(request: HttpRequest, voided: MeteredRequest, data: dict[str, Any]) -> str:
    if voided.voided_at is not None:
        return "This request was voided before; nothing was moved."
    void_request(request=voided, at=clock.now(), actor=actor_of(request), reason=data["reason"])
    return f"{display.charge(voided.charge, voided.currency)} went back to {voided.customer}."


VOID: Final = ObjectAction(
    title="Void request",
    button="Void request",
    perform=_void,
    form=ReasonForm,
    explanation=(
        "The charge goes back to the credits it came from. The request stays, with its receipt; usage totals "
        "and tier counters forget it."
    ),
    is_dangerous=True,
)
