"""A merchant's plans and their credit bundles: made, changed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final

from django.db import transaction

from apps.core.errors import LavaError
from apps.core.money import AMOUNT_MAX, TEN_PLACES, ZERO, is_whole_cents
from apps.core.public_ids import parse_public_id
from apps.core.unchanged import UNCHANGED, UnchangedType
from apps.merchants.models import Merchant
from apps.merchants.tenancy import TenantQuerySet
from apps.meters.models import Meter
from apps.plans.models import CreditBundle, Plan, PlanMeter
from apps.plans.terms import Interval, RolloverType

PERIOD_AMOUNT_MAX: Final = Decimal(10_000)
BUNDLES_MAX: Final = 50
"""How many credit bundles one plan may offer."""
FREE_PLAN_NAME: Final = "Free"


class PlanNotFound(LavaError):
    """This merchant has no such plan."""

    code: ClassVar[str] = "plan_not_found"
    status: ClassVar[int] = 404


class BundleNotFound(LavaError):
    """There is no such credit bundle, or not on this plan."""

    code: ClassVar[str] = "credit_bundle_not_found"
    status: ClassVar[int] = 404


class AmountNotWholeCents(LavaError):
    """Cards are charged in whole cents."""

    code: ClassVar[str] = "amount_not_whole_cents"


class AmountOutOfRange(LavaError):
    """An amount of a plan or bundle is outside what it may be."""

    code: ClassVar[str] = "amount_out_of_range"


class TooManyBundles(LavaError):
    """The plan has as many credit bundles as it may."""

    code: ClassVar[str] = "too_many_credit_bundles"


class BundleIndexInvalid(LavaError):
    """`default_auto_top_up_bundle_index` points outside the bundles being made."""

    code: ClassVar[str] = "credit_bundle_index_invalid"


class FreePlanStays(LavaError):
    """New customers start on the Free plan, so it cannot be deleted."""

    code: ClassVar[str] = "free_plan_stays"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class NewBundle:
    """A credit bundle to add to a plan."""

    name: str
    cost: Decimal
    credit_amount: Decimal


@dataclass(frozen=True, slots=True)
class BundleChange:
    """What to do to one bundle of a plan: change what is not None, or remove it."""

    bundle_id: str
    name: str | None = None
    cost: Decimal | None = None
    credit_amount: Decimal | None = None
    remove: bool = False


@transaction.atomic
def create_plan(
    *,
    merchant: Merchant,
    name: str,
    period_amount: Decimal,
    billing_interval: Interval,
    included_credit: Decimal | None = None,
    rollover_type: RolloverType = RolloverType.NONE,
    rollover_cap: Decimal | None = None,
    bundle_rollover_type: RolloverType = RolloverType.FULL,
    meters: Sequence[Meter] = (),
    credit_bundles: Sequence[NewBundle] = (),
    default_auto_top_up_bundle_index: int | None = None,
    at: datetime,
) -> Plan:
    """Make a plan with its linked meters and credit bundles. It includes credits worth its price unless told.

    `default_auto_top_up_bundle_index` counts `credit_bundles` from 0. Raises AmountNotWholeCents,
    AmountOutOfRange, TooManyBundles and BundleIndexInvalid, having stored nothing.
    """
    included_credit = period_amount if included_credit is None else included_credit
    _validate_price(period_amount)
    _validate_credits(included_credit=included_credit, rollover_cap=rollover_cap)
    plan = Plan.objects.create(
        merchant=merchant,
        name=name,
        period_amount=period_amount,
        billing_interval=Interval(billing_interval),
        included_credit=included_credit,
        rollover_type=RolloverType(rollover_type),
        rollover_cap=rollover_cap,
        bundle_rollover_type=RolloverType(bundle_rollover_type),
        currency=merchant.currency,
        created_at=at,
    )
    _link_meters(plan, meters)
    bundles = _add_bundles(plan, credit_bundles, at)
    if default_auto_top_up_bundle_index is not None:
        plan.default_auto_top_up_bundle = _at_index(bundles, default_auto_top_up_bundle_index)
        plan.save(update_fields=["default_auto_top_up_bundle"])
    return plan


@transaction.atomic
def change_plan(
    *,
    plan: Plan,
    name: str | None = None,
    included_credit: Decimal | None = None,
    rollover_type: RolloverType | None = None,
    rollover_cap: Decimal | UnchangedType | None = UNCHANGED,
    bundle_rollover_type: RolloverType | None = None,
    default_auto_top_up_bundle_id: str | UnchangedType | None = UNCHANGED,
    meters: Sequence[Meter] | None = None,
    bundle_changes: Sequence[BundleChange] = (),
    new_bundles: Sequence[NewBundle] = (),
    at: datetime,
) -> Plan:
    """Change a plan from the next cycle on; what is None stays, and bundles that are not mentioned stay.

    Price and interval never change: subscribers agreed to them. `meters`, when given, replaces the linked
    meters. A removed bundle stops being the default for auto top-ups. Raises PlanNotFound, BundleNotFound
    and what `create_plan` raises.
    """
    plan = _lock(plan)
    _validate_credits(
        included_credit=plan.included_credit if included_credit is None else included_credit,
        rollover_cap=plan.rollover_cap if rollover_cap is UNCHANGED else rollover_cap,
    )
    plan.name = plan.name if name is None else name
    plan.included_credit = plan.included_credit if included_credit is None else included_credit
    plan.rollover_type = RolloverType(rollover_type or plan.rollover_type)
    plan.rollover_cap = plan.rollover_cap if rollover_cap is UNCHANGED else rollover_cap
    plan.bundle_rollover_type = RolloverType(bundle_rollover_type or plan.bundle_rollover_type)
    if meters is not None:
        _link_meters(plan, meters)
    for change in bundle_changes:
        _change_bundle(plan, change, at)
    _add_bundles(plan, new_bundles, at)
    if default_auto_top_up_bundle_id is not UNCHANGED:
        bundle_id = default_auto_top_up_bundle_id
        plan.default_auto_top_up_bundle = None if bundle_id is None else find_bundle_of(plan, bundle_id)
    plan.save()
    return plan


@transaction.atomic
def delete_plan(*, plan: Plan, at: datetime) -> None:
    """Take a plan and its credit bundles off the market; who is on it stays on it.

    Raises FreePlanStays, and PlanNotFound when it was deleted before.
    """
    plan = _lock(plan)
    if plan.is_free_default:
        raise FreePlanStays("The Free plan is where new customers start; it cannot be deleted.")
    plan.deleted_at = at
    plan.save(update_fields=["deleted_at"])
    _bundles_of(plan).update(deleted_at=at)


def ensure_free_plan(merchant: Merchant, at: datetime) -> Plan:
    """The merchant's Free plan, made when it is not there yet: $0 a month, no credits."""
    plan, _ = Plan.across_merchants.get_or_create(
        merchant=merchant,
        is_free_default=True,
        defaults={
            "name": FREE_PLAN_NAME,
            "period_amount": ZERO,
            "billing_interval": Interval.MONTH,
            "included_credit": ZERO,
            "currency": merchant.currency,
            "created_at": at,
        },
    )
    return plan


