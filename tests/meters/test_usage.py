"""How much of a meter one request used."""

from decimal import Decimal

import pytest

from apps.meters.rules.usage import (
    COUNT_MAX,
    TierType,
    TokenBasis,
    Usage,
    UsageInvalid,
    billable_quantity,
    validate_usage,
)

MIXED = Usage(
    input_tokens=845,
    output_tokens=412,
    input_characters=30,
    output_characters=12,
    input_seconds=Decimal("59.5"),
    output_seconds=Decimal("30.5"),
)


@pytest.mark.parametrize(
    ("tier_type", "token_basis", "quantity"),
    [
        ("tokens_1m", "input+output", "1257"),
        ("tokens_1m", "output", "412"),
        ("tokens_1m", "input", "845"),
        ("characters_1m", "input+output", "42"),
        ("characters_1m", "output", "42"),
        ("minutes", "input+output", "90"),
        ("minutes", "input", "90"),
        ("requests", "input+output", "1"),
        ("requests", "output", "1"),
    ],
)
def test_a_meter_counts_its_own_kind_and_the_basis_is_for_tokens_only(tier_type, token_basis, quantity):
    counted = billable_quantity(MIXED, tier_type=TierType(tier_type), token_basis=TokenBasis(token_basis))
    assert counted == Decimal(quantity)


@pytest.mark.parametrize(
    ("tier_type", "quantity"),
    [
        (TierType.TOKENS, 0),
        (TierType.CHARACTERS, 0),
        (TierType.MINUTES, 0),
        (TierType.REQUESTS, 1),
    ],
)
def test_a_request_that_measured_nothing_still_counts_as_a_request(tier_type, quantity):
    counted = billable_quantity(Usage(), tier_type=tier_type, token_basis=TokenBasis.INPUT_AND_OUTPUT)
    assert counted == quantity


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        MIXED,
        Usage(input_tokens=COUNT_MAX),
        Usage(output_seconds=Decimal("0.000001")),
    ],
)
def test_usage_that_can_have_happened_is_valid(usage):
    validate_usage(usage)


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        (Usage(input_tokens=-1), "input_tokens"),
        (Usage(output_tokens=COUNT_MAX + 1), "output_tokens"),
        (Usage(input_characters=-1), "input_characters"),
        (Usage(output_characters=COUNT_MAX + 1), "output_characters"),
        (Usage(input_seconds=Decimal("-0.5")), "input_seconds"),
        (Usage(input_seconds=Decimal("NaN")), "input_seconds"),
        (Usage(output_seconds=Decimal("Infinity")), "output_seconds"),
        (Usage(output_seconds=Decimal("1E+300")), "output_seconds"),
        (Usage(output_seconds=Decimal("0.0000001")), "output_seconds"),
    ],
)
def test_usage_that_cannot_have_happened_is_refused_by_name(usage, field):
    with pytest.raises(UsageInvalid, match=f"^{field} "):
        validate_usage(usage)
