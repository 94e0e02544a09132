"""The pages on which a merchant sets up what is measured and what it costs."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.core import clock, markup
from apps.core.errors import LavaError
from apps.merchants.acting import merchant_of
from apps.merchants.models import User
from apps.merchants.roles import Right
from apps.merchants.scoped_admin import ObjectAction, RowsInUse, ScopedAdmin, become, object_action
from apps.meters.arithmetic import COUNTED
from apps.meters.catalogue import change_meter, create_meter, current_rate, current_rates, delete_meter
from apps.meters.forms import MeterForm, TryForm, price_from, trial_of
from apps.meters.models import Meter, Rate
from apps.meters.rules.pricing import PercentageOf, RateType, TierMode
from apps.meters.rules.usage import TierType, TokenBasis
from apps.meters.rules.wording import describe

# What a first request on the meter looks like, by what it counts.
EXAMPLE_USAGE: Final = {
    TierType.TOKENS: '"input_tokens": 1204, "output_tokens": 412',
    TierType.CHARACTERS: '"input_characters": 2400',
    TierType.MINUTES: '"input_seconds": 93.5',
    TierType.REQUESTS: "",
}


class MeterList(RowsInUse):
    """The list, each meter with its current rate and how many plans draw on it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        merchant = merchant_of(request)
        rates = current_rates(merchant, self.result_list)
        linked = Meter.objects.for_merchant(merchant).filter(plan_meters__plan__deleted_at__isnull=True)
        plans = dict(linked.values_list("pk").annotate(Count("plan_meters")))
        for meter in self.result_list:
            meter.newest, meter.plans_linked = rates[meter.pk], plans.get(meter.pk, 0)


