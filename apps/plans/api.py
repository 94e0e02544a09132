"""/v1/plans and /v1/credit_bundles: what customers subscribe to, and what they can buy on top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.rest.answers import DeletedOutput
from apps.core.rest.serializers import (
    AmountField,
    FlagField,
    Input,
    Output,
    PageQuery,
    TextField,
    WholeNumberField,
)
from apps.core.unchanged import UNCHANGED
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.models import Merchant
from apps.merchants.operations import operation, page_of
from apps.merchants.tenancy import TenantQuerySet
from apps.meters.catalogue import MeterNotFound, find_meters
from apps.plans.catalogue import (
    AmountNotWholeCents,
    AmountOutOfRange,
    BundleChange,
    BundleIndexInvalid,
    BundleNotFound,
    FreePlanStays,
    NewBundle,
    PlanNotFound,
    TooManyBundles,
    change_plan,
    create_plan,
    delete_plan,
    find_bundle,
    find_plan,
)
from apps.plans.models import CreditBundle, Plan, PlanMeter
from apps.plans.terms import Interval, RolloverType

ROLLOVERS = [kind.value for kind in RolloverType]


class BundleInput(Input):
    name = TextField(max_length=255)
    cost = AmountField(help_text="What the customer pays; whole cents.")
    credit_amount = AmountField(help_text="What the customer gets.")


class BundleChangeInput(Input):
    """With `credit_bundle_id`, a change (or removal) of that bundle; without, a new bundle."""

    credit_bundle_id = TextField(required=False)
    is_deleted = FlagField(required=False, default=False)
    name = TextField(max_length=255, required=False)
    cost = AmountField(required=False)
    credit_amount = AmountField(required=False)

    def validate(self, bundle: dict[str, Any]) -> BundleChange | NewBundle:
        """Say which of the two it is."""
        values = {name: bundle.get(name) for name in ("name", "cost", "credit_amount")}
        if "credit_bundle_id" in bundle:
            return BundleChange(bundle_id=bundle["credit_bundle_id"], remove=bundle["is_deleted"], **values)
        if bundle["is_deleted"]:
            raise serializers.ValidationError({"credit_bundle_id": ["Say which bundle to delete."]})
        missing = [name for name, value in values.items() if value is None]
        if missing:
            raise serializers.ValidationError({name: ["A new bundle needs this."] for name in missing})
        return NewBundle(bundle["name"], bundle["cost"], bundle["credit_amount"])


class PlanTerms(Input):
    """What a plan can be told at any time."""

    included_credit = AmountField(required=False, help_text="Credits per cycle; `period_amount` unless given.")
    rollover_type = serializers.ChoiceField(
        choices=ROLLOVERS, required=False, help_text="What becomes of unused cycle credits: `none`, they expire."
    )
    rollover_cap = AmountField(required=False, allow_null=True, help_text="The most that rolls over; null is no limit.")
    bundle_rollover_type = serializers.ChoiceField(
        choices=ROLLOVERS, required=False, help_text="The same for credits from bundles; `full` unless given."
    )
    meter_ids = serializers.ListField(
        child=TextField(), required=False, max_length=1000, help_text="The meters that draw on the plan."
    )


class PlanInput(PlanTerms):
    name = TextField(max_length=255)
    period_amount = AmountField(help_text='The price of a cycle, at most 10000; "0" is free.')
    billing_interval = serializers.ChoiceField(choices=[interval.value for interval in Interval])
    credit_bundles = BundleInput(many=True, required=False)
    default_auto_top_up_bundle_index = WholeNumberField(
        required=False, allow_null=True, help_text="Which of `credit_bundles`, counted from 0."
    )

    def validate_credit_bundles(self, bundles: list[dict[str, Any]]) -> list[NewBundle]:
        """As the catalogue takes them."""
        return [NewBundle(**bundle) for bundle in bundles]


class PlanChange(PlanTerms):
    name = TextField(max_length=255, required=False)
    default_auto_top_up_bundle_id = TextField(
        required=False, allow_null=True, help_text="A bundle of this plan; null for none."
    )
    credit_bundles = BundleChangeInput(
        many=True, required=False, help_text="Bundles that are not mentioned stay as they are."
    )


class BundleSummary(Output):
    credit_bundle_id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    cost = AmountField()
    credit_amount = AmountField()


class BundleOutput(BundleSummary):
    plan_id = serializers.CharField(source="plan.public_id")
    created_at = serializers.DateTimeField()


class LinkedMeterOutput(Output):
    meter_id = serializers.CharField(source="meter.public_id")
    name = serializers.CharField(source="meter.name")


class PlanOutput(Output):
    plan_id = serializers.CharField(source="public_id")
    merchant_id = serializers.CharField(source="merchant.public_id")
    name = serializers.CharField()
    period_amount = AmountField()
    included_credit = AmountField()
    billing_interval = serializers.ChoiceField(choices=[interval.value for interval in Interval])
    rollover_type = serializers.ChoiceField(choices=ROLLOVERS)
    rollover_cap = AmountField(allow_null=True)
    bundle_rollover_type = serializers.ChoiceField(choices=ROLLOVERS)
    default_auto_top_up_bundle_id = serializers.CharField(
        source="default_auto_top_up_bundle.public_id", default=None, allow_null=True
    )
    linked_meters = LinkedMeterOutput(source="plan_meters.all", many=True)
    credit_bundles = BundleSummary(source="credit_bundles.all", many=True)
    created_at = serializers.DateTimeField()


class BundleQuery(PageQuery):
    plan_id = serializers.CharField(required=False, help_text="Only bundles of this plan.")


def present_plans(merchant: Merchant, plans: Iterable[Plan]) -> list[dict[str, Any]]:
    """Plans as the API shows them, with the bundles and meters they have now, oldest first."""
    wanted = [plan.pk for plan in plans]
    links = PlanMeter.objects.for_merchant(merchant).filter(meter__deleted_at__isnull=True)
    bundles = CreditBundle.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found = Plan.objects.for_merchant(merchant).select_related("default_auto_top_up_bundle__merchant")
    found = found.prefetch_related(
        Prefetch("plan_meters", links.select_related("meter__merchant").order_by("id")),
        Prefetch("credit_bundles", bundles.order_by("id")),
    )
    by_id = found.in_bulk(wanted)
    return [PlanOutput(by_id[plan_id]).data for plan_id in wanted]


class Plans(Endpoint):
    @operation("listPlans", "List plans", asks=PageQuery, answers=page_of(PlanOutput))
    def get(self, request: Request) -> Response:
        query = self.query(PageQuery)
        page = self.page(Plan.objects.for_merchant(self.merchant).filter(deleted_at__isnull=True), query)
        return Response(page.body(present_plans(self.merchant, page.rows)))

    @operation(
        "createPlan",
        "Create a plan",
        description="`period_amount` and `billing_interval` cannot change later: subscribers agreed to them.",
        takes=PlanInput,
        example={
            "name": "Team",
            "period_amount": "0",
            "billing_interval": "month",
            "included_credit": "10",
            "meter_ids": ["prd_test_01KJN4Q8E3T6Y9B2D5G8K1N4RV"],
            "credit_bundles": [{"name": "Refill", "cost": "20.00", "credit_amount": "25"}],
            "default_auto_top_up_bundle_index": 0,
        },
        refusals=[AmountNotWholeCents, AmountOutOfRange, TooManyBundles, BundleIndexInvalid, MeterNotFound],
        answers={201: PlanOutput},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(PlanInput)
        meters = find_meters(self.merchant, body.pop("meter_ids", ()))
        plan = create_plan(merchant=self.merchant, meters=meters, at=clock.now(), **body)
        [data] = present_plans(self.merchant, [plan])
        return Response(data, status=201)


class OnePlan(Endpoint):
    @operation("retrievePlan", "Retrieve a plan", refusals=[PlanNotFound], answers=PlanOutput)
    def get(self, request: Request, plan_id: str) -> Response:
        [data] = present_plans(self.merchant, [find_plan(self.merchant, plan_id)])
        return Response(data)

    @operation(
        "updatePlan",
        "Change a plan",
        description="What is not given stays. `meter_ids` replaces the linked meters.",
        takes=PlanChange,
        example={
            "included_credit": "12",
            "credit_bundles": [
                {"credit_bundle_id": "cb_test_01KJN4R7C9HXT2M4P6W8Y0A1BD", "is_deleted": True},
                {"name": "Big refill", "cost": "50.00", "credit_amount": "70"},
            ],
        },
        refusals=[AmountNotWholeCents, AmountOutOfRange, TooManyBundles, PlanNotFound, BundleNotFound, MeterNotFound],
        answers=PlanOutput,
    )
    def patch(self, request: Request, plan_id: str) -> Response:
        plan = find_plan(self.merchant, plan_id)
        body = self.body(PlanChange)
        meter_ids, bundles = body.pop("meter_ids", None), body.pop("credit_bundles", [])
        plan = change_plan(
            plan=plan,
            meters=None if meter_ids is None else find_meters(self.merchant, meter_ids),
            bundle_changes=[bundle for bundle in bundles if isinstance(bundle, BundleChange)],
            new_bundles=[bundle for bundle in bundles if isinstance(bundle, NewBundle)],
            rollover_cap=body.pop("rollover_cap", UNCHANGED),
            default_auto_top_up_bundle_id=body.pop("default_auto_top_up_bundle_id", UNCHANGED),
            at=clock.now(),
            **body,
        )
        [data] = present_plans(self.merchant, [plan])
        return Response(data)

    @operation(
        "deletePlan",
        "Delete a plan",
        description="The plan and its credit bundles are offered no more; who is on it stays on it.",
        refusals=[PlanNotFound, FreePlanStays],
        answers=DeletedOutput,
    )
    def delete(self, request: Request, plan_id: str) -> Response:
        plan = find_plan(self.merchant, plan_id)
        delete_plan(plan=plan, at=clock.now())
        return Response({"id": plan.public_id, "deleted": True})


class CreditBundles(Endpoint):
    @operation(
        "listCreditBundles",
        "List credit bundles",
        asks=BundleQuery,
        refusals=[PlanNotFound],
        answers=page_of(BundleOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.query(BundleQuery)
        bundles = _bundles(self.merchant)
        if "plan_id" in query:
            bundles = bundles.filter(plan=find_plan(self.merchant, query["plan_id"]))
        page = self.page(bundles, query)
        return Response(page.body(BundleOutput(page.rows, many=True).data))


class OneCreditBundle(Endpoint):
    @operation("retrieveCreditBundle", "Retrieve a credit bundle", refusals=[BundleNotFound], answers=BundleOutput)
    def get(self, request: Request, credit_bundle_id: str) -> Response:
        bundle = find_bundle(self.merchant, credit_bundle_id)
        return Response(BundleOutput(bundle).data)


def _bundles(merchant: Merchant) -> TenantQuerySet[CreditBundle]:
    bundles: TenantQuerySet[CreditBundle] = CreditBundle.objects.for_merchant(merchant)
    return bundles.filter(deleted_at__isnull=True).select_related("plan__merchant")
