"""What one request is charged: worked examples, then laws that hold for every price and every usage."""

from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.money import TEN_PLACES, AmountTooLarge
from apps.meters.rules.pricing import (
    CostUnknown,
    PercentageOf,
    Price,
    Priced,
    RateType,
    Tier,
    TierMode,
    TiersInvalid,
    price_request,
    validate_tiers,
)
from apps.meters.rules.usage import TierType, TokenBasis, Usage

D = Decimal


def tiers(**rates_by_start: str) -> tuple[Tier, ...]:
    """`tiers(_0="5", _1000000="3")`: the first million at 5, the rest at 3."""
    return tuple(Tier(D(start[1:]), D(rate)) for start, rate in rates_by_start.items())


def fixed(*tiers: Tier, tier_type=TierType.TOKENS, tier_mode=TierMode.GRADUATED) -> Price:
    return Price(
        RateType.FIXED,
        tier_type,
        tier_mode,
        TokenBasis.INPUT_AND_OUTPUT,
        PercentageOf.MARKUP,
        tiers,
    )


def percentage(*tiers: Tier, of=PercentageOf.MARKUP, tier_mode=TierMode.GRADUATED) -> Price:
    return Price(
        RateType.PERCENTAGE,
        TierType.TOKENS,
        tier_mode,
        TokenBasis.INPUT_AND_OUTPUT,
        of,
        tiers,
    )


def charged(price: Price, *, tokens: int = 0, seconds="0", cost=None, used_before="0") -> Priced:
    usage = Usage(input_tokens=tokens, input_seconds=D(seconds))
    return price_request(
        price,
        usage=usage,
        cost=None if cost is None else D(cost),
        used_before=D(used_before),
    )


def lines(priced: Priced) -> list[tuple[str, str, str]]:
    return [(f"{line.start:f}", f"{line.quantity:f}", f"{line.amount.normalize():f}") for line in priced.lines]


FIVE_THREE_ONE = tiers(_0="5", _1000000="3", _10000000="1")
PER_REQUEST = tiers(_0="0.01", _1000="0.005")
TWENTY_TEN = tiers(_0="20", _1000="10")


# Worked examples.


def test_700_tokens_at_2_dollars_per_million():
    usage = Usage(input_tokens=500, output_tokens=200)
    priced = price_request(fixed(*tiers(_0="2")), usage=usage, cost=None, used_before=D(0))
    assert priced.amount == D("0.0014")
    assert priced.quantity == 700
    assert lines(priced) == [("0", "700", "0.0014")]


def test_5_million_tokens_span_two_tiers_and_cost_17_dollars():
    priced = charged(fixed(*FIVE_THREE_ONE), tokens=5_000_000)
    assert priced.amount == 17
    assert lines(priced) == [("0", "1000000", "5"), ("1000000", "4000000", "12")]


def test_the_next_6_million_begin_where_the_customer_stands():
    priced = charged(fixed(*FIVE_THREE_ONE), tokens=6_000_000, used_before="5000000")
    assert priced.amount == 16
    assert lines(priced) == [("1000000", "5000000", "15"), ("10000000", "1000000", "1")]


def test_90_seconds_at_10_cents_a_minute():
    priced = charged(fixed(*tiers(_0="0.10"), tier_type=TierType.MINUTES), seconds="90")
    assert priced.amount == D("0.15")
    assert priced.quantity == 90, "a minutes meter counts seconds"


def test_a_third_of_a_minute_is_rounded_once():
    minutes = fixed(*tiers(_0="0.10"), tier_type=TierType.MINUTES)
    assert charged(minutes, seconds="100").amount == D("0.1666666667")
    assert charged(minutes, seconds="200").amount == D("0.3333333333")


def test_tiers_of_a_minutes_meter_start_at_minutes():
    price = fixed(*tiers(_0="0.10", _10="0.05"), tier_type=TierType.MINUTES)
    priced = charged(price, seconds="90", used_before="570")  # 9.5 minutes before, 11 after
    assert priced.amount == D("0.10")
    assert lines(priced) == [("0", "30", "0.05"), ("10", "60", "0.05")]


def test_1500_requests_with_a_tier_at_1000():
    price = fixed(*PER_REQUEST, tier_type=TierType.REQUESTS)
    charges = [charged(price, used_before=str(n)).amount for n in range(1500)]
    assert sum(charges) == D("12.5")
    assert (charges[999], charges[1000]) == (D("0.01"), D("0.005"))


def test_characters_are_priced_per_million():
    price = fixed(*tiers(_0="15"), tier_type=TierType.CHARACTERS)
    usage = Usage(input_characters=2_000, output_characters=4_000)
    assert price_request(price, usage=usage, cost=None, used_before=D(0)).amount == D("0.09")


