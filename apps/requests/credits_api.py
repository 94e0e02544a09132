"""/v1/customers/{id}/balance, /ledger and /grants: what credits a customer has, and how they came and went."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.public_ids import GRANT, public_id
from apps.core.rest.serializers import AmountField, Input, MomentField, Output, PageQuery, TextField
from apps.customers.lookup import CustomerNotFound, find_customer
from apps.ledger.granting import AmountNotPositive, ExpiresInThePast, GrantKeyReused, ReasonMissing, give_credits
from apps.ledger.kinds import Kind, Origin
from apps.ledger.models import LedgerEntry
from apps.ledger.statements import credits_of
from apps.merchants.endpoints import IDEMPOTENCY_HEADER, Endpoint, idempotent
from apps.merchants.models import Merchant
from apps.merchants.operations import operation, page_of
from apps.requests.models import MeteredRequest
from apps.subscriptions.renewal import bring_up_to_date


class BalanceOutput(Output):
    customer_id = serializers.CharField()
    currency = serializers.CharField()
    balance = AmountField(help_text="The sum of the ledger; below zero when more was used than was there.")
    held = AmountField(help_text="Reserved for requests that are running.")
    available = AmountField(help_text="The balance less what is held.")
    deficit = AmountField(help_text="Used beyond all credits; the next credits pay it first.")
    cycle_remaining = AmountField()
    bundle_remaining = AmountField()


class LedgerEntryOutput(Output):
    ledger_entry_id = serializers.CharField(source="entry.public_id")
    seq = serializers.IntegerField(source="entry.seq", help_text="Counts the customer's entries without a gap.")
    kind = serializers.ChoiceField(source="entry.kind", choices=[kind.value for kind in Kind])
    amount = AmountField(source="entry.amount", help_text="Below zero when credits went.")
    balance_after = AmountField(source="entry.balance_after")
    currency = serializers.CharField(source="entry.currency")
    grant_id = serializers.CharField(allow_null=True, help_text="The grant it moved; null for the deficit.")
    request_id = serializers.CharField(allow_null=True, help_text="The request that was charged or voided.")
    actor = serializers.CharField(source="entry.actor")
    reason = serializers.CharField(source="entry.reason")
    created_at = serializers.DateTimeField(source="entry.created_at")


class GrantInput(Input):
    amount = AmountField(help_text="More than 0.")
    reason = TextField(max_length=1000, help_text="Stays with the entry in the ledger.")
    expires_at = MomentField(required=False, allow_null=True, help_text="Never, unless given.")


class GrantOutput(Output):
    grant_id = serializers.CharField(source="public_id")
    customer_id = serializers.CharField(source="customer.public_id")
    origin = serializers.ChoiceField(choices=[origin.value for origin in Origin])
    amount = AmountField()
    remaining = AmountField(help_text="Less than the amount at once when there was a deficit to pay.")
    currency = serializers.CharField()
    reason = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class CustomersBalance(Endpoint):
    @operation(
        "retrieveBalance",
        "Retrieve a customer's balance",
        description="What is due, such as a renewal, is done first.",
        refusals=[CustomerNotFound],
        answers=BalanceOutput,
    )
    def get(self, request: Request, customer_id: str) -> Response:
        customer, at = find_customer(self.merchant, customer_id), clock.now()
        bring_up_to_date(merchant_id=self.merchant.pk, customer_id=customer.pk, at=at)
        credits = credits_of(customer, at=at)
        fields = {
            "customer_id": customer.public_id,
            "currency": credits.currency,
            "balance": credits.total_remaining,
            "held": credits.held,
            "available": credits.available,
            "deficit": credits.deficit,
            "cycle_remaining": credits.cycle_remaining,
            "bundle_remaining": credits.bundle_remaining,
        }
        return Response(BalanceOutput(fields).data)


class CustomersLedger(Endpoint):
    @operation(
        "listLedgerEntries",
        "List a customer's ledger entries",
        description="Every movement of their credits, newest first. Entries never change.",
        asks=PageQuery,
        refusals=[CustomerNotFound],
        answers=page_of(LedgerEntryOutput),
    )
    def get(self, request: Request, customer_id: str) -> Response:
        customer, query = find_customer(self.merchant, customer_id), self.query(PageQuery)
        entries = LedgerEntry.objects.for_merchant(self.merchant).filter(customer=customer)
        page = self.page(entries, query, key="seq")
        return Response(page.body(entry_data(self.merchant, page.rows)))


class CustomersGrants(Endpoint):
    @operation(
        "grantCredits",
        "Give a customer credits",
        description="Promotional credits: nobody pays for them. Send an `Idempotency-Key`, so that a retry "
        "does not give twice.",
        takes=GrantInput,
        example={"amount": "5.00", "reason": "Sorry for the outage"},
        refusals=[CustomerNotFound, AmountNotPositive, ReasonMissing, ExpiresInThePast, GrantKeyReused],
        answers={201: GrantOutput},
    )
    @idempotent
    def post(self, request: Request, customer_id: str) -> Response:
        customer, at = find_customer(self.merchant, customer_id), clock.now()
        body = self.body(GrantInput)
        bring_up_to_date(merchant_id=self.merchant.pk, customer_id=customer.pk, at=at)
        grant = give_credits(
            customer=customer,
            amount=body["amount"],
            reason=body["reason"],
            expires_at=body.get("expires_at"),
            key=_grant_key(request),
            actor=self.caller.actor,
            at=at,
        )
        return Response(GrantOutput(grant).data, status=201)


def entry_data(merchant: Merchant, entries: Sequence[LedgerEntry]) -> list[dict[str, Any]]:
    """Entries as the API shows them, each with the request it is about."""
    request_ids = _request_ids(merchant, entries)
    return [
        LedgerEntryOutput(
            {
                "entry": entry,
                "grant_id": entry.grant_id and public_id(GRANT, merchant.mode, entry.grant_id),
                "request_id": request_ids.get(entry.pk),
            }
        ).data
        for entry in entries
    ]


def _request_ids(merchant: Merchant, entries: Sequence[LedgerEntry]) -> dict[Any, str]:
    """The `request_id` behind each entry that has one: a charge names it, a reversal mirrors a charge."""
    mirrored = {entry.source_id for entry in entries if entry.kind == Kind.REVERSAL}
    charges = LedgerEntry.objects.for_merchant(merchant).filter(pk__in=mirrored, kind=Kind.USAGE)
    charged = dict(charges.values_list("pk", "source_id"))
    sources = {
        entry.pk: entry.source_id if entry.kind == Kind.USAGE else charged.get(entry.source_id)
        for entry in entries
        if entry.kind in {Kind.USAGE, Kind.REVERSAL}
    }
    requests = MeteredRequest.objects.for_merchant(merchant).filter(pk__in=set(sources.values()))
    names = dict(requests.values_list("pk", "request_id"))
    return {entry_id: names[source] for entry_id, source in sources.items() if source in names}


def _grant_key(request: Request) -> str:
    """What makes this gift one: the caller's key, for good, even when the stored answer is long forgotten."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    return f"api:{uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()}"
