"""The pages on which a merchant sets up what customers subscribe to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.core import clock, display, markup
from apps.merchants.acting import merchant_of
from apps.merchants.roles import Right
from apps.merchants.scoped_admin import ObjectAction, RowsInUse, ScopedAdmin, ScopedInline, become, object_action
from apps.plans.catalogue import BundleChange, NewBundle, change_plan, create_plan, delete_plan
from apps.plans.forms import EACH, BundleForm, PlanForm, offer_of
from apps.plans.models import CreditBundle, Plan, PlanMeter
from apps.plans.terms import Interval, RolloverType


class BundleInline(ScopedInline):
    """A plan's credit bundles, in the table under it."""

    model = CreditBundle
    form = BundleForm
    fk_name = "plan"
    edit_right = Right.EDIT_CATALOGUE
    fields = ("name", "cost", "credit_amount")
    verbose_name_plural = "Credit bundles: credits its customers can buy on top"
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at__isnull=True).order_by("cost")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing takes a bundle off the market; what was bought stays."""
        return self.has_change_permission(request, obj)


class PlanList(RowsInUse):
    """The list, each plan with how much hangs on it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        plans = Plan.objects.for_merchant(merchant_of(request))
        linked = _counts(plans.filter(plan_meters__meter__deleted_at__isnull=True), "plan_meters")
        bundles = _counts(plans.filter(credit_bundles__deleted_at__isnull=True), "credit_bundles")
        subscribers = _counts(plans.filter(subscriptions__ended_at__isnull=True), "subscriptions")
        for plan in self.result_list:
            plan.linked, plan.bundles = linked.get(plan.pk, 0), bundles.get(plan.pk, 0)
            plan.subscribers = subscribers.get(plan.pk, 0)


def _counts(plans: Any, related: str) -> dict[Any, int]:
    """How many related rows each plan has, by plan id.

    Grouped by the id alone: to PostgreSQL it is not the key (`tenancy.KeyByTenant`), so no other column may
    be selected with it.
    """
    return dict(plans.values_list("pk").annotate(Count(related)))


@admin.register(Plan)
class PlanAdmin(ScopedAdmin):
    """Plans: what they cost and include, which meters draw on them, and the bundles on top."""

    section = "Plans"
    rows = PlanList
    empty_list = "A plan says what customers pay each cycle and what that includes."
    edit_right = Right.EDIT_CATALOGUE
    form = PlanForm
    inlines = (BundleInline,)
    list_display = ("name", "price", "included_figure", "unused", "meters_count", "bundles_count", "subscribers_figure")
    search_fields = ("name",)
    search_help_text = "Search by name or id"
    ordering = ("period_amount", "name")
    change_form_template = "plans/plan_form.html"
    actions_detail = ("archive",)

    @admin.display(description="Price", ordering="period_amount")
    def price(self, plan: Plan) -> str:
        if plan.is_free:
            return f"free, per {EACH[plan.billing_interval]}"
        return f"{display.money(plan.period_amount, plan.currency)} / {EACH[plan.billing_interval]}"

    @admin.display(description="Included credit", ordering="included_credit")
    def included_figure(self, plan: Plan) -> SafeString:
        return markup.money(plan.included_credit, plan.currency)

    @admin.display(description="Unused credits")
    def unused(self, plan: Plan) -> str:
        if plan.rollover_type == RolloverType.NONE:
            return "expire"
        if plan.rollover_cap is None:
            return "roll over"
        return f"roll over, up to {display.money(plan.rollover_cap, plan.currency)}"

    @admin.display(description="Meters")
    def meters_count(self, plan: Any) -> str | SafeString:
        return plan.linked or markup.unknown("none")

    @admin.display(description="Meters")
    def meter_names(self, plan: Plan) -> str:
        linked = PlanMeter.objects.for_merchant(plan.merchant).filter(plan=plan).select_related("meter")
        return ", ".join(link.meter.name for link in linked) or display.NOTHING

    @admin.display(description="Bundles")
    def bundles_count(self, plan: Any) -> str:
        return str(plan.bundles or display.NOTHING)

    @admin.display(description="Subscribers")
    def subscribers_figure(self, plan: Any) -> str:
        return display.quantity(plan.subscribers)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not of a plan that was archived."""
        return super().has_change_permission(request, obj) and getattr(obj, "deleted_at", None) is None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "price", "included_figure", "unused", "meter_names")})]
        price = ("name",) if obj else ("name", "period_amount", "billing_interval")
        unused = ("rollover_type", "rollover_cap", "bundle_rollover_type")
        return [
            (None, {"fields": price}),
            ("What it includes", {"fields": ("included_credit", *unused)}),
            ("What draws on it", {"fields": ("linked_meters",)}),
            *([("Auto top-up", {"fields": ("auto_top_up_bundle",)})] if obj else []),
        ]

    def get_form(self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any) -> Any:
        # Fields that are not columns are declared on the form; the admin is told of columns only.
        kwargs["fields"] = ["name"]
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the plan, or change it from its subscribers' next cycles on."""
        data, at = form.cleaned_data, clock.now()
        terms = {
            "name": data["name"],
            "included_credit": data.get("included_credit"),
            "rollover_type": RolloverType(data["rollover_type"]),
            "rollover_cap": data.get("rollover_cap"),
            "bundle_rollover_type": RolloverType(data["bundle_rollover_type"]),
            "meters": list(data["linked_meters"]),
        }
        if change:
            bundle = data["auto_top_up_bundle"]
            terms["default_auto_top_up_bundle_id"] = bundle and bundle.public_id
            become(obj, change_plan(plan=obj, at=at, **terms))
            return
        made = create_plan(
            merchant=merchant_of(request),
            period_amount=data["period_amount"],
            billing_interval=Interval(data["billing_interval"]),
            at=at,
            **terms,
        )
        become(obj, made)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Add, change and remove bundles: one call for all of them."""
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        changes, added = [], []
        for row in formset.forms:
            data = row.cleaned_data
            if row in formset.deleted_forms:
                if not row.instance._state.adding:
                    changes.append(BundleChange(row.instance.public_id, remove=True))
            elif row.has_changed() and row.instance._state.adding:
                added.append(NewBundle(data["name"], data["cost"], data["credit_amount"]))
            elif row.has_changed():
                changes.append(BundleChange(row.instance.public_id, data["name"], data["cost"], data["credit_amount"]))
        if changes or added:
            change_plan(plan=form.instance, bundle_changes=changes, new_bundles=added, at=clock.now())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        plan: Plan | None = kwargs.get("obj")
        context["plan"] = plan
        if plan is not None:
            of_plan = Plan.objects.for_merchant(plan.merchant).filter(pk=plan.pk)
            context["subscribers"] = of_plan.filter(subscriptions__ended_at__isnull=True).count()
        context["offer_url"] = reverse("admin:plans_plan_offer") + (f"?plan={plan.pk}" if plan else "")
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.offer))
        return [path("offer/", view, name="plans_plan_offer"), *super().get_urls()]

    def offer(self, request: HttpRequest) -> HttpResponse:
        """What the customer would read of the form as it stands. Stores nothing."""
        merchant, plan_id = merchant_of(request), request.GET.get("plan")
        plan = self.get_object_or_404(request, plan_id) if plan_id else Plan(merchant=merchant)
        form = PlanForm(request.POST, instance=plan)
        form.is_valid()
        context: dict[str, Any] = {"offer": offer_of(form, merchant)}
        if request.htmx:  # type: ignore[attr-defined]
            return TemplateResponse(request, "plans/_offer.html", context)
        page = {**self.admin_site.each_context(request), **self._trail(), "title": "What the customer sees"}
        return TemplateResponse(request, "plans/offer.html", {**page, **context})

    @object_action("Archive…", path="archive", right=Right.EDIT_CATALOGUE)
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a plan off the market."""
        return self.act(request, object_id, ARCHIVE)


