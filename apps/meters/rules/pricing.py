"""What one request is charged.

Two requests on a meter with tiers 0 → $5, 1,000,000 → $3, 10,000,000 → $1 per million tokens, from a customer
who has used nothing this cycle:

    the first, 5,000,000 tokens    1M x 5 + 4M x 3          = $17
    the second, 6,000,000 tokens   5M x 3 + 1M x 1          = $16

A percentage meter prices the provider's cost instead, split over the same tiers in proportion to the quantity.

Everything is computed exactly and rounded once. The lines of the breakdown are the differences between the
rounded running totals, so they add up to the charge, and none is negative because a running total never falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar, Final

from apps.core.errors import LavaError
from apps.core.money import AMOUNT_MAX, EXACT, ZERO, round_charge
from apps.meters.rules.usage import COUNT_MAX, TierType, TokenBasis, Usage, billable_quantity

TIERS_MAX: Final = 100
RATE_PLACES: Final = 10
START_PLACES: Final = 6

HUNDRED: Final = Decimal(100)

# What the rate is the price of, in what the meter counts: a million tokens, sixty seconds, one request.
COUNTED_PER_RATE: Final = {
    TierType.TOKENS: Decimal(1_000_000),
    TierType.CHARACTERS: Decimal(1_000_000),
    TierType.MINUTES: Decimal(60),
    TierType.REQUESTS: Decimal(1),
}
# A tier starts at a number of whole units; only minutes are counted in something smaller.
COUNTED_PER_START: Final = {
    TierType.TOKENS: Decimal(1),
    TierType.CHARACTERS: Decimal(1),
    TierType.MINUTES: Decimal(60),
    TierType.REQUESTS: Decimal(1),
}


class RateType(StrEnum):
    """Whether a rate is an amount per unit or a percentage of what the provider asks."""

    FIXED = "fixed"
    PERCENTAGE = "percentage"


class TierMode(StrEnum):
    """Graduated: each unit at the tier it falls in. Volume: a whole request at the tier its cycle has reached."""

    GRADUATED = "graduated"
    VOLUME = "volume"


class PercentageOf(StrEnum):
    """Of a cost of $0.05, 20% as a markup charges $0.06; as a share of the cost only, $0.01."""

    MARKUP = "markup"
    COST_ONLY = "cost_only"


class TiersInvalid(LavaError):
    """The tiers do not describe a price; the message names the tier."""

    code: ClassVar[str] = "tiers_invalid"


class CostUnknown(LavaError):
    """A percentage meter cannot price a request whose provider cost is not known; it never charges zero instead."""

    code: ClassVar[str] = "cost_unknown"


@dataclass(frozen=True, slots=True)
class Tier:
    """The units after the first `start` of a cycle, up to the next tier's start, cost `rate`.

    `start` is in tokens, characters, minutes or requests.
    """

    start: Decimal
    rate: Decimal


Portion = tuple[Tier, Decimal]
"""A tier, and the part of a request's quantity that is priced at it."""


@dataclass(frozen=True, slots=True)
class Price:
    """Everything about a meter that decides a charge: one version of its rate."""

    rate_type: RateType
    tier_type: TierType
    tier_mode: TierMode
    token_basis: TokenBasis
    percentage_of: PercentageOf
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a charge's breakdown: the quantity that was priced at one tier, and for how much.

    `start` and `rate` are the tier's; `quantity` is in what the meter counts, so in seconds for a minutes meter.
    """

    start: Decimal
    rate: Decimal
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """A charge, the quantity to add to the customer's counter, and the lines that add up to both."""

    quantity: Decimal
    amount: Decimal
    lines: tuple[Line, ...]


def price_request(price: Price, *, usage: Usage, cost: Decimal | None, used_before: Decimal) -> Priced:
    """Charge one request of a customer who has used `used_before` on this meter in this cycle.

    `used_before` is the sum of the quantities of earlier `Priced`, so in seconds for a minutes meter. `cost`,
    zero or more, is what the provider asks, and matters to percentage meters only. The amount is rounded once,
    is never negative, and is the sum of the lines. Raises CostUnknown and AmountTooLarge.
    """
    with localcontext(EXACT):
        quantity = billable_quantity(usage, tier_type=price.tier_type, token_basis=price.token_basis)
        portions = _portions(price, used_before=used_before, quantity=quantity)
        if price.rate_type == RateType.FIXED:
            return _fixed(price, quantity, portions)
        if cost is None:
            raise CostUnknown("this meter charges a percentage of the provider's cost, which is not known")
        return _percentage(price, quantity, portions, cost)


