"""What is always true of subscriptions and their cycles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from apps.core.public_ids import CUSTOMER, CYCLE, GRANT, SUBSCRIPTION
from apps.ledger.audit import Books, Finding, invariant
from apps.ledger.invariants import A9
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.references import refers_to
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.rules.periods import Interval, cycle_bounds

refers_to(Grant, "cycle_id", Cycle)
refers_to(LedgerEntry, "source_id", Cycle, only="kind IN ('grant_cycle', 'rollover_out', 'rollover_in', 'expiry')")

A7 = invariant("A7", "cycles tile time from the anchor, one is open per subscription, each grants its credit once")


# --- A7: cycles ----------------------------------------------------------------------------------

_CYCLES: Final = """
    SELECT merchant_id, cycle.id, cycle.seq, cycle.starts_at, cycle.ends_at, subscription.anchor_at,
        plan.billing_interval, cycle.customer_id = subscription.customer_id AS is_of_its_customer,
        row_number() OVER cycles - 1 AS place, lag(cycle.ends_at) OVER cycles AS previous_ends_at
    FROM (SELECT * FROM subscriptions_cycle WHERE {scope}) AS cycle
    JOIN (SELECT * FROM subscriptions_subscription WHERE {scope}) AS subscription USING (merchant_id)
    JOIN (SELECT * FROM plans_plan WHERE {scope}) AS plan USING (merchant_id)
    WHERE subscription.id = cycle.subscription_id AND plan.id = subscription.plan_id
    WINDOW cycles AS (PARTITION BY merchant_id, cycle.subscription_id ORDER BY cycle.seq)
"""


@A7.proved_by(Cycle)
def cycles_tile_time(books: Books) -> Iterator[Finding]:
    """Cycles are numbered from 0, each begins where the one before ended, and all follow from the anchor."""
    for row in books.stream(_CYCLES):
        for message in _cycle_problems(row):
            yield Finding(row.merchant_id, f"cycle {books.public_id(CYCLE, row.merchant_id, row.id)}", message)


def _cycle_problems(cycle: Any) -> Iterator[str]:
    if cycle.seq != cycle.place:
        yield f"it is number {cycle.seq}, but {cycle.place} came before it"
    if cycle.previous_ends_at not in (None, cycle.starts_at):
        yield f"it begins at {_moment(cycle.starts_at)}, but the one before ends at {_moment(cycle.previous_ends_at)}"
    starts_at, ends_at = cycle_bounds(cycle.anchor_at, Interval(cycle.billing_interval), cycle.seq)
    if (cycle.starts_at, cycle.ends_at) != (starts_at, ends_at):
        yield (
            f"it runs from {_moment(cycle.starts_at)} to {_moment(cycle.ends_at)}, but {cycle.billing_interval} "
            f"{cycle.seq} after {_moment(cycle.anchor_at)} is from {_moment(starts_at)} to {_moment(ends_at)}"
        )
    if not cycle.is_of_its_customer:
        yield "it is another customer's than its subscription"


_OPEN_CYCLES: Final = """
    SELECT merchant_id, subscription.id, ended_at, coalesce(open_cycles, 0) AS open_cycles
    FROM (SELECT merchant_id, id, ended_at FROM subscriptions_subscription WHERE {scope}) AS subscription
    LEFT JOIN (
        SELECT merchant_id, subscription_id AS id, count(*) AS open_cycles
        FROM subscriptions_cycle WHERE closed_at IS NULL AND {scope} GROUP BY merchant_id, subscription_id
    ) AS cycles USING (merchant_id, id)
    WHERE coalesce(open_cycles, 0) <> CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END
"""

_SUBSCRIPTIONS_APART: Final = """
    SELECT * FROM (
        SELECT merchant_id, customer_id, id, started_at, lag(id) OVER history AS previous_id,
            lag(ended_at) OVER history AS previous_ended_at
        FROM subscriptions_subscription WHERE {scope}
        WINDOW history AS (PARTITION BY merchant_id, customer_id ORDER BY started_at, ended_at NULLS LAST, id)
    ) AS subscription
    WHERE previous_id IS NOT NULL AND started_at IS DISTINCT FROM previous_ended_at
"""


@A7.proved_by(Subscription)
def one_cycle_is_open(books: Books) -> Iterator[Finding]:
    """An active subscription has one open cycle, one that has ended has none."""
    for row in books.rows(_OPEN_CYCLES):
        state, wanted = ("active", 1) if row.ended_at is None else ("over", 0)
        subject = f"subscription {books.public_id(SUBSCRIPTION, row.merchant_id, row.id)}"
        message = f"it is {state} and has {row.open_cycles} open cycles instead of {wanted}"
        yield Finding(row.merchant_id, subject, message)


@A7.proved_by(Subscription)
def subscriptions_follow_each_other(books: Books) -> Iterator[Finding]:
    """A customer's next subscription starts at the moment the one before ends."""
    for row in books.rows(_SUBSCRIPTIONS_APART):
        ended = "is still active" if row.previous_ended_at is None else f"ended at {_moment(row.previous_ended_at)}"
        subject = f"customer {books.public_id(CUSTOMER, row.merchant_id, row.customer_id)}"
        message = f"a subscription starts at {_moment(row.started_at)}, but the one before {ended}"
        yield Finding(row.merchant_id, subject, message)


_WRONG_INCLUDED_CREDIT: Final = """
    SELECT merchant_id, id, included_credit, coalesce(granted, 0) AS granted
    FROM (SELECT merchant_id, id, included_credit FROM subscriptions_cycle WHERE {scope}) AS cycle
    LEFT JOIN (
        SELECT merchant_id, source_id AS id, sum(amount) AS granted
        FROM ledger_ledgerentry WHERE kind = 'grant_cycle' AND {scope} GROUP BY merchant_id, source_id
    ) AS grants USING (merchant_id, id)
    WHERE included_credit <> coalesce(granted, 0)
"""


@A7.proved_by(Cycle)
def cycles_grant_their_credit(books: Books) -> Iterator[Finding]:
    """What a cycle includes was granted for it, once."""
    for row in books.rows(_WRONG_INCLUDED_CREDIT):
        message = f"it includes {row.included_credit:f}, but {row.granted:f} was granted for it"
        yield Finding(row.merchant_id, f"cycle {books.public_id(CYCLE, row.merchant_id, row.id)}", message)


# --- A9: what ends with a cycle ------------------------------------------------------------------

_LEFT_IN_CLOSED_CYCLES: Final = """
    SELECT merchant_id, lot.id, lot.remaining, cycle.closed_at
    FROM (SELECT merchant_id, id, remaining, cycle_id FROM ledger_grant WHERE remaining > 0 AND {scope}) AS lot
    JOIN subscriptions_cycle AS cycle USING (merchant_id)
    WHERE cycle.id = lot.cycle_id AND cycle.closed_at IS NOT NULL
"""


@A9.proved_by(Grant)
def closed_cycles_leave_nothing(books: Books) -> Iterator[Finding]:
    """What the lots of a cycle have left rolls over or expires when the cycle closes."""
    for row in books.rows(_LEFT_IN_CLOSED_CYCLES):
        message = f"{row.remaining:f} remain, though its cycle closed at {_moment(row.closed_at)}"
        yield Finding(row.merchant_id, f"grant {books.public_id(GRANT, row.merchant_id, row.id)}", message)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
