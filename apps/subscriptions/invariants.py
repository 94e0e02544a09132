"""What is always true of subscriptions and their cycles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from apps.core.public_ids import CUSTOMER, CYCLE, GRANT, SUBSCRIPTION
from apps.ledger.audit import Books, Finding, invariant, plain
from apps.ledger.invariants import A9
from apps.ledger.models import Grant, LedgerEntry
from apps.ledger.references import refers_to
from apps.plans.terms import Interval
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.rules.periods import cycle_bounds

refers_to(Grant, "cycle_id", Cycle)
refers_to(LedgerEntry, "source_id", Cycle, only="kind IN ('grant_cycle', 'rollover_out', 'rollover_in', 'expiry')")

A7 = invariant("A7", "cycles tile time from the anchor, one is open per subscription, each grants its credit once")


# --- A7: cycles ----------------------------------------------------------------------------------

_WRONG_PLACES: Final = """
    SELECT * FROM (
        SELECT merchant_id, id, seq, starts_at, row_number() OVER cycles - 1 AS place,
            lag(ends_at) OVER cycles AS previous_ends_at
        FROM subscriptions_cycle WHERE {scope}
        WINDOW cycles AS (PARTITION BY merchant_id, subscription_id ORDER BY seq)
    ) AS cycle
    WHERE seq <> place OR previous_ends_at <> starts_at
"""


@A7.proved_by(Cycle)
def cycles_follow_each_other(books: Books) -> Iterator[Finding]:
    """The cycles of a subscription are numbered from 0, and each begins where the one before ended."""
    for row in books.rows(_WRONG_PLACES):
        subject = _cycle(books, row)
        if row.seq != row.place:
            yield Finding(row.merchant_id, subject, f"it is number {row.seq}, but {row.place} came before it")
        if row.previous_ends_at not in (None, row.starts_at):
            previous = _moment(row.previous_ends_at)
            message = f"it begins at {_moment(row.starts_at)}, but the one before ends at {previous}"
            yield Finding(row.merchant_id, subject, message)


# A cycle without subscription or plan is for A13 to report.
_CYCLES: Final = """
    SELECT cycle.merchant_id, cycle.id, cycle.seq, starts_at, ends_at, anchor_at, billing_interval,
        cycle.customer_id = subscription.customer_id AS is_of_its_customer
    FROM (SELECT * FROM subscriptions_cycle {page}) AS cycle
    LEFT JOIN subscriptions_subscription AS subscription
        ON subscription.merchant_id = cycle.merchant_id AND subscription.id = cycle.subscription_id
    LEFT JOIN plans_plan AS plan ON plan.merchant_id = cycle.merchant_id AND plan.id = subscription.plan_id
    ORDER BY cycle.merchant_id, cycle.id
"""


@A7.proved_by()
def cycles_are_counted_from_the_anchor(books: Books) -> Iterator[Finding]:
    """A cycle begins and ends where its number, its plan's interval and its subscription's anchor put it."""
    for row in books.pages(_CYCLES):
        if row.is_of_its_customer is False:
            message = "it is another customer's than its subscription"
            yield Finding(row.merchant_id, _cycle(books, row), message)
        if row.billing_interval is None:
            continue
        starts_at, ends_at = cycle_bounds(row.anchor_at, Interval(row.billing_interval), row.seq)
        if (row.starts_at, row.ends_at) != (starts_at, ends_at):
            message = (
                f"it runs from {_moment(row.starts_at)} to {_moment(row.ends_at)}, but {row.billing_interval} number "
                f"{row.seq} from {_moment(row.anchor_at)} on runs from {_moment(starts_at)} to {_moment(ends_at)}"
            )
            yield Finding(row.merchant_id, _cycle(books, row), message)


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
        message = f"it includes {plain(row.included_credit)}, but {plain(row.granted)} was granted for it"
        yield Finding(row.merchant_id, _cycle(books, row), message)


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
        message = f"{plain(row.remaining)} remain, though its cycle closed at {_moment(row.closed_at)}"
        yield Finding(row.merchant_id, f"grant {books.public_id(GRANT, row.merchant_id, row.id)}", message)


def _cycle(books: Books, row: Any) -> str:
    return f"cycle {books.public_id(CYCLE, row.merchant_id, row.id)}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
