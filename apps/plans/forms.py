"""The form a plan is set up with, and what its customers will read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.core import display
from apps.core.choice_cards import choice
from apps.core.money import ZERO
from apps.merchants.models import Merchant
from apps.merchants.scoped_admin import RefusableForm
from apps.meters.catalogue import current_rates
from apps.meters.models import Meter
from apps.meters.rules.wording import describe
from apps.plans.catalogue import PERIOD_AMOUNT_MAX
from apps.plans.models import CreditBundle, Plan, PlanMeter
from apps.plans.terms import Interval, RolloverType

INTERVALS: Final = (
    (Interval.MONTH.value, "Month", "Renews on the same day each month."),
    (Interval.WEEK.value, "Week", "Renews every seven days."),
    (Interval.DAY.value, "Day", "Renews every day."),
    (Interval.YEAR.value, "Year", "Renews once a year."),
)
ROLLOVERS: Final = (
    (RolloverType.NONE.value, "Expire", "What a cycle leaves unused is lost at its end."),
    (RolloverType.FULL.value, "Roll over", "What a cycle leaves unused moves into the next."),
)
BUNDLE_ROLLOVERS: Final = (
    (RolloverType.FULL.value, "Stay until used", "Bought credits outlast the cycle."),
    (RolloverType.NONE.value, "Expire with the cycle", "Bought credits end with the cycle they were bought in."),
)
EACH: Final = {"day": "day", "week": "week", "month": "month", "year": "year"}


def money_widget(placeholder: str = "") -> UnfoldAdminDecimalFieldWidget:
    """An input for an amount of money."""
    return UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0", "placeholder": placeholder})


class PlanForm(RefusableForm):
    """A plan: its price, what it includes, and what draws on it."""

    refused_fields = {"amount_not_whole_cents": "period_amount"}

    period_amount = forms.DecimalField(
        label="Price per cycle",
        min_value=0,
        max_value=PERIOD_AMOUNT_MAX,
        decimal_places=2,
        initial=0,
        widget=money_widget("25.00"),
        help_text="Charged to the customer's card at the start of each cycle, in whole cents; 0 is a free plan. "
        "It cannot be changed later: subscribers agreed to it.",
    )
    billing_interval = choice(INTERVALS, "Cycle", help_text="It cannot be changed later.")
    included_credit = forms.DecimalField(
        label="Included credit",
        min_value=0,
        required=False,
        widget=money_widget("as much as the price"),
        help_text="Credits granted when a cycle begins. Left empty, as much as the price.",
    )
    rollover_type = choice(ROLLOVERS, "Unused included credits")
    rollover_cap = forms.DecimalField(
        label="Roll over at most",
        min_value=0,
        required=False,
        widget=money_widget("no limit"),
        help_text="How much may move into the next cycle. Left empty, all of it.",
    )
    bundle_rollover_type = choice(BUNDLE_ROLLOVERS, "Unused bought credits")
    linked_meters = forms.ModelMultipleChoiceField(
        label="Meters that draw on it",
        queryset=Meter.across_merchants.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Requests of this plan's customers on any other meter are refused.",
    )

    auto_top_up_bundle = forms.ModelChoiceField(
        label="Bundle to buy",
        queryset=CreditBundle.across_merchants.none(),
        required=False,
        empty_label="None: customers choose for themselves",
        widget=UnfoldAdminSelectWidget(),
        help_text="Bought when a new subscriber's credits run out, unless they choose otherwise.",
    )

    class Meta:
        model = Plan
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Pro"})}
        help_texts = {"name": "What customers read when they choose and on their receipts."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = self.instance
        meters = Meter.objects.for_merchant(plan.merchant).filter(deleted_at__isnull=True)
        self.fields["linked_meters"].queryset = meters.order_by("name")  # type: ignore[attr-defined]
        if plan._state.adding:
            del self.fields["auto_top_up_bundle"]
        else:
            self._start_from(plan)

    def _start_from(self, plan: Plan) -> None:
        # Subscribers agreed to the price and the interval.
        del self.fields["period_amount"], self.fields["billing_interval"]
        self.fields["included_credit"].required = True
        bundles = CreditBundle.objects.for_merchant(plan.merchant).filter(plan=plan, deleted_at__isnull=True)
        self.fields["auto_top_up_bundle"].queryset = bundles.order_by("cost")  # type: ignore[attr-defined]
        self.initial.update(
            {
                "included_credit": display.plain(plan.included_credit),
                "rollover_type": plan.rollover_type,
                "rollover_cap": None if plan.rollover_cap is None else display.plain(plan.rollover_cap),
                "bundle_rollover_type": plan.bundle_rollover_type,
                "linked_meters": list(
                    PlanMeter.objects.for_merchant(plan.merchant).filter(plan=plan).values_list("meter", flat=True)
                ),
                "auto_top_up_bundle": plan.default_auto_top_up_bundle_id,
            }
        )


class BundleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A credit bundle in the table under its plan."""

    cost = forms.DecimalField(label="Costs", min_value=Decimal("0.01"), decimal_places=2, widget=money_widget("10.00"))
    credit_amount = forms.DecimalField(label="Gives credits", min_value=0, widget=money_widget("11.00"))

    class Meta:
        model = CreditBundle
        fields = ("name", "cost", "credit_amount")
        widgets = {"name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Ten dollars"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial.update(
                {
                    "cost": display.plain(self.instance.cost),
                    "credit_amount": display.plain(self.instance.credit_amount),
                }
            )


@dataclass(frozen=True, slots=True)
class Offer:
    """What a customer reads about a plan."""

    name: str
    price: str
    interval: str
    lines: list[str]
    prices: list[tuple[str, str]]


def offer_of(form: PlanForm, merchant: Merchant) -> Offer:
    """The plan as the form stands, in the customer's words; what is missing or wrong counts as nothing."""
    data, plan = form.cleaned_data, form.instance
    price = data.get("period_amount", ZERO) if plan._state.adding else plan.period_amount
    interval = data.get("billing_interval") or plan.billing_interval or Interval.MONTH
    included = data.get("included_credit")
    included = price if included is None else included
    return Offer(
        name=data.get("name") or "Unnamed plan",
        price=display.money(price, merchant.currency) if price else "Free",
        interval=EACH[interval],
        lines=_promises(data, included or ZERO, EACH[interval], merchant.currency),
        prices=_prices(merchant, list(data.get("linked_meters") or [])),
    )


def _promises(data: dict[str, Any], included: Decimal, interval: str, currency: str) -> list[str]:
    if not included:
        return ["Includes no usage; credits are added by hand or bought."]
    lines = [f"Includes {display.money(included, currency)} of usage"]
    cap = data.get("rollover_cap")
    if data.get("rollover_type") != RolloverType.FULL:
        lines.append(f"Unused credits expire at the end of each {interval}")
    elif cap is None:
        lines.append("Unused credits roll over")
    else:
        lines.append(f"Unused credits roll over, up to {display.money(cap, currency)}")
    return lines


def _prices(merchant: Merchant, meters: list[Meter]) -> list[tuple[str, str]]:
    rates = current_rates(merchant, meters)
    return [(meter.name, describe(rates[meter.pk].price(meter), currency=merchant.currency)) for meter in meters]