def test_20_percent_is_a_markup_on_the_cost():
    assert charged(percentage(*tiers(_0="20")), tokens=1257, cost="0.05").amount == D("0.06")


def test_20_percent_of_the_cost_only():
    price = percentage(*tiers(_0="20"), of=PercentageOf.COST_ONLY)
    assert charged(price, tokens=1257, cost="0.05").amount == D("0.01")


def test_the_older_public_example_is_10_percent_of_the_cost_only():
    price = percentage(*tiers(_0="10"), of=PercentageOf.COST_ONLY)
    assert charged(price, tokens=1257, cost="0.0581").amount == D("0.00581")


def test_a_cost_is_split_over_the_tiers_in_proportion_to_the_quantity():
    priced = charged(percentage(*TWENTY_TEN), tokens=400, cost="0.04", used_before="900")
    # A quarter of the cost at +20%, three quarters at +10%.
    assert lines(priced) == [("0", "100", "0.012"), ("1000", "300", "0.033")]
    assert priced.amount == D("0.045")


def test_a_request_that_counts_nothing_but_cost_something_is_priced_where_the_customer_stands():
    price = percentage(*TWENTY_TEN)
    assert charged(price, cost="0.10", used_before="999").amount == D("0.12")
    assert charged(price, cost="0.10", used_before="1000").amount == D("0.11")
    assert lines(charged(price, cost="0.10", used_before="1000")) == [("1000", "0", "0.11")]


def test_a_percentage_of_an_unknown_cost_is_refused_and_of_no_cost_is_free():
    price = percentage(*TWENTY_TEN)
    with pytest.raises(CostUnknown) as refused:
        charged(price, tokens=1)
    assert refused.value.code == "cost_unknown"
    assert charged(price, tokens=1, cost="0").amount == 0


def test_a_fixed_price_does_not_ask_for_the_cost():
    price = fixed(*tiers(_0="2"))
    assert charged(price, tokens=700) == charged(price, tokens=700, cost="99")


@pytest.mark.parametrize(
    ("used_before", "start"),
    [("0", "0"), ("999999", "0"), ("1000000", "1000000"), ("99000000", "10000000")],
)
def test_a_request_that_counts_nothing_is_free_on_one_line_at_the_current_tier(used_before, start):
    priced = charged(fixed(*FIVE_THREE_ONE), used_before=used_before)
    assert priced.amount == 0
    assert lines(priced) == [(start, "0", "0")]


@pytest.mark.parametrize(
    ("used_before", "tokens", "touched"),
    [
        ("0", 1_000_000, ["0"]),  # exactly up to the boundary
        ("0", 1_000_001, ["0", "1000000"]),  # one unit beyond it
        ("999999", 1, ["0"]),
        ("1000000", 1, ["1000000"]),
        ("0", 10_000_001, ["0", "1000000", "10000000"]),
    ],
)
def test_the_unit_that_reaches_a_tier_is_still_priced_before_it(used_before, tokens, touched):
    priced = charged(fixed(*FIVE_THREE_ONE), tokens=tokens, used_before=used_before)
    assert [line[0] for line in lines(priced)] == touched


@pytest.mark.parametrize(
    ("used_before", "tokens", "amount"),
    [
        ("0", 1_000_000, "5"),  # the cycle is at 1,000,000: still the first tier
        ("0", 1_000_001, "3.000003"),  # one more, and the whole request is at 3
        (
            "900000",
            200_000,
            "0.6",
        ),  # the cycle reaches 1.1M; the 900,000 are not re-rated
        ("9999999", 2, "0.000002"),
    ],
)
def test_volume_prices_the_whole_request_at_the_tier_the_cycle_reaches(used_before, tokens, amount):
    price = fixed(*FIVE_THREE_ONE, tier_mode=TierMode.VOLUME)
    priced = charged(price, tokens=tokens, used_before=used_before)
    assert priced.amount == D(amount)
    assert len(priced.lines) == 1


def test_volume_decides_the_percentage_too():
    price = percentage(*TWENTY_TEN, tier_mode=TierMode.VOLUME)
    assert charged(price, tokens=400, cost="0.04", used_before="900").amount == D("0.044")


def test_the_lines_share_the_rounding_so_that_they_add_up():
    """Three thirds of 0.0000000001: rounded one by one they would be three zeros."""
    price = percentage(*tiers(_0="100", _1="100", _2="100"), of=PercentageOf.COST_ONLY)
    priced = charged(price, tokens=3, cost="0.0000000001")
    assert [line.amount for line in priced.lines] == [D(0), D("1E-10"), D(0)]
    assert priced.amount == D("1E-10")


def test_a_charge_beyond_the_books_is_refused():
    with pytest.raises(AmountTooLarge):
        charged(fixed(*tiers(_0="9999999999")), tokens=10**15)


# Which tiers are a price.


