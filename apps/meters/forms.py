"""The form a meter is priced with: tiers as a table, and a price that can be tried before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.core import display
from apps.core.choice_cards import choice
from apps.core.errors import LavaError
from apps.merchants.scoped_admin import RefusableForm
from apps.meters.arithmetic import ShownLine, shown_lines
from apps.meters.catalogue import current_rate
from apps.meters.models import Meter, Rate
from apps.meters.rules.pricing import (
    PercentageOf,
    Price,
    Priced,
    RateType,
    Tier,
    TierMode,
    price_request,
    validate_tiers,
)
from apps.meters.rules.usage import TierType, TokenBasis, Usage, validate_usage

RATE_TYPES: Final = (
    (RateType.FIXED.value, "Fixed price", "So much per unit, whatever the provider asks of you."),
    (RateType.PERCENTAGE.value, "Percentage of cost", "What the provider asks, and your percentage on it."),
)
TIER_TYPES: Final = (
    (TierType.TOKENS.value, "Tokens", "Priced per million tokens."),
    (TierType.CHARACTERS.value, "Characters", "Priced per million characters."),
    (TierType.MINUTES.value, "Minutes", "Priced per minute, to the second."),
    (TierType.REQUESTS.value, "Requests", "Priced per request."),
)
TIER_MODES: Final = (
    (TierMode.GRADUATED.value, "Graduated", "Each unit costs what its own tier says."),
    (TierMode.VOLUME.value, "Volume", "A whole request costs what the tier reached says."),
)
TOKEN_BASES: Final = (
    (TokenBasis.INPUT_AND_OUTPUT.value, "Input and output", "Every token of a request counts."),
    (TokenBasis.OUTPUT.value, "Output only", "What the model wrote."),
    (TokenBasis.INPUT.value, "Input only", "What the model read."),
)
PERCENTAGES: Final = (
    (PercentageOf.MARKUP.value, "On top of the cost", "20 % of a cost of $0.05 charges $0.06."),
    (PercentageOf.COST_ONLY.value, "Of the cost alone", "20 % of a cost of $0.05 charges $0.01."),
)

ROWS_WITHOUT_SCRIPT: Final = 2
"""Empty rows at the end of the table, for browsers that cannot add one."""


TierTexts = list[tuple[str, str]]
"""What was typed: (start, rate) of each row."""


def _typed(tier: Tier) -> tuple[str, str]:
    """A tier as one would type it: "2,000,000" and "7.50"."""
    return display.quantity(tier.start), display.plain(tier.rate)


class TiersTable(forms.Widget):
    """An editable table with one row per tier."""

    template_name = "meters/tiers_table.html"

    def format_value(self, value: Any) -> Any:
        rows = [_typed(tier) if isinstance(tier, Tier) else tier for tier in value or ()]
        return rows or [("0", "")]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["rows"] = self.format_value(value)
        context["spare_rows"] = range(ROWS_WITHOUT_SCRIPT)
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> TierTexts:
        typed = zip(data.getlist(f"{name}_start"), data.getlist(f"{name}_rate"), strict=False)
        rows = [(start.strip(), rate.strip()) for start, rate in typed]
        return [row for row in rows if any(row)]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}_start" not in data

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_start"


class TiersField(forms.Field):
    """Rows of (start, rate) that describe a price."""

    widget = TiersTable

    def clean(self, value: TierTexts) -> tuple[Tier, ...]:
        """The tiers. Each thing that is wrong says in which row."""
        tiers = tuple(
            Tier(start=_number(start, row, "start"), rate=_number(rate, row, "rate"))
            for row, (start, rate) in enumerate(value, start=1)
        )
        try:
            validate_tiers(tiers)
        except LavaError as refusal:
            raise ValidationError(f"{str(refusal)[0].upper()}{str(refusal)[1:]}.", code=refusal.code) from refusal
        return tiers

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != tuple(initial or ())
        except ValidationError:
            return True


def _number(text: str, row: int, column: str) -> Decimal:
    cleaned = text.replace(",", "").replace("_", "").lstrip("$€£").rstrip("% ")
    if not cleaned:
        raise ValidationError(f"Tier {row} has no {column}.")
    try:
        return Decimal(cleaned)
    except InvalidOperation:
        raise ValidationError(f"Tier {row}: {text!r} is not a number.") from None


class MeterForm(RefusableForm):
    """A meter and its price."""

    refused_fields = {"meter_slug_taken": "slug", "meter_slug_invalid": "slug", "tiers_invalid": "tiers"}

    rate_type = choice(RATE_TYPES, "How it is priced")
    tier_type = choice(TIER_TYPES, "What it counts")
    token_basis = choice(TOKEN_BASES, "Which tokens count", required=False)
    percentage_of = choice(PERCENTAGES, "What the percentage is of", required=False)
    tier_mode = choice(TIER_MODES, "How tiers apply", required=False)
    tiers = TiersField(
        label="Tiers",
        help_text="From that much usage in a billing cycle on, counted per customer. One row is one flat price.",
    )

    class Meta:
        model = Meter
        fields = ("name", "slug")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Chat"}),
            "slug": UnfoldAdminTextInputWidget(attrs={"placeholder": "chat", "autocapitalize": "none"}),
        }
        help_texts = {
            "name": "What customers read on their receipts.",
            "slug": "What your application sends as <code>meter_slug</code>. It cannot be changed later.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
        if not self.instance._state.adding:
            # What is counted, and how, is what the meter is: another price is a new version, another unit a new meter.
            del self.fields["rate_type"], self.fields["tier_type"]
            self._start_from(current_rate(self.instance))

    def _start_from(self, rate: Rate) -> None:
        self.initial.update(
            {
                "token_basis": rate.token_basis,
                "percentage_of": rate.percentage_of,
                "tier_mode": rate.tier_mode,
                "tiers": rate.price(self.instance).tiers,
            }
        )


def _imagined(label: str, initial: int | Decimal) -> forms.DecimalField:
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0", "inputmode": "decimal"})
    return forms.DecimalField(label=label, min_value=0, initial=initial, required=False, widget=widget)


class TryForm(forms.Form):
    """One imagined request."""

    try_input = _imagined("Input", 1_204)
    try_output = _imagined("Output", 412)
    try_cost = _imagined("The provider asks", Decimal("0.05"))
    try_used = _imagined("Used before in this cycle", 0)

    def usage(self, tier_type: TierType) -> Usage:
        """The typed quantities in what the meter counts. Raises UsageInvalid."""
        used = self._typed("try_input")
        match tier_type:
            case TierType.TOKENS:
                usage = Usage(input_tokens=int(used), output_tokens=int(self._typed("try_output")))
            case TierType.CHARACTERS:
                usage = Usage(input_characters=int(used))
            case TierType.MINUTES:
                usage = Usage(input_seconds=used)
            case TierType.REQUESTS:
                usage = Usage()
        validate_usage(usage)
        return usage

    def cost(self) -> Decimal | None:
        """What the provider asks."""
        return self._typed("try_cost")

    def used_before(self, tier_type: TierType) -> Decimal:
        """What the customer has used this cycle, in what the meter counts (seconds for minutes)."""
        return self._typed("try_used") * (60 if tier_type is TierType.MINUTES else 1)

    def _typed(self, name: str) -> Decimal:
        number: Decimal | None = self.cleaned_data.get(name)
        return number or Decimal(0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a price would charge one imagined request."""

    price: Price
    priced: Priced
    cost: Decimal | None
    used_before: Decimal
    currency: str

    @property
    def lines(self) -> list[ShownLine]:
        return shown_lines(self.price, self.priced.lines, used_before=self.used_before, currency=self.currency)


def price_from(form: MeterForm) -> Price | None:
    """The price that the form describes as it stands, or None while its tiers are not one."""
    data, meter = form.cleaned_data, form.instance
    if "tiers" not in data:
        return None
    return Price(
        rate_type=RateType(data.get("rate_type") or meter.rate_type),
        tier_type=TierType(data.get("tier_type") or meter.tier_type),
        tier_mode=TierMode(data.get("tier_mode") or TierMode.GRADUATED),
        token_basis=TokenBasis(data.get("token_basis") or TokenBasis.INPUT_AND_OUTPUT),
        percentage_of=PercentageOf(data.get("percentage_of") or PercentageOf.MARKUP),
        tiers=data["tiers"],
    )


def trial_of(price: Price, tried: TryForm, *, currency: str) -> Trial:
    """Price the imagined request as a real one would be. Raises what `price_request` raises."""
    cost = tried.cost() if price.rate_type is RateType.PERCENTAGE else None
    used_before = tried.used_before(price.tier_type)
    priced = price_request(price, usage=tried.usage(price.tier_type), cost=cost, used_before=used_before)
    return Trial(price, priced, cost, used_before, currency)
