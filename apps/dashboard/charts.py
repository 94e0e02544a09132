"""Revenue over cost, as a drawing: made here, so that it needs no script and prints as it is seen.

A phone gets a drawing of its own, with fewer ticks and letters of the same size, never a shrunken one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.core.display import money
from apps.core.money import ZERO
from apps.dashboard.overview import Day

Point = tuple[float, float]

_LEFT: Final = 52
_RIGHT: Final = 8
_TOP: Final = 20
_BOTTOM: Final = 24


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what it stands for."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One day to point at: its place, and what it says."""

    x: float
    width: float
    middle: float
    revenue_y: float
    cost_y: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of one width, in its own units."""

    name: str
    width: int
    height: int
    left: int
    bottom: float
    revenue: str
    cost: str
    gap: str
    today: str
    """From yesterday on: a day that is not over yet is drawn apart."""
    amounts: list[Tick]
    dates: list[Tick]
    columns: list[Column]


def revenue_charts(days: Sequence[Day], *, currency: str) -> list[Chart]:
    """The drawing for a desk and the one for a phone; none when nothing was charged."""
    if not any(day.revenue or day.cost for day in days):
        return []
    return [
        _chart("wide", days, currency, width=1040, height=240, dates=6),
        _chart("narrow", days, currency, width=340, height=200, dates=3),
    ]


def _chart(name: str, days: Sequence[Day], currency: str, *, width: int, height: int, dates: int) -> Chart:
    top = nice_ceiling(max(max(day.revenue, day.cost) for day in days))
    step = (width - _LEFT - _RIGHT) / len(days)
    bottom = float(height - _BOTTOM)

    def y(amount: Decimal) -> float:
        return round(bottom - float(amount / top) * (bottom - _TOP), 1)

    middles = [round(_LEFT + step * (place + 0.5), 1) for place in range(len(days))]
    revenue = [(x, y(day.revenue)) for x, day in zip(middles, days, strict=True)]
    cost = [(x, y(day.cost)) for x, day in zip(middles, days, strict=True)]
    return Chart(
        name=name,
        width=width,
        height=height,
        left=_LEFT,
        bottom=bottom,
        revenue=_line(revenue[:-1]),
        cost=_line(cost[:-1]),
        gap=_line([*revenue[:-1], *reversed(cost[:-1])]) + "Z",
        today=_line(revenue[-2:]) + _line(cost[-2:]),
        amounts=[Tick(y(amount), _axis_label(amount, currency)) for amount in (top, top / 2, ZERO)],
        dates=[
            Tick(middles[place], f"{days[place].on.day} {days[place].on:%b}") for place in _spread(len(days), dates)
        ],
        columns=[
            Column(round(x - step / 2, 1), round(step, 1), x, r[1], c[1], _title(day, currency))
            for x, r, c, day in zip(middles, revenue, cost, days, strict=True)
        ],
    )


def nice_ceiling(amount: Decimal) -> Decimal:
    """The next round number: 1, 2, 4, 5 or 8 times a power of ten, so that its half is round as well."""
    if amount <= 0:
        return Decimal(1)
    power = Decimal(10) ** amount.adjusted()
    return next(power * times for times in (1, 2, 4, 5, 8, 10) if power * times >= amount)


def _axis_label(amount: Decimal, currency: str) -> str:
    text = money(amount, currency)
    return text.removesuffix(".00")


def _title(day: Day, currency: str) -> str:
    told = f"{day.on.day} {day.on:%b}: revenue {money(day.revenue, currency)}, cost {money(day.cost, currency)}"
    return f"{told}, {day.requests_without_cost:,} requests without cost" if day.requests_without_cost else told


def _line(points: Sequence[Point]) -> str:
    return "M" + " ".join(f"{x:g} {y:g}" for x, y in points)


def _spread(count: int, wanted: int) -> list[int]:
    """`wanted` places of `count`, the first and the last among them."""
    return sorted({round(place * (count - 1) / (wanted - 1)) for place in range(wanted)})