def _archive(request: HttpRequest, plan: Plan, data: dict[str, Any]) -> str:
    delete_plan(plan=plan, at=clock.now())
    return f"{plan.name} is archived."


ARCHIVE: Final = ObjectAction(
    title="Archive plan",
    button="Archive plan",
    perform=_archive,
    explanation=(
        "Nobody can subscribe to it or buy its bundles any more. Customers who are on it stay on it, and their "
        "cycles go on renewing."
    ),
    is_dangerous=True,
)


@admin.register(CreditBundle)
class CreditBundleAdmin(ScopedAdmin):
    """All credit bundles; each is edited on the page of its plan."""

    section = "Credit bundles"
    empty_list = "Bundles are credits that a plan's customers can buy on top. Add them on the page of the plan."
    compressed_fields = True
    list_display = ("name", "plan_link", "cost_figure", "credits_figure", "discount", "made")
    list_select_related = ("plan",)
    search_fields = ("name", "plan__name")
    ordering = ("plan__name", "cost")
    fields = readonly_fields = ("name", "plan_link", "cost_figure", "credits_figure", "discount", "made")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at__isnull=True).select_related("plan")

    @admin.display(description="Plan", ordering="plan__name")
    def plan_link(self, bundle: CreditBundle) -> SafeString:
        return markup.link(bundle.plan, reverse("admin:plans_plan_change", args=[bundle.plan_id]))

    @admin.display(description="Costs", ordering="cost")
    def cost_figure(self, bundle: CreditBundle) -> SafeString:
        return markup.money(bundle.cost, bundle.plan.currency)

    @admin.display(description="Gives credits", ordering="credit_amount")
    def credits_figure(self, bundle: CreditBundle) -> SafeString:
        return markup.money(bundle.credit_amount, bundle.plan.currency)

    @admin.display(description="Worth it")
    def discount(self, bundle: CreditBundle) -> str:
        return effective_discount(cost=bundle.cost, credit_amount=bundle.credit_amount)

    @admin.display(description="Since", ordering="created_at")
    def made(self, bundle: CreditBundle) -> SafeString:
        return markup.day(bundle.created_at)


def effective_discount(*, cost: Decimal, credit_amount: Decimal) -> str:
    """What a bundle saves on its credits: $10 for $11 of them is 9.1 % off."""
    share = 1 - cost / credit_amount
    if share == 0:
        return "credits at face value"
    return f"{display.percent(abs(share))} {'off' if share > 0 else 'dearer than face value'}"
