"""How a customer comes to be on a plan, and leaves it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import IntegrityError, transaction

from apps.core.errors import LavaError
from apps.core.money import ZERO
from apps.core.pg import plain_pipe
from apps.core.public_ids import new_id
from apps.customers.lookup import refuse_deleted
from apps.customers.models import Customer
from apps.ledger.accounts import Account
from apps.ledger.models import Balance
from apps.ledger.posting import open_account, write
from apps.merchants.models import Merchant
from apps.plans.catalogue import free_plan_of
from apps.plans.models import CreditBundle, Plan
from apps.subscriptions.cycles import close_cycle, open_cycle
from apps.subscriptions.models import Cycle, Subscription
from apps.subscriptions.renewal import bring_up_to_date


class PlanNotFree(LavaError):
    """A plan that costs money is bought on a checkout page, by the person whose card it is."""

    code: ClassVar[str] = "plan_not_free"


class PlanArchived(LavaError):
    """The plan takes no new customers."""

    code: ClassVar[str] = "plan_archived"


class BundleNotOfPlan(LavaError):
    """The credit bundle belongs to another plan."""

    code: ClassVar[str] = "bundle_not_of_plan"


class SubscriptionEnded(LavaError):
    """The subscription has ended; there is nothing left to change."""

    code: ClassVar[str] = "subscription_ended"
    status: ClassVar[int] = 409


def sign_up_customer(
    *,
    merchant: Merchant,
    at: datetime,
    reference_id: str | None = None,
    name: str = "",
    email: str = "",
    phone: str = "",
    metadata: dict[str, Any] | None = None,
) -> tuple[Customer, bool]:
    """Create a customer on the merchant's Free plan; its included credit is granted at once.

    A `reference_id` creates one customer, however often and from wherever it is sent: the second value says
    whether this call did.
    """
    known = _by_reference(merchant, reference_id)
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            customer = Customer.objects.create(
                id=new_id(at),
                merchant=merchant,
                reference_id=reference_id,
                name=name,
                email=email,
                phone=phone,
                metadata=metadata,
                created_at=at,
            )
            Balance.objects.create(merchant=merchant, customer=customer, currency=merchant.currency)
            _change_plan(customer, free_plan_of(merchant), at)
            return customer, True
    except IntegrityError:
        # Somebody else signed the same reference up in this moment: theirs is the customer.
        known = _by_reference(merchant, reference_id)
        if known is None:
            raise
        return known, False


def _by_reference(merchant: Merchant, reference_id: str | None) -> Customer | None:
    if reference_id is None:
        return None
    customers = Customer.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found: Customer | None = customers.filter(reference_id=reference_id).first()
    return found


def put_on_plan(*, customer: Customer, plan: Plan, at: datetime) -> Subscription:
    """Put a customer on a free plan now. Already on it: their subscription, unchanged.

    What is due is done first; then the cycle they are in ends, and its credits roll over or expire as at
    any cycle's end.
    Raises PlanNotFree and PlanArchived, and CustomerNotFound when they were deleted meanwhile.
    """
    if not plan.is_free:
        raise PlanNotFree(f"{plan.name} costs {plan.period_amount:.2f} {plan.currency}; open a checkout for it.")
    if plan.deleted_at is not None:
        raise PlanArchived(f"{plan.name} is archived.")
    bring_up_to_date(merchant_id=customer.merchant_id, customer_id=customer.pk, at=at)
    with transaction.atomic():
        return _change_plan(customer, plan, at)


@transaction.atomic
def request_cancellation(*, subscription: Subscription, at: datetime) -> Subscription:
    """Let the subscription end with its cycle; the Free plan follows. Asking twice changes nothing.

    Raises SubscriptionEnded.
    """
    subscription = _locked(subscription)
    if subscription.cancel_requested_at is None and not subscription.plan.is_free_default:
        subscription.cancel_requested_at = at
        subscription.save(update_fields=["cancel_requested_at"])
    return subscription


@transaction.atomic
def set_auto_top_up(*, subscription: Subscription, bundle: CreditBundle | None) -> Subscription:
    """Name the bundle to buy when credits run out, or none. Raises BundleNotOfPlan and SubscriptionEnded."""
    subscription = _locked(subscription)
    if bundle is not None and (bundle.plan_id != subscription.plan_id or bundle.deleted_at is not None):
        raise BundleNotOfPlan("This credit bundle does not belong to the subscription's plan.")
    subscription.auto_top_up_bundle = bundle
    subscription.save(update_fields=["auto_top_up_bundle"])
    return subscription


@transaction.atomic
def delete_customer(*, customer: Customer, at: datetime) -> None:
    """Forget who a customer is and end their subscription. Doing it again changes nothing.

    What credits were left expire. The entries stay, pointing to a customer without a name.
    """
    pipe = plain_pipe()
    account = open_account(pipe, customer.merchant_id, customer.pk, at=at)
    # First, so that ending the cycle finds nothing to roll over: there is no next cycle to take it in.
    for lot in (*account.lots, *account.over):
        account.expire(lot, amount=lot.remaining, key="deletion", at=at)
    current = _current_subscription(customer)
    if current is not None:
        cycle = _open_cycle_of(current)
        _end(account, current, cycle, max(at, cycle.starts_at))
    write(pipe, [account])
    Customer.objects.for_merchant(customer.merchant).filter(pk=customer.pk, deleted_at__isnull=True).update(
        deleted_at=at, reference_id=None, name="", email="", phone="", metadata=None
    )


def _change_plan(customer: Customer, plan: Plan, at: datetime) -> Subscription:
    pipe = plain_pipe()
    # The balance row is the customer's lock, for subscriptions as for credits.
    account = open_account(pipe, customer.merchant_id, customer.pk, at=at)
    refuse_deleted(customer)
    current, carried = _current_subscription(customer), ZERO
    if current is not None:
        if current.plan_id == plan.pk and current.cancel_requested_at is None:
            return current
        cycle = _open_cycle_of(current)
        # Who asks the clock first does not always come first, and time only goes forward.
        at = max(at, cycle.starts_at)
        carried = _end(account, current, cycle, at)
    subscription = Subscription.objects.create(
        id=new_id(at),
        merchant=customer.merchant,
        customer=customer,
        plan=plan,
        anchor_at=at,
        started_at=at,
        auto_top_up_bundle=plan.default_auto_top_up_bundle,
    )
    open_cycle(account, subscription, plan, seq=0, carried=carried)
    write(pipe, [account])
    return subscription


def _end(account: Account, subscription: Subscription, cycle: Cycle, at: datetime) -> Decimal:
    """End a subscription and its open cycle now; returns the credits to carry on."""
    carried = close_cycle(account, cycle, subscription.plan, at=at)
    subscription.ended_at = at
    subscription.save(update_fields=["ended_at"])
    return carried


def _open_cycle_of(subscription: Subscription) -> Cycle:
    cycle: Cycle = Cycle.objects.for_merchant(subscription.merchant).get(
        subscription=subscription, closed_at__isnull=True
    )
    return cycle


def _current_subscription(customer: Customer) -> Subscription | None:
    subscriptions = Subscription.objects.for_merchant(customer.merchant)
    found: Subscription | None = (
        subscriptions.select_related("plan").filter(customer=customer, ended_at__isnull=True).first()
    )
    return found


def _locked(subscription: Subscription) -> Subscription:
    """The subscription as it is behind its customer's lock. Raises SubscriptionEnded."""
    Balance.objects.for_merchant(subscription.merchant).select_for_update().get(customer_id=subscription.customer_id)
    locked: Subscription = (
        Subscription.objects.for_merchant(subscription.merchant).select_related("plan").get(pk=subscription.pk)
    )
    if locked.ended_at is not None:
        raise SubscriptionEnded("This subscription has ended.")
    return locked
