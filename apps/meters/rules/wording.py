"""How a price is said in one sentence, for the pages where merchants set it and customers read it."""

from decimal import Decimal
from typing import Final

from apps.meters.rules.pricing import PercentageOf, Price, RateType, TierMode
from apps.meters.rules.usage import TierType, TokenBasis

CURRENCY_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}

COUNTED: Final = {
    TierType.TOKENS: "tokens",
    TierType.CHARACTERS: "characters",
    TierType.MINUTES: "minutes",
    TierType.REQUESTS: "requests",
}

PER_RATE: Final = {
    TierType.TOKENS: "1M tokens",
    TierType.CHARACTERS: "1M characters",
    TierType.MINUTES: "minute",
    TierType.REQUESTS: "request",
}

BASIS: Final = {
    TokenBasis.INPUT_AND_OUTPUT: "tokens",
    TokenBasis.OUTPUT: "output tokens",
    TokenBasis.INPUT: "input tokens",
}


def describe(price: Price, *, currency: str = "USD") -> str:
    """Say a price: "$2.00 per 1M tokens up to 1,000,000, then $1.50"."""
    if price.rate_type == RateType.FIXED:
        sentence = _describe_fixed(price, currency)
    else:
        sentence = _describe_percentage(price)
    if price.tier_mode == TierMode.VOLUME and len(price.tiers) > 1:
        return f"{sentence} (each request whole, at the tier its cycle has reached)"
    return sentence


def _describe_fixed(price: Price, currency: str) -> str:
    first, *later = (_money(tier.rate, currency) for tier in price.tiers)
    return _join_tiers(price, [f"{first} per {_on_basis(price, PER_RATE)}", *later], counted="")


def _describe_percentage(price: Price) -> str:
    percents = [f"{_trimmed(tier.rate)}%" for tier in price.tiers]
    if price.percentage_of == PercentageOf.MARKUP:
        rates = [f"the provider's cost plus {percents[0]}", *(f"plus {percent}" for percent in percents[1:])]
    else:
        rates = [f"{percents[0]} of the provider's cost", *percents[1:]]
    return _join_tiers(price, rates, counted=f" {_on_basis(price, COUNTED)}")


def _join_tiers(price: Price, rates: list[str], *, counted: str) -> str:
    """Join what each tier costs with where it ends; `counted` is said once, after the first end."""
    ends = [_trimmed(tier.start) for tier in price.tiers[1:]]
    if not ends:
        return rates[0]
    ends[0] += counted
    bounded = [f"{rate} up to {end}" for rate, end in zip(rates, ends, strict=False)]
    return ", then ".join([*bounded, rates[-1]])


def _on_basis(price: Price, words: dict[TierType, str]) -> str:
    """Say which tokens count when not all do: "1M output tokens"."""
    return words[price.tier_type].replace("tokens", BASIS[price.token_basis])


def _money(amount: Decimal, currency: str) -> str:
    """Write an amount for people: at least two places, and more only where there is something to say."""
    places = f"{amount:,.2f}" if amount == round(amount, 2) else _trimmed(amount)
    sign = CURRENCY_SIGNS.get(currency)
    return f"{sign}{places}" if sign else f"{places} {currency}"


def _trimmed(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
