"""How amounts and times are said: no digit that matters is lost, and nothing that is something reads as nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import display

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=10)


@pytest.mark.parametrize(
    ("amount", "charge", "money"),
    [
        ("0", "$0.00", "$0.00"),
        ("12.4", "$12.40", "$12.40"),
        ("1204.5", "$1,204.50", "$1,204.50"),
        ("0.0581000000", "$0.0581", "$0.06"),
        ("0.002", "$0.002", "$0.002"),
        ("0.0000004", "<$0.000001", "<$0.000001"),
        ("-3.5", "\N{MINUS SIGN}$3.50", "\N{MINUS SIGN}$3.50"),
        ("1.0000001", "$1.00", "$1.00"),
    ],
)
def test_money_in_words(amount, charge, money):
    assert display.charge(Decimal(amount)) == charge
    assert display.money(Decimal(amount)) == money


@given(amounts)
def test_something_never_reads_as_nothing(amount):
    for said in (display.money(amount), display.charge(amount)):
        assert (said == "$0.00") == (amount == 0)


@given(amounts)
def test_an_exact_amount_can_be_read_back(amount):
    digits = display.exact(amount).replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-")
    assert Decimal(digits) == amount


def test_other_currencies():
    assert display.money(Decimal(5), "EUR") == "€5.00"
    assert display.money(Decimal(5), "CHF") == "5.00 CHF"


@pytest.mark.parametrize(
    ("number", "said"), [(1204, "1,204"), (Decimal("1.50"), "1.5"), (Decimal(100), "100"), (Decimal("1E+3"), "1,000")]
)
def test_quantities(number, said):
    assert display.quantity(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(10, "just now"), (180, "3 min ago"), (7200, "2 h ago"), (86_400, "1 day ago"), (-1_036_900, "in 12 days")],
)
def test_times(seconds, said):
    now = datetime(2026, 1, 15, tzinfo=UTC)
    assert display.ago(now - timedelta(seconds=seconds), now=now) == said


def test_long_ids_keep_both_ends():
    short = display.truncated("con_test_01K7ABCDEFGHJKMNPQRSTVWXYZ", most=15)
    assert len(short) == 15
    assert short.startswith("con_tes")
    assert short.endswith("TVWXYZ")
