"""/v1/subscriptions: customers on plans."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.rest.answers import SuccessOutput
from apps.core.rest.serializers import Input, Output, PageQuery, TextField
from apps.customers.lookup import CustomerNotFound, find_customer
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.operations import operation, page_of
from apps.plans.catalogue import BundleNotFound, PlanNotFound, find_bundle, find_plan
from apps.subscriptions.answers import SubscriptionOutput, subscription_data
from apps.subscriptions.enrolment import (
    BundleNotOfPlan,
    PlanNotFree,
    SubscriptionEnded,
    put_on_plan,
    request_cancellation,
    set_auto_top_up,
)
from apps.subscriptions.lookup import SubscriptionNotFound, find_subscription
from apps.subscriptions.models import Subscription


class SubscriptionInput(Input):
    customer_id = TextField(max_length=255, help_text="The customer's id or `reference_id`.")
    plan_id = TextField(help_text="A plan whose `period_amount` is 0; others are bought in a checkout.")


class SubscriptionChange(Input):
    auto_top_up_bundle_id = TextField(
        allow_null=True, help_text="The bundle of this plan to buy when credits run out; null for none."
    )


class SubscriptionQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=["active", "cancelled", "all"], default="active", required=False, help_text="`all` for both."
    )
    customer_id = serializers.CharField(required=False, help_text="The customer's id or `reference_id`.")


class CreatedSubscriptionOutput(Output):
    subscription = SubscriptionOutput()


class SubscriberOutput(Output):
    phone = serializers.CharField()
    email = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()


class ListedSubscriptionOutput(SubscriptionOutput):
    customer_id = serializers.CharField()
    customer = SubscriberOutput()


class Subscriptions(Endpoint):
    @operation(
        "listSubscriptions",
        "List subscriptions",
        asks=SubscriptionQuery,
        refusals=[CustomerNotFound],
        answers=page_of(ListedSubscriptionOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.query(SubscriptionQuery)
        subscriptions = Subscription.objects.for_merchant(self.merchant).select_related(
            "plan__merchant", "customer__merchant", "auto_top_up_bundle__merchant"
        )
        if query["status"] != "all":
            subscriptions = subscriptions.filter(ended_at__isnull=query["status"] == "active")
        if "customer_id" in query:
            customer = find_customer(self.merchant, query["customer_id"], or_deleted=True)
            subscriptions = subscriptions.filter(customer=customer)
        page = self.page(subscriptions, query)
        shown = subscription_data(self.merchant, page.rows, at=clock.now())
        return Response(page.body([_listed(row, data) for row, data in zip(page.rows, shown, strict=True)]))

    @operation(
        "createSubscription",
        "Put a customer on a free plan",
        description="The cycle they are in ends now, and the first one of the plan begins. Plans that cost money "
        "are bought on a checkout page, by the person whose card it is.",
        takes=SubscriptionInput,
        example={"customer_id": "user-7", "plan_id": "sub_test_01KJN4RJ5M8P1S4V7Y0B3D6GHK"},
        refusals=[CustomerNotFound, PlanNotFound, PlanNotFree],
        answers={201: CreatedSubscriptionOutput},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body, at = self.body(SubscriptionInput), clock.now()
        customer = find_customer(self.merchant, body["customer_id"])
        plan = find_plan(self.merchant, body["plan_id"])
        subscription = put_on_plan(customer=customer, plan=plan, at=at)
        [data] = subscription_data(self.merchant, [subscription], at=at)
        return Response({"subscription": data}, status=201)


class OneSubscription(Endpoint):
    @operation(
        "updateSubscription",
        "Choose the bundle for auto top-ups",
        takes=SubscriptionChange,
        example={"auto_top_up_bundle_id": None},
        refusals=[SubscriptionNotFound, BundleNotFound, BundleNotOfPlan, SubscriptionEnded],
        answers=SuccessOutput,
    )
    def patch(self, request: Request, subscription_id: str) -> Response:
        subscription = find_subscription(self.merchant, subscription_id)
        bundle_id = self.body(SubscriptionChange)["auto_top_up_bundle_id"]
        bundle = None if bundle_id is None else find_bundle(self.merchant, bundle_id)
        set_auto_top_up(subscription=subscription, bundle=bundle)
        return Response({"success": True})

    @operation(
        "cancelSubscription",
        "Cancel at the end of the cycle",
        description="The customer keeps the plan and its credits until `cycle_end_at`; the Free plan follows.",
        refusals=[SubscriptionNotFound, SubscriptionEnded],
        answers=SuccessOutput,
    )
    def delete(self, request: Request, subscription_id: str) -> Response:
        subscription = find_subscription(self.merchant, subscription_id)
        request_cancellation(subscription=subscription, at=clock.now())
        return Response({"success": True})


def _listed(subscription: Subscription, data: dict[str, Any]) -> dict[str, Any]:
    customer = subscription.customer
    return {**data, "customer_id": customer.public_id, "customer": customer.contact}
