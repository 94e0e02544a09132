"""What does a provider ask per unit, for this model, at that time?

The rates are those of `genai-prices`, from the data installed with it and without a network: providers,
models, the dates and hours rates hold for, long-context tiers, and rates of service tiers. Its own
arithmetic takes as long as charging a request does, so a model's rates are compiled once, and
`RateCard.price` multiplies. The tests hold it to the library's own results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final

from genai_prices.data_snapshot import get_snapshot
from genai_prices.data_units import unit_data
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices
from genai_prices.units import UnitDef, UnitRegistry

# Where the price list's name for a provider is not Lava's.
LISTED_AS: Final = {
    "bedrock": "aws",
    "moonshot": "moonshotai",
    "voyage": "voyageai",
    "xai": "x-ai",
    "zhipu": "zhipuai",
}

# Names come from outside, so what is remembered about them is bounded, hits and misses alike.
MODELS_REMEMBERED: Final = 4096


Quantity = int | Decimal


class PartExceedsWhole(ValueError):
    """A part of the usage is larger than the whole it is said to be part of."""


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one request, in US dollars; `total` has what is neither input nor output as well."""

    input: Decimal
    output: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """What `per` units cost; once the input is longer than a tier's start, every unit costs the tier's."""

    unit: UnitDef
    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]
    within: tuple[int, ...]
    """Rates of more special units counted inside this one, as positions on the card."""

    def at(self, input_tokens: Quantity) -> Decimal:
        return next((price for start, price in self.tiers if input_tokens > start), self.base)


@dataclass(frozen=True, slots=True)
class RateCard:
    """All rates of one model that hold together, the most special units first."""

    rates: tuple[Rate, ...]
    units: frozenset[str]

    def price(self, quantities: Mapping[str, Quantity]) -> Price:
        """Price `quantities`, each unit once, at the most special rate it has.

        1,000 input tokens of which 400 were read from the cache are 400 at the cache's rate and 600 at
        the input's. Raises PartExceedsWhole when a part is larger than its whole.
        """
        input_tokens = quantities["input_tokens"]
        by_direction = {"input": Decimal(0), "output": Decimal(0)}
        total = Decimal(0)
        alone: list[Quantity] = []
        for rate in self.rates:
            quantity = quantities.get(rate.unit.usage_key, 0)
            quantity -= sum(alone[position] for position in rate.within)
            if quantity < 0:
                raise PartExceedsWhole(f"parts of {rate.unit.usage_key} add up to more than it")
            alone.append(quantity)
            price = quantity * rate.at(input_tokens) / rate.unit.per
            total += price
            direction = rate.unit.dimensions.get("direction")
            if direction is not None:
                by_direction[direction] += price
        return Price(by_direction["input"], by_direction["output"], total)


class ListedModel:
    """A model on the price list."""

    def __init__(self, provider: Provider, model: ModelInfo) -> None:
        self.provider_id = provider.id
        self.model_id = model.id
        self._model = model
        # Rates for service tiers hold at the provider that publishes them, not where its models are resold.
        self._has_tiers = any(model is own for own in provider.models)
        standard = [model.prices] if isinstance(model.prices, ModelPrice) else [p.prices for p in model.prices]
        self._cards = {id(prices): _rate_card(prices) for prices in standard}

    def rate_card(self, *, at: datetime, context: Mapping[str, str]) -> RateCard:
        """The rates that held at a moment; `context` names the service tier and the like.

        A tier without published rates gets the standard ones.
        """
        prices = self._model.get_prices(at, context if self._has_tiers else None)
        return self._cards.get(id(prices)) or _rate_card(prices)


@lru_cache(MODELS_REMEMBERED)
def listed_model(provider: str, model: str) -> ListedModel | None:
    """The model on the price list that a provider means by a name, or None."""
    listed = _providers().get(LISTED_AS.get(provider, provider))
    if listed is None or not model:
        return None
    found = listed.find_model(model.removeprefix("models/"), all_providers=get_snapshot().providers)
    return None if found is None else ListedModel(listed, found)


@cache
def _providers() -> dict[str, Provider]:
    return {provider.id.replace("_", "-"): provider for provider in get_snapshot().providers}


@cache
def _units() -> UnitRegistry:
    return UnitRegistry(unit_data)


def _rate_card(prices: ModelPrice) -> RateCard:
    listed = [(_units().unit_for_price_key(key), price) for key, price in vars(prices).items() if price is not None]
    listed.sort(key=lambda entry: (-len(entry[0].dimensions), entry[0].usage_key))
    units = [unit for unit, _ in listed]
    rates = tuple(
        Rate(
            unit=unit,
            base=price.base if isinstance(price, TieredPrices) else price,
            tiers=_tiers(price),
            within=tuple(
                position
                for position, special in enumerate(units[:index])
                if unit.dimensions.items() <= special.dimensions.items()
            ),
        )
        for index, (unit, price) in enumerate(listed)
    )
    return RateCard(rates, frozenset(unit.usage_key for unit in units))


def _tiers(price: Decimal | TieredPrices) -> tuple[tuple[int, Decimal], ...]:
    """The tiers, highest start first."""
    if not isinstance(price, TieredPrices):
        return ()
    return tuple(sorted(((tier.start, tier.price) for tier in price.tiers), reverse=True))