def validate_tiers(tiers: Sequence[Tier]) -> None:
    """Refuse tiers that are not a price: see each message. Raises TiersInvalid.

    A valid list begins at 0, rises strictly, has 1 to 100 tiers, and only finite rates of zero or more.
    """
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise TiersInvalid(f"a price has 1 to {TIERS_MAX} tiers, not {len(tiers)}")
    for number, tier in enumerate(tiers, start=1):
        _validate_bounds(tier, number)
    if tiers[0].start != 0:
        raise TiersInvalid(f"tier 1 must start at 0, not {tiers[0].start:f}")
    for number, (before, tier) in enumerate(pairwise(tiers), start=2):
        if tier.start <= before.start:
            raise TiersInvalid(
                f"tier {number} starts at {tier.start:f}, which is not after tier {number - 1} at {before.start:f}"
            )


def _validate_bounds(tier: Tier, number: int) -> None:
    if not tier.start.is_finite() or not 0 <= tier.start <= COUNT_MAX:
        raise TiersInvalid(f"tier {number}: start must be a number from 0 to {COUNT_MAX:,}")
    if tier.start != round(tier.start, START_PLACES):
        raise TiersInvalid(f"tier {number}: start may have at most {START_PLACES} decimal places")
    if not tier.rate.is_finite() or not 0 <= tier.rate <= AMOUNT_MAX:
        raise TiersInvalid(f"tier {number}: rate must be a number from 0 to {AMOUNT_MAX}")
    if tier.rate != round(tier.rate, RATE_PLACES):
        raise TiersInvalid(f"tier {number}: rate may have at most {RATE_PLACES} decimal places")


def _portions(price: Price, *, used_before: Decimal, quantity: Decimal) -> list[Portion]:
    """Say which part of `quantity` is priced at which tier."""
    if len(price.tiers) == 1:
        return [(price.tiers[0], quantity)]
    portions = _graduated_portions(price, used_before=used_before, quantity=quantity)
    if price.tier_mode == TierMode.VOLUME:
        reached, _ = portions[-1]
        return [(reached, quantity)]
    return portions


def _graduated_portions(price: Price, *, used_before: Decimal, quantity: Decimal) -> list[Portion]:
    """Walk the tiers from where the customer stands; a quantity of zero is one portion, where it stands.

    The unit that reaches the next tier's start is still priced before it: 1,000,000 tokens all fall in the
    first tier when the second starts at 1,000,000.
    """
    counted_per_start = COUNTED_PER_START[price.tier_type]
    portions: list[Portion] = []
    position, end = used_before, used_before + quantity
    for tier, following in pairwise(price.tiers):
        ceiling = following.start * counted_per_start
        if position >= ceiling:
            continue
        if end <= ceiling:
            portions.append((tier, end - position))
            return portions
        portions.append((tier, ceiling - position))
        position = ceiling
    portions.append((price.tiers[-1], end - position))
    return portions


def _fixed(price: Price, quantity: Decimal, portions: list[Portion]) -> Priced:
    worths = [portion * tier.rate for tier, portion in portions]
    return _rounded(quantity, portions, worths, divisor=COUNTED_PER_RATE[price.tier_type])


def _percentage(price: Price, quantity: Decimal, portions: list[Portion], cost: Decimal) -> Priced:
    """Price each portion's share of the cost; a request that counts nothing but costs something has one portion."""
    base = HUNDRED if price.percentage_of == PercentageOf.MARKUP else ZERO
    if len(portions) == 1:
        [(tier, _)] = portions
        return _rounded(quantity, portions, [cost * (base + tier.rate)], divisor=HUNDRED)
    worths = [cost * portion * (base + tier.rate) for tier, portion in portions]
    return _rounded(quantity, portions, worths, divisor=HUNDRED * quantity)


def _rounded(quantity: Decimal, portions: list[Portion], worths: list[Decimal], *, divisor: Decimal) -> Priced:
    """Round the charge once, and its lines so that they add up to it.

    What a portion is worth is exact until it is divided, so the division comes last.
    """
    lines = []
    worth_so_far = charged = ZERO
    for (tier, portion), worth in zip(portions, worths, strict=True):
        worth_so_far += worth
        charge_so_far = round_charge(worth_so_far / divisor)
        lines.append(Line(tier.start, tier.rate, portion, charge_so_far - charged))
        charged = charge_so_far
    return Priced(quantity, charged, tuple(lines))
