"""/v1/customers: who is billed, and what they are subscribed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.rest.answers import SuccessOutput
from apps.core.rest.serializers import EmailField, Input, ObjectField, Output, PageQuery, PhoneField, TextField
from apps.core.unchanged import UNCHANGED
from apps.customers.details import (
    REFERENCE_LENGTH_MAX,
    ReferenceIdInvalid,
    ReferenceIdTaken,
    change_customer,
    validate_reference_id,
)
from apps.customers.lookup import CustomerNotFound, find_customer
from apps.customers.models import Customer
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.models import Merchant
from apps.merchants.operations import operation, page_of
from apps.subscriptions.answers import SubscriptionOutput, subscription_data
from apps.subscriptions.enrolment import delete_customer, sign_up_customer
from apps.subscriptions.models import Subscription
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import subscription_of, subscriptions_of


class CustomerInput(Input):
    reference_id = TextField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=REFERENCE_LENGTH_MAX,
        help_text="Your own id for the customer. It may stand wherever a `customer_id` goes, "
        "and must not start with `con_`.",
    )
    name = TextField(required=False, allow_null=True, allow_blank=True, max_length=255)
    email = EmailField(required=False, allow_null=True, allow_blank=True, max_length=254)
    phone = PhoneField(required=False, allow_null=True, allow_blank=True, help_text="E.164: +14155552671.")
    metadata = ObjectField(required=False, allow_null=True, help_text="Anything of at most 16 KB.")


class ContactOutput(Output):
    phone = serializers.CharField()
    email = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()


class SubscriptionSummary(Output):
    subscription_id = serializers.CharField(source="public_id")
    plan_id = serializers.CharField(source="plan.public_id")
    name = serializers.CharField(source="plan.name")
    status = serializers.ChoiceField(choices=["active", "cancelled"])


class CustomerOutput(Output):
    customer_id = serializers.CharField()
    reference_id = serializers.CharField(allow_null=True)
    contact = ContactOutput()
    subscription = SubscriptionSummary(allow_null=True)
    metadata = ObjectField(allow_null=True)
    created_at = serializers.DateTimeField()


class CustomersSubscriptionOutput(Output):
    subscription = SubscriptionOutput(allow_null=True)


def customer_data(merchant: Merchant, customers: Sequence[Customer]) -> list[dict[str, Any]]:
    """Customers as the API shows them, each with a summary of their subscription."""
    subscriptions = subscriptions_of(merchant, [customer.pk for customer in customers])
    return [_present(customer, subscriptions.get(customer.pk)) for customer in customers]


def _present(customer: Customer, subscription: Subscription | None) -> dict[str, Any]:
    fields = {
        "customer_id": customer.public_id,
        "reference_id": customer.reference_id,
        "contact": customer.contact,
        "subscription": subscription,
        "metadata": customer.metadata,
        "created_at": customer.created_at,
    }
    return CustomerOutput(fields).data


class Customers(Endpoint):
    @operation(
        "listCustomers",
        "List customers",
        asks=PageQuery,
        answers=page_of(CustomerOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageQuery)
        page = self.page(Customer.objects.for_merchant(self.merchant).filter(deleted_at__isnull=True), query)
        return Response(page.body(customer_data(self.merchant, page.rows)))

    @operation(
        "createCustomer",
        "Create a customer",
        description="They start on the Free plan. A `reference_id` creates one customer however often it is sent: "
        "the first time the answer is 201, afterwards 200 with the customer as they are.",
        takes=CustomerInput,
        example={
            "reference_id": "user-7",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "metadata": {"team": "research"},
        },
        refusals=[ReferenceIdInvalid],
        answers={
            201: CustomerOutput,
            200: OpenApiResponse(CustomerOutput, description="The customer with this reference_id was there."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(CustomerInput)
        reference_id = body.get("reference_id")
        if reference_id is not None:
            validate_reference_id(reference_id)
        customer, is_new = sign_up_customer(
            merchant=self.merchant,
            reference_id=reference_id,
            name=body.get("name") or "",
            email=body.get("email") or "",
            phone=body.get("phone") or "",
            metadata=body.get("metadata"),
            at=clock.now(),
        )
        [data] = customer_data(self.merchant, [customer])
        return Response(data, status=201 if is_new else 200)


class OneCustomer(Endpoint):
    @operation("retrieveCustomer", "Retrieve a customer", refusals=[CustomerNotFound], answers=CustomerOutput)
    def get(self, request: Request, customer_id: str) -> Response:
        [data] = customer_data(self.merchant, [find_customer(self.merchant, customer_id)])
        return Response(data)

    @operation(
        "updateCustomer",
        "Change a customer",
        description="What is not given stays; null forgets.",
        takes=CustomerInput,
        example={"phone": "+14155552671", "email": None},
        refusals=[CustomerNotFound, ReferenceIdInvalid, ReferenceIdTaken],
        answers=CustomerOutput,
    )
    def patch(self, request: Request, customer_id: str) -> Response:
        customer = find_customer(self.merchant, customer_id)
        body = self.body(CustomerInput)
        texts = {field: body[field] or "" for field in ("name", "email", "phone") if field in body}
        change_customer(
            customer=customer,
            reference_id=body.get("reference_id", UNCHANGED),
            metadata=body.get("metadata", UNCHANGED),
            **texts,
        )
        [data] = customer_data(self.merchant, [customer])
        return Response(data)

    @operation(
        "deleteCustomer",
        "Delete a customer",
        description="Their subscription ends, their credits expire and who they are is forgotten. "
        "The books keep their entries.",
        refusals=[CustomerNotFound],
        answers=SuccessOutput,
    )
    def delete(self, request: Request, customer_id: str) -> Response:
        delete_customer(customer=find_customer(self.merchant, customer_id), at=clock.now())
        return Response({"success": True})


class CustomersSubscription(Endpoint):
    @operation(
        "retrieveCustomersSubscription",
        "Retrieve a customer's subscription",
        description="With the credits that are left. What is due, such as a renewal, is done first.",
        refusals=[CustomerNotFound],
        answers=CustomersSubscriptionOutput,
    )
    def get(self, request: Request, customer_id: str) -> Response:
        customer, at = find_customer(self.merchant, customer_id), clock.now()
        bring_up_to_date(merchant_id=self.merchant.pk, customer_id=customer.pk, at=at)
        subscription = subscription_of(customer)
        shown = subscription_data(self.merchant, [subscription] if subscription else [], at=at)
        return Response({"subscription": shown[0] if shown else None})
