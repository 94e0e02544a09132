"""What rolls over at the end of a cycle, and what expires."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.rules.burndown import Lot, burns_before
from apps.ledger.rules.expiry import rollover_split

D = Decimal
CREATED = datetime(2026, 5, 1, tzinfo=UTC)
ENDS = datetime(2026, 6, 1, tzinfo=UTC)


def lot_id(number: int) -> str:
    return str(UUID(int=number))


PROMOTIONAL = Lot(lot_id(1), D(6), ENDS, True, CREATED)
PAID = Lot(lot_id(2), D(10), ENDS, False, CREATED)


def split(*lots: Lot, cap=None) -> list[tuple[int, str, str]]:
    found = rollover_split(lots, cap=None if cap is None else D(cap))
    return [(UUID(part.grant_id).int, str(part.rolled), str(part.expired)) for part in found]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (None, [(1, "6", "0"), (2, "10", "0")]),
        ("100", [(1, "6", "0"), (2, "10", "0")]),
        ("16", [(1, "6", "0"), (2, "10", "0")]),
        ("12", [(1, "2", "4"), (2, "10", "0")]),
        ("7", [(1, "0", "6"), (2, "7", "3")]),
        ("0", [(1, "0", "6"), (2, "0", "10")]),
    ],
)
def test_a_cap_is_met_from_the_front_of_the_burndown_order(cap, expected):
    assert split(PROMOTIONAL, PAID, cap=cap) == expected
    assert split(PAID, PROMOTIONAL, cap=cap) == expected


def test_10_of_25_are_left_and_roll_over_or_are_forfeited():
    left = Lot(lot_id(1), D(25) - D(15), ENDS, False, CREATED)
    assert split(left) == [(1, "10", "0")]
    assert split(left, cap="0") == [(1, "0", "10")]


def test_nothing_left_splits_into_nothing():
    assert split() == []
    assert split(Lot(lot_id(1), D(0), ENDS, False, CREATED), cap="5") == [(1, "0", "0")]


amounts = st.integers(min_value=0, max_value=50).map(D) | st.decimals(min_value=0, max_value=10**9, places=10)
lots = st.builds(
    Lot,
    grant_id=st.uuids().map(str),
    remaining=amounts,
    expires_at=st.just(ENDS),
    promotional=st.booleans(),
    created_at=st.just(CREATED),
)


@given(
    lots=st.lists(lots, max_size=6, unique_by=lambda lot: lot.grant_id),
    cap=st.none() | amounts,
)
def test_every_credit_rolls_over_or_expires_and_as_many_as_allowed_roll_over(lots, cap):
    found = rollover_split(lots, cap=cap)
    in_order = sorted(lots, key=burns_before)
    left = sum(lot.remaining for lot in lots)
    allowed = left if cap is None else min(cap, left)

    assert [part.grant_id for part in found] == [lot.grant_id for lot in in_order]
    assert [part.rolled + part.expired for part in found] == [lot.remaining for lot in in_order]
    assert all(part.rolled >= 0 and part.expired >= 0 for part in found)
    assert sum(part.rolled for part in found) == allowed
