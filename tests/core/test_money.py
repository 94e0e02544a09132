"""Amounts: one rounding, plain writing, strict reading."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.money import (
    AMOUNT_MAX,
    EXACT,
    TEN_PLACES,
    AmountTooLarge,
    NotAnAmount,
    format_amount,
    is_whole_cents,
    parse_amount,
    round_charge,
    round_to_cents,
)

amounts = st.decimals(min_value=-AMOUNT_MAX, max_value=AMOUNT_MAX, places=10)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        ("0", "0.0000000000"),
        ("0.0014", "0.0014000000"),
        ("0.00000000014", "0.0000000001"),
        ("0.00000000015", "0.0000000002"),  # a tie goes to the even digit,
        ("0.00000000025", "0.0000000002"),  # in both directions
        ("-0.00000000025", "-0.0000000002"),
        (
            "0.000000000250000000000000000000000000000001",
            "0.0000000003",
        ),  # just over a tie
    ],
)
def test_a_charge_is_rounded_to_ten_places_half_even(exact, rounded):
    assert str(format_amount(round_charge(Decimal(exact)))) == rounded


def test_a_charge_the_books_cannot_hold_is_refused():
    assert round_charge(AMOUNT_MAX) == AMOUNT_MAX
    for beyond in ("10000000000", "-10000000000", "9999999999.99999999995", "1E+200"):
        with pytest.raises(AmountTooLarge):
            round_charge(Decimal(beyond))


def test_the_largest_product_of_a_price_is_exact():
    """Python's default context would already have rounded it to 28 digits."""
    counted, rate = Decimal("999999999999999.999999"), AMOUNT_MAX
    with localcontext(EXACT):
        product = counted * counted * rate * rate
    assert Fraction(product) == Fraction(counted) ** 2 * Fraction(rate) ** 2
    assert Fraction(counted * rate) != Fraction(counted) * Fraction(rate)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("0.125", "0.13"),
        ("0.124999", "0.12"),
        ("-0.125", "-0.13"),
        ("9.995", "10.00"),
        ("7", "7.00"),
    ],
)
def test_cents_are_rounded_half_up(amount, cents):
    assert str(round_to_cents(Decimal(amount))) == cents


@pytest.mark.parametrize(
    ("amount", "whole"),
    [("25", True), ("25.10", True), ("25.1000000000", True), ("25.001", False)],
)
def test_cards_are_charged_whole_cents_only(amount, whole):
    assert is_whole_cents(Decimal(amount)) is whole


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.0000000000"),
        ("0E-10", "0.0000000000"),
        ("-0", "0.0000000000"),
        ("-0E-10", "0.0000000000"),
        ("1E-10", "0.0000000001"),
        ("-1E-10", "-0.0000000001"),
        ("1E+9", "1000000000.0000000000"),
        ("0.0581", "0.0581000000"),
        ("2.574100000000", "2.5741000000"),
        ("9999999999.9999999999", "9999999999.9999999999"),
    ],
)
def test_an_amount_is_written_with_ten_places_and_no_exponent(amount, text):
    assert format_amount(Decimal(amount)) == text


def test_writing_an_amount_never_rounds_it():
    with pytest.raises(ValueError, match="more than ten places"):
        format_amount(Decimal("0.00000000001"))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("25", "25"),
        ("25.00", "25"),
        ("0", "0"),
        ("-0.0581000000", "-0.0581"),
        ("9999999999.9999999999", "9999999999.9999999999"),
    ],
)
def test_plain_decimals_are_read(text, amount):
    assert parse_amount(text) == Decimal(amount)


def test_negative_zero_is_read_as_zero():
    assert not parse_amount("-0.00").is_signed()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "1 ",
            " 1",
            "1\n",
            "+1",
            "--1",
            "-",
            ".",
            ".5",
            "5.",
            "1,000",
            "1_000",
            "$1",
            "1.2.3",
        ),
        *("1e3", "1E-3", "NaN", "sNaN", "Infinity", "-inf", "0x10", "ten", "١٢"),
        *("10000000000", "00000000001", "0.00000000001"),
    ],
)
def test_anything_else_is_not_an_amount(text):
    with pytest.raises(NotAnAmount) as refused:
        parse_amount(text)
    assert refused.value.code == "not_an_amount"


@given(amounts)
def test_what_is_written_reads_back_the_same(amount):
    assert parse_amount(format_amount(amount)) == amount


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False))
def test_rounding_moves_an_amount_by_at_most_half_a_place(amount):
    rounded = round_charge(amount)
    assert rounded == round_charge(rounded)
    assert abs(Fraction(rounded) - Fraction(amount)) <= Fraction(TEN_PLACES) / 2
