"""Which grants pay a charge, and in what order."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.rules.burndown import Draw, Lot, burns_before, draw_down, pay_deficit

D = Decimal
MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def lot(
    number: int,
    remaining="10",
    *,
    expires_at=None,
    promotional=False,
    created_at: datetime = MAY,
) -> Lot:
    return Lot(UUID(int=number), D(remaining), expires_at, promotional, created_at)


def draws(found: list[Draw]) -> list[tuple[int | None, str]]:
    return [(draw.grant_id.int if draw.grant_id else None, str(draw.amount)) for draw in found]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (
            lot(2, expires_at=MAY),
            lot(1, expires_at=JUNE),
            "the soonest to expire goes first",
        ),
        (lot(2, expires_at=JUNE), lot(1), "without expiry goes last"),
        (
            lot(2, expires_at=JUNE),
            lot(1, promotional=True),
            "expiry decides before promotion",
        ),
        (lot(2, promotional=True), lot(1), "promotional goes before paid"),
        (
            lot(2, promotional=True, created_at=JUNE),
            lot(1, created_at=MAY),
            "promotion decides before age",
        ),
        (lot(2, created_at=MAY), lot(1, created_at=JUNE), "the oldest goes first"),
        (lot(1), lot(2), "the id decides between twins"),
        (
            lot(
                2,
                expires_at=datetime(2026, 6, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            ),
            lot(1, expires_at=JUNE),
            "moments are compared, not clocks on the wall",
        ),
    ],
)
def test_burndown_order(first, second, why):
    assert sorted([second, first], key=burns_before) == [first, second], why


def test_cycle_credits_go_before_promotional_before_bought_and_the_rest_is_a_deficit():
    cycle, promotional, bought = (
        lot(1, "2", expires_at=JUNE),
        lot(2, "5", promotional=True),
        lot(3, "10"),
    )
    for shuffled in permutations([cycle, promotional, bought]):
        in_order = sorted(shuffled, key=burns_before)
        assert draws(draw_down(in_order, D(4))) == [(1, "2"), (2, "2")]
        assert draws(draw_down(in_order, D(20))) == [
            (1, "2"),
            (2, "5"),
            (3, "10"),
            (None, "3"),
        ]


@pytest.mark.parametrize(
    ("lots", "charge", "expected"),
    [
        ([], "0", []),
        ([lot(1)], "0", []),
        ([lot(1)], "3.5", [(1, "3.5")]),
        ([lot(1)], "10", [(1, "10")]),
        ([lot(1), lot(2)], "10", [(1, "10")]),
        ([lot(1, "0"), lot(2)], "1", [(2, "1")]),
        ([], "3", [(None, "3")]),
        ([lot(1, "0")], "3", [(None, "3")]),
        ([lot(1, "10")], "10.0000000001", [(1, "10"), (None, "1E-10")]),
    ],
)
def test_a_charge_is_drawn_down(lots, charge, expected):
    assert draws(draw_down(lots, D(charge))) == expected


@pytest.mark.parametrize(
    ("deficit", "grant", "paid"),
    [("0", "25", "0"), ("3", "25", "3"), ("25", "25", "25"), ("30", "25", "25")],
)
def test_a_new_grant_pays_the_deficit_first(deficit, grant, paid):
    assert pay_deficit(D(deficit), D(grant)) == D(paid)


amounts = st.integers(min_value=0, max_value=50).map(D) | st.decimals(min_value=0, max_value=10**9, places=10)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.just(UTC),
)
lots = st.builds(
    Lot,
    grant_id=st.uuids(),
    remaining=amounts,
    expires_at=st.none() | st.sampled_from([MAY, JUNE]) | moments,
    promotional=st.booleans(),
    created_at=st.sampled_from([MAY, JUNE]) | moments,
)
lot_lists = st.lists(lots, max_size=6, unique_by=lambda lot: lot.grant_id)


@given(lot_lists, amounts)
def test_draws_add_up_to_the_charge_and_leave_no_lot_below_zero(lots, charge):
    in_order = sorted(lots, key=burns_before)
    found = draw_down(in_order, charge)
    remaining = {lot.grant_id: lot.remaining for lot in lots}
    from_grants = [draw for draw in found if draw.grant_id is not None]
    assert sum(draw.amount for draw in found) == charge
    assert all(draw.amount > 0 for draw in found)
    assert all(draw.amount <= remaining[draw.grant_id] for draw in from_grants)
    assert len({draw.grant_id for draw in found}) == len(found)


@given(lot_lists, amounts)
def test_a_later_lot_pays_only_when_every_earlier_one_is_spent(lots, charge):
    in_order = [lot for lot in sorted(lots, key=burns_before) if lot.remaining]
    found = draw_down(in_order, charge)
    spent_whole = [Draw(lot.grant_id, lot.remaining) for lot in in_order]
    assert found[:-1] == spent_whole[: max(len(found) - 1, 0)]
    if found and found[-1].grant_id is None:
        assert len(found) == len(in_order) + 1


@given(lot_lists, amounts, amounts)
def test_two_charges_take_what_one_charge_of_their_sum_would(lots, first, second):
    def left_after(lots: list[Lot], charge: Decimal) -> list[Lot]:
        taken = {draw.grant_id: draw.amount for draw in draw_down(lots, charge)}
        return [
            Lot(
                lot.grant_id,
                lot.remaining - taken.get(lot.grant_id, D(0)),
                lot.expires_at,
                lot.promotional,
                lot.created_at,
            )
            for lot in lots
        ]

    in_order = sorted(lots, key=burns_before)
    assert left_after(left_after(in_order, first), second) == left_after(in_order, first + second)


@given(lot_lists, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_lots_were_read(lots, random):
    shuffled = random.sample(lots, len(lots))
    assert sorted(shuffled, key=burns_before) == sorted(lots, key=burns_before)
