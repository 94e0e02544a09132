"""The pages about customers. They answer from every app below, so they stand above them all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import phonenumbers
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from apps.core import clock, display, markup
from apps.core.errors import LavaError
from apps.core.public_ids import new_id
from apps.customers.details import ReferenceIdTaken, change_customer, validate_reference_id
from apps.customers.models import Customer
from apps.dashboard.customer_page import CustomerLine, customer_lines, customer_page
from apps.ledger.granting import adjust_credits, give_credits
from apps.ledger.models import Balance
from apps.ledger.statements import credits_of
from apps.merchants.acting import actor_of, merchant_of
from apps.merchants.models import Merchant
from apps.merchants.roles import Right
from apps.merchants.scoped_admin import ObjectAction, RefusableForm, RowsInUse, ScopedAdmin, become, object_action
from apps.plans.models import Plan
from apps.subscriptions.enrolment import delete_customer, put_on_plan, sign_up_customer
from apps.subscriptions.standing import subscription_of


class CustomerForm(RefusableForm):
    """What a merchant knows about a customer."""

    refused_fields = {"reference_id_taken": "reference_id", "reference_id_invalid": "reference_id"}

    class Meta:
        model = Customer
        fields = ("name", "email", "phone", "reference_id")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Ada Lovelace"}),
            "email": UnfoldAdminEmailInputWidget(attrs={"placeholder": "ada@example.com"}),
            "phone": UnfoldAdminTextInputWidget(attrs={"placeholder": "+14155552671", "inputmode": "tel"}),
            "reference_id": UnfoldAdminTextInputWidget(attrs={"placeholder": "user-8812"}),
        }
        labels = {"email": "E-mail", "reference_id": "Your own id"}
        help_texts = {
            "phone": "A plus, the country code, the number.",
            "reference_id": "Your application's id for them; it may stand wherever a customer id goes.",
        }

    def clean_phone(self) -> str:
        """The number in E.164, or nothing."""
        text: str = self.cleaned_data["phone"]
        if not text:
            return ""
        try:
            number = phonenumbers.parse(text, region=None)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_possible_number(number):
            raise ValidationError("Write a telephone number as +14155552671: a plus, the country code, the number.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def clean_reference_id(self) -> str | None:
        """The reference, which is not to be mistaken for an id of ours, or None."""
        text: str | None = self.cleaned_data["reference_id"] or None
        if text is not None:
            try:
                validate_reference_id(text)
            except LavaError as refusal:
                raise ValidationError(str(refusal), code=refusal.code) from refusal
        return text


class CustomerList(RowsInUse):
    """The list, each customer with what they have."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        lines = customer_lines(merchant_of(request), self.result_list, now=clock.now())
        for customer in self.result_list:
            customer.line = lines[customer.pk]


class PlanFilter(admin.SimpleListFilter):
    """The plan a customer is on."""

    title = "plan"
    parameter_name = "plan"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        plans = Plan.objects.for_merchant(merchant_of(request)).order_by("period_amount", "name")
        return [(plan.public_id, plan.name) for plan in plans]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        plans = Plan.objects.for_merchant(merchant_of(request))
        chosen = [plan.pk for plan in plans if plan.public_id == self.value()]
        return queryset.filter(subscriptions__plan__in=chosen, subscriptions__ended_at__isnull=True)


class BalanceFilter(admin.SimpleListFilter):
    """Below zero, nothing left, or something."""

    title = "balance"
    parameter_name = "balance"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("below", "Below zero"), ("empty", "Nothing left"), ("some", "Credits left")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        balances = Balance.objects.for_merchant(merchant_of(request))
        wanted = {"below": Q(balance__lt=0), "empty": Q(balance=0), "some": Q(balance__gt=0)}.get(self.value() or "")
        if wanted is None:
            return queryset
        return queryset.filter(pk__in=balances.filter(wanted).values("customer_id"))