def free_plan_of(merchant: Merchant) -> Plan:
    """The plan that new customers are on until they choose another; every merchant has exactly one."""
    plan: Plan = Plan.objects.for_merchant(merchant).get(is_free_default=True)
    return plan


def find_plan(merchant: Merchant, text: str) -> Plan:
    """The merchant's plan with this id. Raises PlanNotFound, also for deleted ones."""
    plan_id = parse_public_id(Plan.public_prefix, merchant.mode, text)
    plans = Plan.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    plan: Plan | None = plans.filter(pk=plan_id).first() if plan_id else None
    if plan is None:
        raise PlanNotFound("There is no such plan.")
    return plan


def find_bundle(merchant: Merchant, text: str) -> CreditBundle:
    """The merchant's credit bundle with this id. Raises BundleNotFound, also for deleted ones."""
    bundle_id = parse_public_id(CreditBundle.public_prefix, merchant.mode, text)
    bundles = CreditBundle.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    bundle: CreditBundle | None = bundles.filter(pk=bundle_id).first() if bundle_id else None
    if bundle is None:
        raise BundleNotFound("There is no such credit bundle.")
    return bundle


def find_bundle_of(plan: Plan, text: str) -> CreditBundle:
    """The plan's own credit bundle with this id. Raises BundleNotFound."""
    bundle = find_bundle(plan.merchant, text)
    if bundle.plan_id != plan.pk:
        raise BundleNotFound("This plan has no such credit bundle.")
    return bundle


