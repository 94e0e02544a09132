"""How a price is said in one sentence."""

from decimal import Decimal

import pytest

from apps.meters.rules.pricing import PercentageOf, Price, RateType, Tier, TierMode
from apps.meters.rules.usage import TierType, TokenBasis
from apps.meters.rules.wording import describe


def price(*tiers: tuple[str, str], **said_otherwise) -> Price:
    plain = {
        "rate_type": RateType.FIXED,
        "tier_type": TierType.TOKENS,
        "tier_mode": TierMode.GRADUATED,
        "token_basis": TokenBasis.INPUT_AND_OUTPUT,
        "percentage_of": PercentageOf.MARKUP,
    }
    rated = tuple(Tier(Decimal(start), Decimal(rate)) for start, rate in tiers)
    return Price(**(plain | said_otherwise), tiers=rated)


PERCENTAGE = {"rate_type": RateType.PERCENTAGE}
OF_COST = {**PERCENTAGE, "percentage_of": PercentageOf.COST_ONLY}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (price(("0", "2.0000000000")), "$2.00 per 1M tokens"),
        (
            price(("0", "2"), ("1000000", "1.5")),
            "$2.00 per 1M tokens up to 1,000,000, then $1.50",
        ),
        (
            price(("0", "5"), ("1000000", "3"), ("10000000", "1")),
            "$5.00 per 1M tokens up to 1,000,000, then $3.00 up to 10,000,000, then $1.00",
        ),
        (price(("0", "1234.5")), "$1,234.50 per 1M tokens"),
        (price(("0", "0.00025")), "$0.00025 per 1M tokens"),
        (
            price(("0", "2"), token_basis=TokenBasis.OUTPUT),
            "$2.00 per 1M output tokens",
        ),
        (price(("0", "15"), tier_type=TierType.CHARACTERS), "$15.00 per 1M characters"),
        (
            price(("0", "0.1"), ("10.5", "0.05"), tier_type=TierType.MINUTES),
            "$0.10 per minute up to 10.5, then $0.05",
        ),
        (
            price(("0", "0.01"), ("1000", "0.005"), tier_type=TierType.REQUESTS),
            "$0.01 per request up to 1,000, then $0.005",
        ),
        (
            price(("0", "2"), ("1000000", "1.5"), tier_mode=TierMode.VOLUME),
            ("$2.00 per 1M tokens up to 1,000,000, then $1.50 (each request whole, at the tier its cycle has reached)"),
        ),
        (price(("0", "2"), tier_mode=TierMode.VOLUME), "$2.00 per 1M tokens"),
        (price(("0", "20"), **PERCENTAGE), "the provider's cost plus 20%"),
        (
            price(("0", "20"), ("1000000", "12.5"), **PERCENTAGE),
            "the provider's cost plus 20% up to 1,000,000 tokens, then plus 12.5%",
        ),
        (
            price(
                ("0", "20"),
                ("100", "10"),
                ("200", "5"),
                token_basis=TokenBasis.INPUT,
                **OF_COST,
            ),
            "20% of the provider's cost up to 100 input tokens, then 10% up to 200, then 5%",
        ),
    ],
)
def test_a_price_is_one_sentence(said, sentence):
    assert describe(said) == sentence


@pytest.mark.parametrize(("currency", "amount"), [("EUR", "€2.00"), ("GBP", "£2.00"), ("CHF", "2.00 CHF")])
def test_it_is_said_in_the_merchants_currency(currency, amount):
    assert describe(price(("0", "2")), currency=currency) == f"{amount} per 1M tokens"
