"""How a billing period begins and ends, on an account that is locked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from apps.core.money import ZERO
from apps.ledger.accounts import Account, NewGrant
from apps.ledger.kinds import Origin, Pool
from apps.ledger.models import Grant
from apps.ledger.rules.burndown import Lot
from apps.ledger.rules.expiry import rollover_split
from apps.plans.models import Plan
from apps.plans.terms import Interval, RolloverType
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.rules.periods import cycle_bounds


def open_cycle(account: Account, subscription: Subscription, plan: Plan, *, seq: int, carried: Decimal) -> Cycle:
    """Begin cycle `seq`: grant the plan's included credit and take in what was `carried` over.

    Both lots end with the cycle. Opening the same cycle twice is refused by the database.
    """
    starts_at, ends_at = cycle_bounds(subscription.anchor_at, Interval(plan.billing_interval), seq)
    cycle = Cycle.objects.create(
        merchant=subscription.merchant,
        customer_id=subscription.customer_id,
        subscription=subscription,
        seq=seq,
        starts_at=starts_at,
        ends_at=ends_at,
        included_credit=plan.included_credit,
    )
    for origin, amount, name in (
        (Origin.ROLLOVER, carried, "rollover_in"),
        (Origin.CYCLE, plan.included_credit, "grant"),
    ):
        if amount:
            key = f"cycle:{cycle.pk}/{name}"
            given = NewGrant(origin, Pool.CYCLE, amount, key, expires_at=ends_at, cycle_id=str(cycle.pk))
            account.grant(given, at=starts_at, source_id=str(cycle.pk))
    return cycle


def close_cycle(account: Account, cycle: Cycle, plan: Plan, *, at: datetime) -> Decimal:
    """End a cycle: roll over or expire what its lots have left. Returns what is to be carried on.

    Cycle credits and earlier rollovers follow the plan's `rollover_type` and cap; bundle credits that end
    with the cycle (`bundle_rollover_type` none) expire.
    """
    key = f"cycle:{cycle.pk}"
    cycle_lots, bundle_lots = _lots_of(account, cycle)
    cap = plan.rollover_cap if plan.rollover_type == RolloverType.FULL else ZERO
    carried = ZERO
    by_id = {lot.grant_id: lot for lot in cycle_lots}
    for split in rollover_split(cycle_lots, cap=cap):
        lot = by_id[split.grant_id]
        account.roll_over(lot, amount=split.rolled, key=key, at=at, source_id=str(cycle.pk))
        account.expire(account.lot(lot), amount=split.expired, key=key, at=at, source_id=str(cycle.pk))
        carried += split.rolled
    for lot in bundle_lots:
        account.expire(lot, amount=lot.remaining, key=key, at=at, source_id=str(cycle.pk))
    cycle.closed_at = at
    cycle.save(update_fields=["closed_at"])
    return carried


def _lots_of(account: Account, cycle: Cycle) -> tuple[list[Lot], list[Lot]]:
    """The account's lots that end with this cycle: those of the cycle pool, those of the bundle pool."""
    ending = Grant.objects.for_merchant(cycle.merchant).filter(
        customer_id=cycle.customer_id, cycle_id=cycle.pk, spent_at__isnull=True
    )
    pools = {str(grant_id): pool for grant_id, pool in ending.values_list("id", "pool")}
    lots = [lot for lot in (*account.lots, *account.over) if lot.grant_id in pools]
    cycle_lots = [lot for lot in lots if pools[lot.grant_id] == Pool.CYCLE]
    return cycle_lots, [lot for lot in lots if pools[lot.grant_id] != Pool.CYCLE]
