"""The bodies of the usage routes as OpenAPI describes them.

These routes are read by `reporting` and written by `presenting`, both without serializers, for speed. What
stands here is documentation; a test compares it with what the routes really take and answer.
"""

from __future__ import annotations

from rest_framework import serializers

from apps.core.rest.answers import ErrorDetail
from apps.core.rest.serializers import AmountField, Output, QuantityField
from apps.meters.rules.pricing import PercentageOf, RateType, TierMode
from apps.meters.rules.usage import TierType, TokenBasis

RATE_TYPES = [kind.value for kind in RateType]
TIER_TYPES = [kind.value for kind in TierType]


class EstimateInput(Output):
    customer_id = serializers.CharField(max_length=255, help_text="The customer's id or `reference_id`.")
    meter_slug = serializers.CharField(max_length=255)
    input_tokens = serializers.IntegerField(required=False, min_value=0)
    output_tokens = serializers.IntegerField(required=False, min_value=0)
    input_characters = serializers.IntegerField(required=False, min_value=0)
    output_characters = serializers.IntegerField(required=False, min_value=0)
    input_seconds = QuantityField(required=False, help_text="To the microsecond at most.")
    output_seconds = QuantityField(required=False)
    provider = serializers.CharField(required=False, max_length=64, help_text="For example `openai`.")
    model = serializers.CharField(required=False, max_length=255, help_text="The provider's name of it.")
    cost = AmountField(
        required=False,
        help_text="What the provider asks. Without it the price list is asked for provider and model; "
        "a cost that is not known stays unknown.",
    )
    response = serializers.DictField(
        required=False,
        help_text="The provider's own JSON answer, whole: usage, model and cost are read out of it. "
        "Instead of the usage fields.",
    )
    metadata = serializers.DictField(
        child=serializers.CharField(max_length=255),
        required=False,
        help_text="At most 100 pairs; keys of letters, digits and underscores, values of 1 to 255 characters.",
    )


class RequestInput(EstimateInput):
    request_id = serializers.CharField(
        max_length=255, help_text="Your own id of this request: sending it again charges nothing again."
    )


class BatchInput(Output):
    requests = RequestInput(many=True, help_text="1 to 1,000.")


class ModelUsageOutput(Output):
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    input_characters = serializers.IntegerField()
    output_characters = serializers.IntegerField()
    total_characters = serializers.IntegerField()
    input_seconds = QuantityField()
    output_seconds = QuantityField()
    total_seconds = QuantityField()
    input_cost = AmountField(allow_null=True)
    output_cost = AmountField(allow_null=True)
    total_cost = AmountField(allow_null=True)


class BreakdownTierOutput(Output):
    start = QuantityField()
    rate = serializers.CharField()
    type = serializers.ChoiceField(choices=TIER_TYPES)


class BreakdownLineOutput(Output):
    tier = BreakdownTierOutput()
    tokens = QuantityField()
    characters = QuantityField()
    seconds = QuantityField()
    requests = QuantityField(required=False)
    cost = serializers.CharField(help_text="This line's part of the charge.")


class ChargeOutput(Output):
    amount = AmountField()
    rate_type = serializers.ChoiceField(choices=RATE_TYPES)
    breakdown = BreakdownLineOutput(many=True)


class RequestOutput(Output):
    request_id = serializers.CharField()
    status = serializers.ChoiceField(choices=["pending", "completed", "error"])
    customer_id = serializers.CharField()
    meter_id = serializers.CharField()
    provider = serializers.CharField()
    provider_key_type = serializers.ChoiceField(choices=["managed", "unmanaged", "stored"])
    model = serializers.CharField()
    endpoint = serializers.CharField()
    response_id = serializers.CharField()
    model_usage = ModelUsageOutput()
    cost = AmountField(allow_null=True, help_text="What the provider asks; null when that is not known.")
    charge = ChargeOutput(help_text="What the customer pays.")
    metadata = serializers.DictField(child=serializers.CharField())
    timestamp = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    voided_at = serializers.DateTimeField(allow_null=True)


class BatchItemOutput(Output):
    status = serializers.IntegerField(help_text="The status this request would have had alone.")
    request = RequestOutput(required=False)
    error = ErrorDetail(required=False)


class BatchOutput(Output):
    results = BatchItemOutput(many=True, help_text="An answer per item, in the order they were sent.")


class EstimatedDrawOutput(Output):
    grant_id = serializers.CharField(allow_null=True)
    amount = AmountField()


class EstimateOutput(Output):
    customer_id = serializers.CharField()
    meter_id = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    cost = AmountField(allow_null=True)
    charge = ChargeOutput()
    currency = serializers.CharField()
    balance_before = AmountField()
    balance_after = AmountField(help_text="Below zero when the credits do not cover it.")
    draws = EstimatedDrawOutput(many=True, help_text="The grants it would draw on; null is the deficit.")


class RateTierOutput(Output):
    start = QuantityField()
    rate = AmountField()
    type = serializers.ChoiceField(choices=TIER_TYPES)


class RateOutput(Output):
    version = serializers.IntegerField()
    rate_type = serializers.ChoiceField(choices=RATE_TYPES)
    tier_type = serializers.ChoiceField(choices=TIER_TYPES)
    tier_mode = serializers.ChoiceField(choices=[mode.value for mode in TierMode])
    token_basis = serializers.ChoiceField(choices=[basis.value for basis in TokenBasis])
    percentage_of = serializers.ChoiceField(choices=[of.value for of in PercentageOf])
    tiers = RateTierOutput(many=True)
    created_at = serializers.DateTimeField()


class DrawOutput(Output):
    ledger_entry_id = serializers.CharField()
    grant_id = serializers.CharField(allow_null=True, help_text="Null: no grant covered this part.")
    origin = serializers.CharField(help_text="Where these credits came from; `deficit` when there were none.")
    amount = AmountField()
    balance_after = AmountField()


class ReceiptOutput(Output):
    request = RequestOutput()
    meter_slug = serializers.CharField()
    rate = RateOutput(help_text="The version of the meter's rate that priced the request.")
    used_before = QuantityField(help_text="What the cycle had used of the meter; in seconds for minutes.")
    quantity = QuantityField(help_text="What the request added to it.")
    currency = serializers.CharField()
    balance_before = AmountField()
    balance_after = AmountField()
    draws = DrawOutput(many=True, help_text="The grants that paid, in the order in which they were drawn.")


class UsageSumsOutput(Output):
    total_requests = serializers.IntegerField()
    total_requests_without_cost = serializers.IntegerField(help_text="Those whose cost is not known.")
    total_usage_tokens = serializers.IntegerField()
    total_cost = AmountField(help_text="As far as costs are known.")
    total_charge = AmountField()


class UsageDayOutput(UsageSumsOutput):
    date = serializers.DateField()
    start = serializers.CharField()
    end = serializers.CharField()


class UsageOutput(Output):
    items = UsageDayOutput(many=True, help_text="One per day, oldest first.")
    totals = UsageSumsOutput()
