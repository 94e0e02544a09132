"""A subscription as the API shows it: its plan, its cycle, and what credits are left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.core.money import ZERO
from apps.core.rest.serializers import AmountField, Output
from apps.ledger.statements import Credits, credits_of_many
from apps.merchants.models import Merchant
from apps.plans.terms import Interval, RolloverType
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.standing import open_cycles_of

ROLLOVERS = [kind.value for kind in RolloverType]


class PlanTermsOutput(Output):
    name = serializers.CharField()
    period_amount = AmountField()
    included_credit = AmountField()
    billing_interval = serializers.ChoiceField(choices=[interval.value for interval in Interval])
    rollover_type = serializers.ChoiceField(choices=ROLLOVERS)
    bundle_rollover_type = serializers.ChoiceField(choices=ROLLOVERS)


class CreditsOutput(Output):
    total_remaining = AmountField(help_text="The balance; below zero when more was used than was there.")
    cycle_remaining = AmountField(help_text="Of the cycle's credits and what rolled over, less a deficit.")
    bundle_remaining = AmountField(help_text="Of all other credits.")


class PendingChangeOutput(Output):
    type = serializers.ChoiceField(choices=["cancellation", "downgrade"])
    effective_at = serializers.DateTimeField()


class SubscriptionOutput(Output):
    subscription_id = serializers.CharField()
    plan_id = serializers.CharField()
    status = serializers.ChoiceField(choices=["active", "cancelled"])
    auto_top_up_bundle_id = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    cancelled_at = serializers.DateTimeField(allow_null=True, help_text="When it ended.")
    cycle_start_at = serializers.DateTimeField(allow_null=True)
    cycle_end_at = serializers.DateTimeField(allow_null=True, help_text="Exclusive: the next cycle's start.")
    plan = PlanTermsOutput()
    credits = CreditsOutput()
    pending_change = PendingChangeOutput(allow_null=True)


def subscription_data(
    merchant: Merchant, subscriptions: Sequence[Subscription], *, at: datetime
) -> list[dict[str, Any]]:
    """Subscriptions (with their plans) in order, with the credits that are theirs at `at`."""
    cycles = open_cycles_of(merchant, [subscription.pk for subscription in subscriptions])
    credits = credits_of_many(merchant, {subscription.customer_id for subscription in subscriptions}, at=at)
    none_left = Credits(ZERO, ZERO, ZERO, ZERO, merchant.currency)
    return [
        SubscriptionOutput(
            _fields(
                subscription,
                cycles.get(subscription.pk),
                # A customer's credits belong to the subscription they are on now.
                none_left if subscription.ended_at else credits[subscription.customer_id],
            )
        ).data
        for subscription in subscriptions
    ]


def _fields(subscription: Subscription, cycle: Cycle | None, credits: Credits) -> dict[str, Any]:
    bundle = subscription.auto_top_up_bundle
    return {
        "subscription_id": subscription.public_id,
        "plan_id": subscription.plan.public_id,
        "status": subscription.status,
        "auto_top_up_bundle_id": bundle.public_id if bundle and not bundle.deleted_at else None,
        "started_at": subscription.started_at,
        "cancelled_at": subscription.ended_at,
        "cycle_start_at": cycle and cycle.starts_at,
        "cycle_end_at": cycle and cycle.ends_at,
        "plan": subscription.plan,
        "credits": credits,
        "pending_change": _pending_change(subscription, cycle),
    }


def _pending_change(subscription: Subscription, cycle: Cycle | None) -> dict[str, Any] | None:
    if subscription.cancel_requested_at is None or cycle is None:
        return None
    return {"type": "cancellation", "effective_at": cycle.ends_at}