@admin.register(Meter)
class MeterAdmin(ScopedAdmin):
    """Meters: their price in one sentence, a form that explains itself, and every version there was."""

    section = "Meters"
    rows = MeterList
    empty_list = "A meter says what you measure and what it costs. Make one, link it to a plan, and report usage on it."
    edit_right = Right.EDIT_CATALOGUE
    form = MeterForm
    list_display = ("name", "shown_slug", "price", "plans_count", "version", "since")
    search_fields = ("name", "slug")
    search_help_text = "Search by name, slug or id"
    ordering = ("name",)
    change_form_template = "meters/meter_form.html"
    actions_detail = ("archive",)

    @admin.display(description="Slug")
    def shown_slug(self, meter: Meter) -> SafeString:
        return markup.copyable(meter.slug)

    @admin.display(description="Price")
    def price(self, meter: Any) -> str:
        rate = getattr(meter, "newest", None) or current_rate(meter)
        return describe(rate.price(meter), currency=meter.merchant.currency)

    @admin.display(description="Plans")
    def plans_count(self, meter: Any) -> str | SafeString:
        return meter.plans_linked or markup.unknown("on no plan")

    @admin.display(description="Price version")
    def version(self, meter: Any) -> str:
        return str(meter.newest)

    @admin.display(description="Since")
    def since(self, meter: Any) -> SafeString:
        return markup.day(meter.newest.created_at)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not of a meter that was taken out of use."""
        return super().has_change_permission(request, obj) and getattr(obj, "deleted_at", None) is None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "price")})]
        what = ("name",) if obj else ("name", "slug", "rate_type", "tier_type")
        how = self._price_fields(obj)
        return [(None, {"fields": what}), ("Price", {"fields": how})]

    def _price_fields(self, meter: Meter | None) -> list[str]:
        """What decides the price of this meter; of a new one everything that may."""
        fields = []
        if meter is None or meter.tier_type == TierType.TOKENS:
            fields.append("token_basis")
        if meter is None or meter.rate_type == RateType.PERCENTAGE:
            fields.append("percentage_of")
        return [*fields, "tiers", "tier_mode"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        # Fields that are not columns are declared on the form; the admin is told of columns only.
        kwargs["fields"] = ["name"] if obj else ["name", "slug"]
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the meter, or change its price from now on: one call."""
        data, at = form.cleaned_data, clock.now()
        assert isinstance(request.user, User)
        price = {
            "name": data["name"],
            "tiers": data["tiers"],
            "tier_mode": TierMode(data.get("tier_mode") or TierMode.GRADUATED),
            "token_basis": TokenBasis(data.get("token_basis") or TokenBasis.INPUT_AND_OUTPUT),
            "percentage_of": PercentageOf(data.get("percentage_of") or PercentageOf.MARKUP),
        }
        if change:
            become(obj, change_meter(meter=obj, at=at, actor=request.user, **price))
            return
        made = create_meter(
            merchant=merchant_of(request),
            slug=data.get("slug") or None,
            rate_type=RateType(data["rate_type"]),
            tier_type=TierType(data["tier_type"]),
            at=at,
            actor=request.user,
            **price,
        )
        become(obj, made)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        meter: Meter | None = kwargs.get("obj")
        context["try_form"] = TryForm()
        context["try_url"] = reverse("admin:meters_meter_try") + (f"?meter={meter.pk}" if meter else "")
        context["meter"] = meter
        if meter is not None:
            context["versions"] = _versions(meter)
            context["snippet"] = _snippet(request, meter)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.try_price))
        return [path("try/", view, name="meters_meter_try"), *super().get_urls()]

    def try_price(self, request: HttpRequest) -> HttpResponse:
        """What the form as it stands would charge an imagined request. Stores nothing."""
        merchant = merchant_of(request)
        meter_id = request.GET.get("meter")
        meter = self.get_object_or_404(request, meter_id) if meter_id else Meter(merchant=merchant)
        form, tried = MeterForm(request.POST, instance=meter), TryForm(request.POST)
        form.is_valid()
        tried.is_valid()
        context: dict[str, Any] = {"problems": list(form.errors.get("tiers", []))}
        context["is_untouched"] = not any(request.POST.getlist("tiers_rate"))
        price = price_from(form)
        if price is not None:
            context["sentence"] = describe(price, currency=merchant.currency)
            context["counted"] = COUNTED[price.tier_type]
            try:
                context["trial"] = trial_of(price, tried, currency=merchant.currency)
            except LavaError as refusal:
                context["problems"] = [str(refusal)]
        if request.htmx:  # type: ignore[attr-defined]
            return TemplateResponse(request, "meters/_trial.html", context)
        page = {**self.admin_site.each_context(request), **self._trail(), "title": "Try a price", **context}
        return TemplateResponse(request, "meters/trial.html", page)

    @object_action("Archive…", path="archive", right=Right.EDIT_CATALOGUE)
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a meter out of use."""
        return self.act(request, object_id, ARCHIVE)


def _archive(request: HttpRequest, meter: Meter, data: dict[str, Any]) -> str:
    delete_meter(meter=meter, at=clock.now())
    return f"{meter.name} is archived; its slug is free again."


ARCHIVE: Final = ObjectAction(
    title="Archive meter",
    button="Archive meter",
    perform=_archive,
    explanation=(
        "Requests on this meter are refused from now on. What was charged stays, with its receipts and its "
        "price versions, and the slug can be used for another meter."
    ),
    is_dangerous=True,
)


def _versions(meter: Meter) -> list[dict[str, Any]]:
    """Every price the meter has had, the newest first."""
    rates = Rate.objects.for_merchant(meter.merchant).filter(meter=meter).select_related("created_by")
    currency = meter.merchant.currency
    return [
        {"rate": rate, "sentence": describe(rate.price(meter), currency=currency), "is_current": place == 0}
        for place, rate in enumerate(rates.order_by("-version"))
    ]


def _snippet(request: HttpRequest, meter: Meter) -> SafeString:
    """A request to copy, which charges on this meter."""
    usage = EXAMPLE_USAGE[TierType(meter.tier_type)]
    cost = ', "cost": "0.05"' if meter.rate_type == RateType.PERCENTAGE else ""
    body = f'"request_id": "req-1", "customer_id": "…", "meter_slug": "{meter.slug}"'
    body += f", {usage}" if usage else ""
    return format_html(
        "curl {}/v1/requests \\\n"
        '  -H "Authorization: Bearer $LAVA_SECRET_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        "  -d '{{{}{}}}'",
        request.build_absolute_uri("/")[:-1],
        body,
        cost,
    )