@pytest.mark.parametrize(
    "valid",
    [
        tiers(_0="0"),
        FIVE_THREE_ONE,
        tiers(_0="1", _1="9999999999.9999999999"),
        tuple(Tier(D(n), D(1)) for n in range(100)),
    ],
)
def test_tiers_from_zero_that_rise_are_a_price(valid):
    validate_tiers(valid)


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ((), "1 to 100 tiers, not 0"),
        (tuple(Tier(D(n), D(1)) for n in range(101)), "1 to 100 tiers, not 101"),
        (tiers(_1="5"), "tier 1 must start at 0, not 1"),
        (
            tiers(_0="5", _10="3", _9="1"),
            "tier 3 starts at 9, which is not after tier 2 at 10",
        ),
        (
            (Tier(D(0), D(1)), Tier(D(0), D(2))),
            "tier 2 starts at 0, which is not after tier 1 at 0",
        ),
        (tiers(_0="-0.01"), "tier 1: rate must be"),
        (tiers(_0="1", _5="NaN"), "tier 2: rate must be"),
        (tiers(_0="Infinity"), "tier 1: rate must be"),
        (tiers(_0="10000000000"), "tier 1: rate must be"),
        (tiers(_0="0.00000000001"), "tier 1: rate may have at most 10 decimal places"),
        (tiers(_0="1", _NaN="1"), "tier 2: start must be"),
        (tiers(_0="1", _1000000000000001="1"), "tier 2: start must be"),
        ((Tier(D("-1"), D(1)),), "tier 1: start must be"),
        (
            (Tier(D(0), D(1)), Tier(D("0.0000001"), D(1))),
            "tier 2: start may have at most 6 decimal places",
        ),
    ],
)
def test_other_tiers_are_refused_with_a_message_that_names_the_tier(invalid, message):
    with pytest.raises(TiersInvalid, match=message) as refused:
        validate_tiers(invalid)
    assert refused.value.code == "tiers_invalid"


# Laws. They draw prices of every kind, on small numbers where boundaries are dense and on the largest allowed.

# Ten arbitrary places each, so that nearly every product has something to round.
rates = st.integers(min_value=0, max_value=200 * 10**10).map(lambda n: D(f"{n}E-10"))
costs = rates
few = st.integers(min_value=0, max_value=60)
counts = few | st.integers(min_value=0, max_value=10**13)
starts = few.map(lambda n: n + 1) | st.integers(min_value=1, max_value=10**15)
seconds = st.decimals(min_value=0, max_value=10_000, places=6) | st.just(D(100))


@st.composite
def tier_lists(draw):
    later = sorted(draw(st.sets(starts, max_size=1) | st.sets(starts, min_size=2, max_size=4)))
    return tuple(Tier(D(start), draw(rates)) for start in (0, *later))


def prices(*, rate_types=tuple(RateType), tier_modes=tuple(TierMode)):
    return st.builds(
        Price,
        rate_type=st.sampled_from(rate_types),
        tier_type=st.sampled_from(TierType),
        tier_mode=st.sampled_from(tier_modes),
        token_basis=st.sampled_from(TokenBasis),
        percentage_of=st.sampled_from(PercentageOf),
        tiers=tier_lists(),
    )


graduated = prices(tier_modes=[TierMode.GRADUATED])
graduated_fixed = prices(rate_types=[RateType.FIXED], tier_modes=[TierMode.GRADUATED])
measured = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    input_characters=counts,
    output_characters=counts,
    input_seconds=seconds,
    output_seconds=seconds,
)
usages = measured | st.just(Usage())
used = counts.map(D)


@st.composite
def customers(draw, prices):
    """A price and how much of it a customer has used: anything, and often exactly or nearly a whole tier."""
    price = draw(prices)
    counted_per_unit = 60 if price.tier_type == TierType.MINUTES else 1
    boundary = draw(st.sampled_from(price.tiers[1:] or price.tiers)).start * counted_per_unit
    just_before = few.map(lambda n: max(boundary - n, D(0)))
    return price, draw(st.just(D(0)) | just_before | st.just(boundary) | used)


def both(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.input_tokens + second.input_tokens,
        first.output_tokens + second.output_tokens,
        first.input_characters + second.input_characters,
        first.output_characters + second.output_characters,
        first.input_seconds + second.input_seconds,
        first.output_seconds + second.output_seconds,
    )