@admin.register(Customer)
class CustomerAdmin(ScopedAdmin):
    """Customers: found, understood, and given credits."""

    section = "Customers"
    rows = CustomerList
    empty_list = "Customers appear when your application creates them, or when you add one here."
    edit_right = Right.EDIT_CUSTOMERS
    form = CustomerForm
    list_display = ("who", "plan", "balance_figure", "left", "used_figure", "renews", "since")
    list_filter = (BalanceFilter, PlanFilter)
    search_fields = ("name", "email", "reference_id__iexact", "phone__endswith")
    search_help_text = "Search by name, e-mail, your own id, phone or id"
    ordering = ("-id",)
    change_form_template = "customers/customer.html"
    actions_detail = ("grant", "adjust", "change_plan", "forget")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not of a customer who was forgotten."""
        return super().has_change_permission(request, obj) and getattr(obj, "deleted_at", None) is None

    @admin.display(description="Customer", ordering="name")
    def who(self, customer: Customer) -> SafeString:
        return format_html(
            '<span class="who">{}<small class="muted">{}</small></span>',
            customer,
            customer.email or customer.reference_id or "",
        )

    @admin.display(description="Plan")
    def plan(self, customer: Any) -> str:
        subscription = _line(customer).subscription
        return display.NOTHING if subscription is None else str(subscription.plan)

    @admin.display(description="Balance")
    def balance_figure(self, customer: Any) -> SafeString:
        credits = _line(customer).credits
        return markup.money(credits.total_remaining, credits.currency)

    @admin.display(description="Cycle credits left")
    def left(self, customer: Any) -> str | SafeString:
        share = _line(customer).cycle_share
        return display.NOTHING if share is None else markup.bar(share)

    @admin.display(description="Used this cycle")
    def used_figure(self, customer: Any) -> SafeString:
        line = _line(customer)
        return markup.money(line.used, line.credits.currency)

    @admin.display(description="Renews")
    def renews(self, customer: Any) -> str | SafeString:
        cycle = _line(customer).cycle
        return display.NOTHING if cycle is None else markup.day(cycle.ends_at)

    @admin.display(description="Since", ordering="created_at")
    def since(self, customer: Customer) -> SafeString:
        return markup.day(customer.created_at)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [("Contact" if obj else None, {"fields": ("name", "email", "phone", "reference_id")})]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Sign a customer up, on the Free plan; or change what is known about one."""
        data = form.cleaned_data
        contact = {"name": data["name"], "email": data["email"], "phone": data["phone"]}
        reference_id = data["reference_id"]
        if change:
            change_customer(customer=obj, reference_id=reference_id, **contact)
            return
        made, is_new = sign_up_customer(
            merchant=merchant_of(request), reference_id=reference_id, at=clock.now(), **contact
        )
        if not is_new:
            raise ReferenceIdTaken(f"{made} has the reference_id {reference_id!r} already.")
        become(obj, made)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        customer: Customer | None = kwargs.get("obj")
        if customer is not None:
            context["page"] = customer_page(customer, now=clock.now())
            context["requests_url"] = _of_customer("requests_meteredrequest", customer)
            context["entries_url"] = _of_customer("ledger_ledgerentry", customer)
        return super().render_change_form(request, context, *args, **kwargs)

    @object_action("Grant credits…", path="grant", right=Right.MOVE_CREDITS, is_main=True)
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give promotional credits."""
        return self.act(request, object_id, _with_balance(GRANT, self.get_object_or_404(request, object_id)))

    @object_action("Adjust…", path="adjust", right=Right.MOVE_CREDITS)
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Correct the balance."""
        return self.act(request, object_id, _with_balance(ADJUST, self.get_object_or_404(request, object_id)))

    @object_action("Change plan…", path="plan", right=Right.EDIT_CUSTOMERS)
    def change_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put them on another free plan."""
        return self.act(request, object_id, _plan_change(self.get_object_or_404(request, object_id)))

    @object_action("Forget…", path="forget", right=Right.EDIT_CUSTOMERS)
    def forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget who they are."""
        return self.act(request, object_id, FORGET)


def _line(customer: Any) -> CustomerLine:
    line: CustomerLine = customer.line
    return line


def _of_customer(table: str, customer: Customer) -> str:
    return f"{reverse(f'admin:{table}_changelist')}?customer={customer.pk}"