def _lock(plan: Plan) -> Plan:
    """The plan's row, which changes of one plan queue on."""
    plans = Plan.objects.for_merchant(plan.merchant).filter(deleted_at__isnull=True)
    locked: Plan | None = plans.select_for_update(no_key=True).filter(pk=plan.pk).first()
    if locked is None:
        raise PlanNotFound("There is no such plan.")
    return locked


def _bundles_of(plan: Plan) -> TenantQuerySet[CreditBundle]:
    bundles: TenantQuerySet[CreditBundle] = CreditBundle.objects.for_merchant(plan.merchant).filter(
        plan=plan, deleted_at__isnull=True
    )
    return bundles


def _link_meters(plan: Plan, meters: Sequence[Meter]) -> None:
    """Make `meters` the ones that draw on the plan."""
    links = PlanMeter.objects.for_merchant(plan.merchant).filter(plan=plan)
    links.exclude(meter__in=[meter.pk for meter in meters]).delete()
    linked = set(links.values_list("meter_id", flat=True))
    for meter in meters:
        if meter.pk not in linked:
            linked.add(meter.pk)
            PlanMeter.objects.create(merchant=plan.merchant, plan=plan, meter=meter)


def _add_bundles(plan: Plan, bundles: Sequence[NewBundle], at: datetime) -> list[CreditBundle]:
    if bundles and _bundles_of(plan).count() + len(bundles) > BUNDLES_MAX:
        raise TooManyBundles(f"A plan may have {BUNDLES_MAX} credit bundles.")
    for bundle in bundles:
        _validate_bundle(cost=bundle.cost, credit_amount=bundle.credit_amount)
    return [
        CreditBundle.objects.create(
            merchant=plan.merchant,
            plan=plan,
            name=bundle.name,
            cost=bundle.cost,
            credit_amount=bundle.credit_amount,
            created_at=at,
        )
        for bundle in bundles
    ]


def _change_bundle(plan: Plan, change: BundleChange, at: datetime) -> None:
    bundle = find_bundle_of(plan, change.bundle_id)
    if change.remove:
        bundle.deleted_at = at
        if plan.default_auto_top_up_bundle_id == bundle.pk:
            plan.default_auto_top_up_bundle = None
    bundle.name = bundle.name if change.name is None else change.name
    bundle.cost = bundle.cost if change.cost is None else change.cost
    bundle.credit_amount = bundle.credit_amount if change.credit_amount is None else change.credit_amount
    _validate_bundle(cost=bundle.cost, credit_amount=bundle.credit_amount)
    bundle.save()


def _at_index(bundles: list[CreditBundle], index: int) -> CreditBundle:
    if not 0 <= index < len(bundles):
        raise BundleIndexInvalid(f"There is no credit bundle number {index}: they count from 0 to {len(bundles) - 1}.")
    return bundles[index]


def _validate_price(period_amount: Decimal) -> None:
    if not 0 <= period_amount <= PERIOD_AMOUNT_MAX:
        raise AmountOutOfRange(f"period_amount must be from 0 to {PERIOD_AMOUNT_MAX:f}.")
    _require_whole_cents("period_amount", period_amount)


def _validate_credits(*, included_credit: Decimal, rollover_cap: Decimal | None) -> None:
    _require_credits("included_credit", included_credit)
    if rollover_cap is not None:
        _require_credits("rollover_cap", rollover_cap)


def _validate_bundle(*, cost: Decimal, credit_amount: Decimal) -> None:
    if not 0 < cost <= AMOUNT_MAX:
        raise AmountOutOfRange(f"A bundle's cost must be more than 0 and at most {AMOUNT_MAX}.")
    _require_whole_cents("cost", cost)
    _require_credits("credit_amount", credit_amount)
    if credit_amount == 0:
        raise AmountOutOfRange("A bundle's credit_amount must be more than 0.")


def _require_whole_cents(name: str, amount: Decimal) -> None:
    if not is_whole_cents(amount):
        raise AmountNotWholeCents(f"{name} is money that a card is charged: whole cents, so at most two places.")


def _require_credits(name: str, amount: Decimal) -> None:
    if not 0 <= amount <= AMOUNT_MAX or amount != amount.quantize(TEN_PLACES):
        raise AmountOutOfRange(f"{name} must be from 0 to {AMOUNT_MAX}, with at most ten decimal places.")
