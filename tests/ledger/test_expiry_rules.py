"""What rolls over at the end of a cycle, and what expires."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.rules.burndown import Lot, burns_before
from apps.ledger.rules.expiry import RolloverType, rollover_split

D = Decimal
CREATED = datetime(2026, 5, 1, tzinfo=UTC)
ENDS = datetime(2026, 6, 1, tzinfo=UTC)

PROMOTIONAL = Lot(UUID(int=1), D(6), ENDS, True, CREATED)
PAID = Lot(UUID(int=2), D(10), ENDS, False, CREATED)


def split(*lots: Lot, rollover="full", cap=None) -> list[tuple[int, str, str]]:
    found = rollover_split(lots, rollover=RolloverType(rollover), cap=None if cap is None else D(cap))
    return [(part.grant_id.int, str(part.rolled), str(part.expired)) for part in found]


@pytest.mark.parametrize(
    ("rollover", "cap", "expected"),
    [
        ("full", None, [(1, "6", "0"), (2, "10", "0")]),
        ("full", "100", [(1, "6", "0"), (2, "10", "0")]),
        ("full", "16", [(1, "6", "0"), (2, "10", "0")]),
        ("full", "12", [(1, "2", "4"), (2, "10", "0")]),
        ("full", "7", [(1, "0", "6"), (2, "7", "3")]),
        ("full", "0", [(1, "0", "6"), (2, "0", "10")]),
        ("none", None, [(1, "0", "6"), (2, "0", "10")]),
        ("none", "12", [(1, "0", "6"), (2, "0", "10")]),
    ],
)
def test_a_cap_is_met_from_the_front_of_the_burndown_order(rollover, cap, expected):
    assert split(PROMOTIONAL, PAID, rollover=rollover, cap=cap) == expected
    assert split(PAID, PROMOTIONAL, rollover=rollover, cap=cap) == expected


def test_10_of_25_are_left_and_roll_over_or_are_forfeited():
    left = Lot(UUID(int=1), D(25) - D(15), ENDS, False, CREATED)
    assert split(left, rollover="full") == [(1, "10", "0")]
    assert split(left, rollover="none") == [(1, "0", "10")]


def test_nothing_left_splits_into_nothing():
    assert split() == []
    assert split(Lot(UUID(int=1), D(0), ENDS, False, CREATED), cap="5") == [(1, "0", "0")]


amounts = st.integers(min_value=0, max_value=50).map(D) | st.decimals(min_value=0, max_value=10**9, places=10)
lots = st.builds(
    Lot,
    grant_id=st.uuids(),
    remaining=amounts,
    expires_at=st.just(ENDS),
    promotional=st.booleans(),
    created_at=st.just(CREATED),
)


@given(
    lots=st.lists(lots, max_size=6, unique_by=lambda lot: lot.grant_id),
    rollover=st.sampled_from(RolloverType),
    cap=st.none() | amounts,
)
def test_every_credit_rolls_over_or_expires_and_as_many_as_allowed_roll_over(lots, rollover, cap):
    found = rollover_split(lots, rollover=rollover, cap=cap)
    in_order = sorted(lots, key=burns_before)
    left = sum(lot.remaining for lot in lots)
    allowed = D(0) if rollover == RolloverType.NONE else left if cap is None else min(cap, left)

    assert [part.grant_id for part in found] == [lot.grant_id for lot in in_order]
    assert [part.rolled + part.expired for part in found] == [lot.remaining for lot in in_order]
    assert all(part.rolled >= 0 and part.expired >= 0 for part in found)
    assert sum(part.rolled for part in found) == allowed