class MovementForm(forms.Form):
    """Credits to move by hand. `key` names this one movement, so that sending the form twice moves once."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = forms.CharField(
        label="Why",
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Sorry for Tuesday's outage"}),
        help_text="Stays with the ledger entry and is shown to nobody but your team.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("key", f"dashboard:{new_id()}")


class GrantForm(MovementForm):
    """Promotional credits to give."""

    amount = forms.DecimalField(
        label="Credits",
        min_value=Decimal("0.0000000001"),
        max_digits=20,
        decimal_places=10,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0", "placeholder": "5.00"}),
    )
    expires_on = forms.DateField(
        label="Expire after",
        required=False,
        widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}),
        help_text="The last day they can be used. Left empty, they stay until they are used.",
    )
    field_order = ("amount", "expires_on", "reason", "key")


class AdjustForm(MovementForm):
    """A correction, up or down."""

    amount = forms.DecimalField(
        label="Amount",
        max_digits=20,
        decimal_places=10,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "placeholder": "-2.50"}),
        help_text="With a minus to take credits away, below zero if need be.",
    )
    again = forms.DecimalField(
        label="The same amount again",
        max_digits=20,
        decimal_places=10,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "autocomplete": "off"}),
    )
    field_order = ("amount", "again", "reason", "key")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and "amount" in cleaned and "again" in cleaned and cleaned["amount"] != cleaned["again"]:
            self.add_error("again", "This is not the same amount.")
        return cleaned


def _grant(request: HttpRequest, customer: Customer, data: dict[str, Any]) -> str:
    give_credits(
        customer=customer,
        amount=data["amount"],
        at=clock.now(),
        key=data["key"],
        actor=actor_of(request),
        reason=data["reason"],
        expires_at=_end_of(data["expires_on"], customer.merchant),
    )
    return f"{display.money(data['amount'], customer.merchant.currency)} of credits granted to {customer}."


def _end_of(day: Any, merchant: Merchant) -> datetime | None:
    """The last moment of a day in the merchant's time zone."""
    if day is None:
        return None
    return datetime.combine(day, time.max, ZoneInfo(merchant.time_zone))


def _adjust(request: HttpRequest, customer: Customer, data: dict[str, Any]) -> str:
    amount: Decimal = data["amount"]
    adjust_credits(
        customer=customer,
        amount=amount,
        at=clock.now(),
        key=data["key"],
        actor=actor_of(request),
        reason=data["reason"],
    )
    way = "added to" if amount > 0 else "taken from"
    return f"{display.money(abs(amount), customer.merchant.currency)} {way} the balance of {customer}."


def _with_balance(action: ObjectAction, customer: Customer) -> ObjectAction:
    """The same, saying what the customer has now."""
    credits = credits_of(customer, at=clock.now())
    has = display.money(credits.total_remaining, credits.currency)
    return replace(action, explanation=f"The balance is {has}. {action.explanation}")


def _plan_change(customer: Customer) -> ObjectAction:
    """The change of plan, offering the merchant's other plans; those that cost money are bought, not assigned."""
    plans = Plan.objects.for_merchant(customer.merchant).filter(deleted_at__isnull=True, period_amount=0)
    current = subscription_of(customer)
    if current is not None:
        plans = plans.exclude(pk=current.plan_id)

    class PlanChangeForm(forms.Form):
        plan = forms.ModelChoiceField(
            label="Plan",
            queryset=plans.order_by("name"),
            empty_label=None,
            widget=UnfoldAdminSelectWidget(),
            help_text="Free plans only: one that costs money is bought by the customer, at a checkout.",
        )

    return ObjectAction(
        title="Change plan",
        button="Change plan",
        perform=_change_plan,
        form=PlanChangeForm,
        explanation=(
            "The cycle they are in ends now: its credits roll over or expire as their plan says, and the new "
            "plan's first cycle begins."
        ),
    )


def _change_plan(request: HttpRequest, customer: Customer, data: dict[str, Any]) -> str:
    put_on_plan(customer=customer, plan=data["plan"], at=clock.now())
    return f"{customer} is on {data['plan']}."


def _forget(request: HttpRequest, customer: Customer, data: dict[str, Any]) -> str:
    delete_customer(customer=customer, at=clock.now())
    return "The customer is forgotten."


GRANT: Final = ObjectAction(
    title="Grant credits",
    button="Grant credits",
    perform=_grant,
    form=GrantForm,
    explanation="A gift: it costs the customer nothing, and pays what they owe first.",
)
ADJUST: Final = ObjectAction(
    title="Adjust balance",
    button="Adjust balance",
    perform=_adjust,
    form=AdjustForm,
    explanation="A correction of the books. It is added as an entry of its own; nothing is overwritten.",
)
FORGET: Final = ObjectAction(
    title="Forget customer",
    button="Forget customer",
    perform=_forget,
    explanation=(
        "Their name, e-mail, phone, id and metadata are erased, the subscription ends and unused credits expire. "
        "The ledger keeps its entries, of a customer without a name. It cannot be undone."
    ),
    is_dangerous=True,
    leads_to_list=True,
)
