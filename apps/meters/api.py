"""/v1/meters: what is measured, and how it is priced."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.rest.answers import DeletedOutput
from apps.core.rest.serializers import AmountField, Input, Output, PageQuery, QuantityField, TextField
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.models import Merchant
from apps.merchants.operations import operation, page_of
from apps.meters.catalogue import (
    MeterNotFound,
    MeterSlugInvalid,
    MeterSlugTaken,
    change_meter,
    create_meter,
    current_rates,
    delete_meter,
    find_meter,
)
from apps.meters.models import Meter, tiers_from_json
from apps.meters.rules.pricing import PercentageOf, RateType, Tier, TierMode, TiersInvalid
from apps.meters.rules.usage import TierType, TokenBasis


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}], "example": "1000000"})
class StartField(AmountField):
    """Where a tier starts: a decimal string, or a JSON number."""

    default_error_messages = {"invalid": 'Write the start of a tier as a number, for example "1000000".'}

    def to_internal_value(self, data: Any) -> Decimal:
        # Starts may be larger than an amount of money; how large is a rule of pricing.
        if isinstance(data, str) and data.isdecimal() and data.isascii() and len(data) <= 20:
            return Decimal(data)
        if isinstance(data, int) and not isinstance(data, bool):
            return Decimal(data)
        return super().to_internal_value(data)


class TierInput(Input):
    start = StartField(help_text="In tokens, characters, minutes or requests; the first tier starts at 0.")
    rate = AmountField(
        help_text="Per 1,000,000 tokens or characters, per minute, per request; or percent, when "
        "`rate_type` is `percentage`."
    )


class PriceInput(Input):
    """The parts of a meter's price that may change."""

    tiers = TierInput(many=True, help_text="Rising; a change replaces all of them.")
    tier_mode = serializers.ChoiceField(
        choices=[mode.value for mode in TierMode],
        required=False,
        help_text="Graduated: each unit at the tier it falls in. Volume: a request at the tier its cycle reached.",
    )
    token_basis = serializers.ChoiceField(
        choices=[basis.value for basis in TokenBasis], required=False, help_text="Which tokens count."
    )
    percentage_of = serializers.ChoiceField(
        choices=[of.value for of in PercentageOf],
        required=False,
        help_text="Whether a percentage is added to the provider's cost, or is the whole charge.",
    )

    def validate_tiers(self, tiers: list[dict[str, Decimal]]) -> list[Tier]:
        """As the pricing rules take them, which also judge them."""
        return [Tier(start=tier["start"], rate=tier["rate"]) for tier in tiers]


class MeterInput(PriceInput):
    name = TextField(max_length=255)
    rate_type = serializers.ChoiceField(choices=[kind.value for kind in RateType])
    tier_type = serializers.ChoiceField(choices=[kind.value for kind in TierType], help_text="What is counted.")
    meter_slug = TextField(
        required=False, max_length=255, help_text="The name to report usage under; without one, the meter's id."
    )


class MeterChange(PriceInput):
    name = TextField(max_length=255, required=False)
    tiers = TierInput(many=True, required=False, help_text="Complete: these replace all tiers.")


class TierOutput(Output):
    start = QuantityField()
    rate = AmountField()
    type = serializers.ChoiceField(choices=[kind.value for kind in TierType])


class MeterOutput(Output):
    meter_id = serializers.CharField()
    meter_slug = serializers.CharField()
    name = serializers.CharField()
    rate_type = serializers.ChoiceField(choices=[kind.value for kind in RateType])
    tier_type = serializers.ChoiceField(choices=[kind.value for kind in TierType])
    tier_mode = serializers.ChoiceField(choices=[mode.value for mode in TierMode])
    token_basis = serializers.ChoiceField(choices=[basis.value for basis in TokenBasis])
    percentage_of = serializers.ChoiceField(choices=[of.value for of in PercentageOf])
    tiers = TierOutput(many=True)
    rate_version = serializers.IntegerField(help_text="Rises with each change of the price.")
    created_at = serializers.DateTimeField()


def meter_data(merchant: Merchant, meters: Iterable[Meter]) -> list[dict[str, Any]]:
    """Meters as the API shows them, each at its current rate."""
    meters = list(meters)
    rates = current_rates(merchant, meters)
    return [
        MeterOutput(
            {
                "meter_id": meter.public_id,
                "meter_slug": meter.slug,
                "name": meter.name,
                "rate_type": meter.rate_type,
                "tier_type": meter.tier_type,
                "tier_mode": rates[meter.pk].tier_mode,
                "token_basis": rates[meter.pk].token_basis,
                "percentage_of": rates[meter.pk].percentage_of,
                "tiers": [
                    {"start": tier.start, "rate": tier.rate, "type": meter.tier_type}
                    for tier in tiers_from_json(rates[meter.pk].tiers)
                ],
                "rate_version": rates[meter.pk].version,
                "created_at": meter.created_at,
            }
        ).data
        for meter in meters
    ]


class Meters(Endpoint):
    @operation(
        "listMeters",
        "List meters",
        asks=PageQuery,
        answers=page_of(MeterOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageQuery)
        page = self.page(Meter.objects.for_merchant(self.merchant).filter(deleted_at__isnull=True), query)
        return Response(page.body(meter_data(self.merchant, page.rows)))

    @operation(
        "createMeter",
        "Create a meter",
        description="A meter turns usage into a charge. Link it to plans, whose credits then pay for it.",
        takes=MeterInput,
        example={
            "name": "Chat",
            "meter_slug": "chat",
            "rate_type": "fixed",
            "tier_type": "tokens_1m",
            "tiers": [{"start": "0", "rate": "2"}],
        },
        refusals=[TiersInvalid, MeterSlugInvalid, MeterSlugTaken],
        answers={201: MeterOutput},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(MeterInput)
        slug = body.pop("meter_slug", None)
        meter = create_meter(merchant=self.merchant, slug=slug, at=clock.now(), **body)
        [data] = meter_data(self.merchant, [meter])
        return Response(data, status=201)


class OneMeter(Endpoint):
    @operation("retrieveMeter", "Retrieve a meter", refusals=[MeterNotFound], answers=MeterOutput)
    def get(self, request: Request, meter_id: str) -> Response:
        [data] = meter_data(self.merchant, [find_meter(self.merchant, meter_id)])
        return Response(data)

    @operation(
        "updateMeter",
        "Rename or reprice a meter",
        description="A new price is a new version of the meter's rate and holds from now on: requests keep the "
        "version they were charged with. `rate_type`, `tier_type` and `meter_slug` cannot change.",
        takes=MeterChange,
        example={"tiers": [{"start": "0", "rate": "2"}, {"start": "1000000", "rate": "1.50"}]},
        refusals=[MeterNotFound, TiersInvalid],
        answers=MeterOutput,
    )
    def patch(self, request: Request, meter_id: str) -> Response:
        meter = find_meter(self.merchant, meter_id)
        meter = change_meter(meter=meter, at=clock.now(), **self.body(MeterChange))
        [data] = meter_data(self.merchant, [meter])
        return Response(data)

    @operation(
        "deleteMeter",
        "Delete a meter",
        description="No further usage can be reported on it; what was recorded stays. Its slug is free again.",
        refusals=[MeterNotFound],
        answers=DeletedOutput,
    )
    def delete(self, request: Request, meter_id: str) -> Response:
        meter = find_meter(self.merchant, meter_id)
        delete_meter(meter=meter, at=clock.now())
        return Response({"id": meter.public_id, "deleted": True})
