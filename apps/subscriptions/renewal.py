"""What happens when a cycle ends.

In one transaction the cycle is closed, its credits roll over or expire, the next cycle is opened and
its credits are granted. However often and from wherever renewal is asked for, each cycle renews once:
the customer's balance row is the lock, and a cycle's number is unique.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.pg import plain_pipe
from apps.core.public_ids import new_id
from apps.ledger.expiring import expire_customer
from apps.ledger.posting import open_account, write
from apps.plans.catalogue import free_plan_of
from apps.subscriptions.cycles import close_cycle, open_cycle
from apps.subscriptions.models import Cycle, Subscription


def bring_up_to_date(*, merchant_id: UUID, customer_id: UUID, at: datetime) -> None:
    """Do everything that is due for a customer by `at`, in order: renewals, then what is over expires.

    A customer whose worker slept through several cycles is renewed one cycle at a time, each in a
    transaction of its own and booked at the moment it was due.
    """
    while renew_next_cycle(merchant_id=merchant_id, customer_id=customer_id, at=at):
        pass
    expire_customer(merchant_id=merchant_id, customer_id=customer_id, at=at)


@transaction.atomic
def renew_next_cycle(*, merchant_id: UUID, customer_id: UUID, at: datetime) -> bool:
    """Renew the customer's open cycle if it ended by `at`; False when nothing was due.

    A subscription that was cancelled ends here and the Free plan follows, from the same moment.
    """
    pipe = plain_pipe()
    due = _due_cycle(merchant_id, customer_id, at)
    if due is None:
        return False
    # What is over with the cycle was over at its end, whenever we come to it.
    account = open_account(pipe, merchant_id, customer_id, at=due.ends_at)
    cycle = _due_cycle(merchant_id, customer_id, at)
    if cycle is None or cycle.pk != due.pk:
        return cycle is not None  # somebody else renewed it while we waited for the lock
    subscription = cycle.subscription
    carried = close_cycle(account, cycle, subscription.plan, at=cycle.ends_at)
    if subscription.cancel_requested_at is not None:
        subscription = _fall_to_free_plan(subscription, at=cycle.ends_at)
        open_cycle(account, subscription, subscription.plan, seq=0, carried=carried)
    else:
        open_cycle(account, subscription, subscription.plan, seq=cycle.seq + 1, carried=carried)
    write(pipe, [account])
    return True


def customers_to_renew(*, at: datetime, most: int) -> list[tuple[UUID, UUID]]:
    """(merchant id, customer id) of customers whose cycle ended by `at`, those waiting longest first."""
    due = Cycle.across_merchants.filter(closed_at__isnull=True, ends_at__lte=at).order_by("ends_at")
    return list(due.values_list("merchant_id", "customer_id")[:most])


def _due_cycle(merchant_id: UUID, customer_id: UUID, at: datetime) -> Cycle | None:
    return (
        Cycle.across_merchants.filter(
            merchant_id=merchant_id, customer_id=customer_id, closed_at__isnull=True, ends_at__lte=at
        )
        .select_related("subscription__plan", "subscription__merchant", "merchant")
        .first()
    )


def _fall_to_free_plan(subscription: Subscription, *, at: datetime) -> Subscription:
    subscription.ended_at = at
    subscription.save(update_fields=["ended_at"])
    plan = free_plan_of(subscription.merchant)
    return Subscription.objects.create(
        id=new_id(at),
        merchant=subscription.merchant,
        customer_id=subscription.customer_id,
        plan=plan,
        anchor_at=at,
        started_at=at,
        auto_top_up_bundle=plan.default_auto_top_up_bundle,
    )