def charge_by_definition(price: Price, *, quantity: Decimal, cost: Decimal, used_before: Decimal) -> Decimal:
    """The charge as `docs/how-money-moves.md` defines it, slowly, in fractions, which never round."""
    counted_per_unit = 60 if price.tier_type == TierType.MINUTES else 1
    units_per_rate = 1_000_000 if price.tier_type in (TierType.TOKENS, TierType.CHARACTERS) else 1
    bounds = [Fraction(tier.start) for tier in price.tiers] + [Fraction(10**30)]
    begin = Fraction(used_before) / counted_per_unit
    units = Fraction(quantity) / counted_per_unit
    overlaps = [max(min(begin + units, end) - max(begin, start), Fraction(0)) for start, end in pairwise(bounds)]
    if not units:
        shares = [Fraction(start <= begin < end) for start, end in pairwise(bounds)]
    elif price.tier_mode == TierMode.VOLUME:
        shares = [Fraction(start < begin + units <= end) for start, end in pairwise(bounds)]
    else:
        shares = [overlap / units for overlap in overlaps]

    base = 100 if price.percentage_of == PercentageOf.MARKUP else 0
    exact = Fraction(0)
    for tier, share in zip(price.tiers, shares, strict=True):
        if price.rate_type == RateType.FIXED:
            exact += units * share * Fraction(tier.rate) / units_per_rate
        else:
            exact += Fraction(cost) * share * (base + Fraction(tier.rate)) / 100
    return D(f"{round(exact * 10**10)}E-10")  # round() on a Fraction is half-even.


@settings(max_examples=500)
@given(customer=customers(prices()), usage=usages, cost=costs)
def test_a_charge_is_its_definition_rounded_once(customer, usage, cost):
    price, used_before = customer
    try:
        priced = price_request(price, usage=usage, cost=cost, used_before=used_before)
    except AmountTooLarge:
        return
    assert priced.amount == charge_by_definition(price, quantity=priced.quantity, cost=cost, used_before=used_before)


@settings(max_examples=500)
@given(customer=customers(graduated), usage=measured, cost=costs)
def test_the_breakdown_adds_up_to_the_charge_and_nothing_is_negative(customer, usage, cost):
    price, used_before = customer
    try:
        priced = price_request(price, usage=usage, cost=cost, used_before=used_before)
    except AmountTooLarge:
        return
    assert sum(line.amount for line in priced.lines) == priced.amount
    assert sum(line.quantity for line in priced.lines) == priced.quantity
    assert all(line.amount >= 0 and line.quantity >= 0 for line in priced.lines)
    assert all(line.quantity > 0 for line in priced.lines) or len(priced.lines) == 1
    assert all(line.amount.as_tuple().exponent == -10 for line in priced.lines)
    assert [line.start for line in priced.lines] == sorted({line.start for line in priced.lines})


@given(customer=customers(graduated_fixed), first=usages, second=usages)
def test_splitting_usage_changes_a_graduated_charge_by_at_most_one_rounding(customer, first, second):
    price, used_before = customer
    if price.tier_type == TierType.REQUESTS:
        return  # Two requests are not one request split in two.
    try:
        together = price_request(price, usage=both(first, second), cost=None, used_before=used_before)
        before = price_request(price, usage=first, cost=None, used_before=used_before)
        after = price_request(price, usage=second, cost=None, used_before=used_before + before.quantity)
    except AmountTooLarge:
        return
    assert before.quantity + after.quantity == together.quantity
    assert abs(before.amount + after.amount - together.amount) <= TEN_PLACES


@given(price=graduated, tokens=st.tuples(counts, counts), unit_cost=costs, used_before=used)
def test_splitting_usage_and_its_cost_changes_a_percentage_by_at_most_one_rounding(
    price, tokens, unit_cost, used_before
):
    price = percentage(*price.tiers, of=price.percentage_of)
    first, second = (D(n) for n in tokens)
    per_token = unit_cost.scaleb(-10).quantize(TEN_PLACES)

    def charge(quantity: Decimal, used_before: Decimal) -> Decimal:
        return charged(
            price,
            tokens=int(quantity),
            cost=quantity * per_token,
            used_before=str(used_before),
        ).amount

    together = charge(first + second, used_before)
    apart = charge(first, used_before) + charge(second, used_before + first)
    if not first or not second:
        assert together == apart
    assert abs(together - apart) <= TEN_PLACES


@given(customer=customers(graduated_fixed), usage=usages, more=usages)
def test_more_usage_never_costs_less_under_graduated_pricing(customer, usage, more):
    price, used_before = customer
    try:
        less = price_request(price, usage=usage, cost=None, used_before=used_before)
        larger = price_request(price, usage=both(usage, more), cost=None, used_before=used_before)
    except AmountTooLarge:
        return
    assert less.amount <= larger.amount


@given(customer=customers(prices()), usage=usages, cost=costs)
def test_pricing_is_deterministic_and_ignores_the_callers_decimal_context(customer, usage, cost):
    price, used_before = customer

    def outcome() -> Priced | str:
        try:
            return price_request(price, usage=usage, cost=cost, used_before=used_before)
        except AmountTooLarge as refused:
            return str(refused)

    expected = outcome()
    with localcontext(prec=6, rounding=ROUND_UP):
        assert outcome() == expected
