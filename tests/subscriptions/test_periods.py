"""When billing cycles begin and end."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.plans.terms import Interval
from apps.subscriptions.rules.periods import cycle_bounds, cycle_index_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(anchor: str, interval: str, count: int) -> list[str]:
    bounds = [cycle_bounds(at(anchor), Interval(interval), n) for n in range(count)]
    return [f"{starts_at:%Y-%m-%d}" for starts_at, _ in bounds]


@pytest.mark.parametrize(
    ("anchor", "interval", "expected"),
    [
        (
            "2026-01-31",
            "month",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        ("2028-01-31", "month", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        (
            "2026-11-30",
            "month",
            ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"],
        ),
        ("2026-12-15", "month", ["2026-12-15", "2027-01-15"]),
        ("2028-02-29", "month", ["2028-02-29", "2028-03-29"]),
        (
            "2028-02-29",
            "year",
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        ("2026-02-28", "year", ["2026-02-28", "2027-02-28", "2028-02-28"]),
        ("2026-12-31", "day", ["2026-12-31", "2027-01-01"]),
        ("2026-02-25", "week", ["2026-02-25", "2026-03-04"]),
    ],
)
def test_cycles_are_counted_from_the_anchor(anchor, interval, expected):
    assert starts(anchor, interval, len(expected)) == expected


def test_a_cycle_begins_at_the_anchors_time_of_day_in_utc():
    in_berlin = datetime(2026, 4, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    starts_at, ends_at = cycle_bounds(in_berlin, Interval.MONTH, 0)
    # In UTC the anchor is still on 31 March, and April has no 31st.
    assert (starts_at, ends_at) == (at("2026-03-31T23:30"), at("2026-04-30T23:30"))
    assert starts_at.tzinfo is ends_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "n"),
    [
        ("2026-01-31T11:59:59.999999", -1),
        ("2026-01-31T12:00", 0),
        ("2026-02-28T11:59:59.999999", 0),
        ("2026-02-28T12:00", 1),
        ("2026-03-31T11:59:59.999999", 1),
        ("2026-03-31T12:00", 2),
        ("2036-01-31T12:00", 120),
    ],
)
def test_a_cycle_contains_its_start_and_not_its_end(moment, n):
    assert cycle_index_at(at("2026-01-31T12:00"), Interval.MONTH, at(moment)) == n


def test_a_moment_without_a_zone_is_a_bug():
    naive = datetime(2026, 1, 31)
    with pytest.raises(ValueError, match="no time zone"):
        cycle_bounds(naive, Interval.MONTH, 0)
    with pytest.raises(ValueError, match="no time zone"):
        cycle_index_at(at("2026-01-31"), Interval.MONTH, naive)


zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=zones)
month_ends = st.sampled_from(
    [
        at("2026-01-31T12:00"),
        at("2028-02-29"),
        at("2027-02-28T23:59:59"),
        at("2026-12-31"),
    ]
)
intervals = st.sampled_from(Interval)


@given(
    anchor_at=moments | month_ends,
    interval=intervals,
    first=st.integers(min_value=0, max_value=500),
)
def test_cycles_tile_the_calendar_without_gap_or_overlap(anchor_at, interval, first):
    bounds = [cycle_bounds(anchor_at, interval, n) for n in range(first, first + 14)]
    assert all(starts_at < ends_at for starts_at, ends_at in bounds)
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert cycle_bounds(anchor_at, interval, 0)[0] == anchor_at


@given(anchor_at=moments | month_ends, interval=intervals, moment=moments | month_ends)
def test_every_moment_falls_in_exactly_the_cycle_that_is_found_for_it(anchor_at, interval, moment):
    n = cycle_index_at(anchor_at, interval, moment)
    starts_at, ends_at = cycle_bounds(anchor_at, interval, n)
    assert starts_at <= moment < ends_at


@given(
    anchor_at=moments | month_ends,
    interval=intervals,
    n=st.integers(min_value=0, max_value=500),
)
def test_a_cycle_is_found_by_its_own_start(anchor_at, interval, n):
    starts_at, ends_at = cycle_bounds(anchor_at, interval, n)
    assert cycle_index_at(anchor_at, interval, starts_at) == n
    assert cycle_index_at(anchor_at, interval, ends_at) == n + 1
