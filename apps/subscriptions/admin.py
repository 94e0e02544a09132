"""The pages that say who is on which plan, and since when."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from apps.core import clock, display, markup
from apps.ledger.models import Grant
from apps.merchants.acting import merchant_of
from apps.merchants.roles import Right
from apps.merchants.scoped_admin import ObjectAction, ScopedAdmin, object_action
from apps.subscriptions.enrolment import request_cancellation
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.standing import open_cycles_of

CYCLES_SHOWN: Final = 24


class SubscriptionList(ChangeList):
    """The list, each subscription with its open cycle."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        cycles = open_cycles_of(merchant_of(request), [subscription.pk for subscription in self.result_list])
        for subscription in self.result_list:
            subscription.open_cycle = cycles.get(subscription.pk)


class StatusFilter(admin.SimpleListFilter):
    """Active, ending with its cycle, or over."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("ending", "Ending with its cycle"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "active":
                return queryset.filter(ended_at__isnull=True, cancel_requested_at__isnull=True)
            case "ending":
                return queryset.filter(ended_at__isnull=True, cancel_requested_at__isnull=False)
            case "ended":
                return queryset.filter(ended_at__isnull=False)
        return queryset


class PlanFilter(admin.SimpleListFilter):
    """One of the merchant's plans."""

    title = "plan"
    parameter_name = "plan"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        used = model_admin.get_queryset(request).order_by("plan__name").values_list("plan", "plan__name")
        return [(str(plan_id), name) for plan_id, name in used.distinct()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(plan=self.value()) if self.value() else queryset


@admin.register(Subscription)
class SubscriptionAdmin(ScopedAdmin):
    """Subscriptions: looked at, and cancelled at the end of their cycle."""

    section = "Subscriptions"
    rows = SubscriptionList
    empty_list = (
        "Every customer has a subscription, to the Free plan at first. The first customer brings the first one."
    )
    compressed_fields = True
    list_display = ("customer_link", "plan_link", "status", "cycle", "renews", "started")
    list_display_links = ("customer_link",)
    list_filter = (StatusFilter, PlanFilter)
    list_select_related = ("customer", "plan")
    search_fields = ("customer__name", "customer__email", "customer__reference_id")
    search_help_text = "Search by customer or id"
    ordering = (F("ended_at").asc(nulls_first=True), "-started_at")
    fields = readonly_fields = ("shown_id", "customer_link", "plan_link", "status", "started", "auto_top_up")
    change_form_template = "subscriptions/subscription.html"
    actions_detail = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("customer", "plan", "auto_top_up_bundle")

    def title_of(self, obj: Subscription) -> str:
        return f"{obj.customer} on {obj.plan}"

    @admin.display(description="Id")
    def shown_id(self, subscription: Subscription) -> SafeString:
        return markup.copyable(subscription.public_id, most=40)

    @admin.display(description="Customer", ordering="customer__name")
    def customer_link(self, subscription: Subscription) -> str | SafeString:
        if getattr(subscription, "open_cycle", subscription) is not subscription:
            return str(subscription.customer)  # in the list, where the whole cell links to the subscription
        page = reverse("admin:customers_customer_change", args=[subscription.customer_id])
        return markup.link(subscription.customer, page)

    @admin.display(description="Plan", ordering="plan__name")
    def plan_link(self, subscription: Subscription) -> SafeString:
        return markup.link(subscription.plan, reverse("admin:plans_plan_change", args=[subscription.plan_id]))

    @admin.display(description="Status")
    def status(self, subscription: Subscription) -> SafeString:
        return status_pill(subscription)

    @admin.display(description="Cycle")
    def cycle(self, subscription: Any) -> str | SafeString:
        cycle: Cycle | None = subscription.open_cycle
        return display.NOTHING if cycle is None else f"no. {cycle.seq + 1}"

    @admin.display(description="Renews")
    def renews(self, subscription: Any) -> str | SafeString:
        cycle: Cycle | None = subscription.open_cycle
        if cycle is None:
            return display.NOTHING
        word = "ends " if subscription.cancel_requested_at else ""
        return format_html("{}{}", word, markup.day(cycle.ends_at))

    @admin.display(description="Since", ordering="started_at")
    def started(self, subscription: Subscription) -> SafeString:
        return markup.day(subscription.started_at)

    @admin.display(description="Auto top-up")
    def auto_top_up(self, subscription: Subscription) -> str:
        return str(subscription.auto_top_up_bundle or "off")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["cycles"] = _cycles(kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    @object_action("Cancel…", path="cancel", right=Right.EDIT_CUSTOMERS)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it end with its cycle."""
        return self.act(request, object_id, CANCEL)


def _cancel(request: HttpRequest, subscription: Subscription, data: dict[str, Any]) -> str:
    cancelled = request_cancellation(subscription=subscription, at=clock.now())
    if cancelled.cancel_requested_at is None:
        return "This is the Free plan; there is nothing to cancel."
    return f"{subscription.customer} falls back to the Free plan at the end of the cycle."


CANCEL: Final = ObjectAction(
    title="Cancel subscription",
    button="Cancel at the end of the cycle",
    perform=_cancel,
    explanation=(
        "The customer keeps the plan and its credits until the cycle ends. Then the Free plan follows, and "
        "unused credits roll over or expire as the plan says."
    ),
    is_dangerous=True,
)


def status_pill(subscription: Subscription) -> SafeString:
    """The subscription's state in one word."""
    if subscription.ended_at is not None:
        return markup.pill("ended")
    if subscription.cancel_requested_at is not None:
        return markup.pill("ending", "wait")
    return markup.pill("active", "good")


def _cycles(subscription: Subscription) -> list[dict[str, Any]]:
    """The subscription's cycles, the newest first, each with the credits it was granted."""
    cycles = Cycle.objects.for_merchant(subscription.merchant).filter(subscription=subscription)
    newest = list(cycles.order_by("-seq")[:CYCLES_SHOWN])
    grants = Grant.objects.for_merchant(subscription.merchant).filter(cycle_id__in=[cycle.pk for cycle in newest])
    by_cycle: dict[Any, list[Grant]] = {}
    for grant in grants.order_by("origin"):
        by_cycle.setdefault(grant.cycle_id, []).append(grant)
    return [{"cycle": cycle, "grants": by_cycle.get(cycle.pk, [])} for cycle in newest]
