"""/v1/requests and /v1/usage: what was used, what it was charged, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request

from apps.core import clock
from apps.core.errors import LavaError
from apps.core.money import AmountTooLarge, format_amount
from apps.core.public_ids import GRANT, METER, public_id
from apps.core.rest.serializers import Input, PageQuery, Query, TextField
from apps.customers.lookup import CustomerNotFound, find_customer
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.models import Merchant
from apps.merchants.operations import operation, page_of
from apps.meters.catalogue import MeterNotFound, find_meter
from apps.meters.rules.pricing import CostUnknown
from apps.meters.rules.usage import UsageInvalid
from apps.requests import schema
from apps.requests.charging import (
    MeterNotOnPlan,
    OutOfRange,
    RequestIdConflict,
    breakdown_of,
    charge,
    charge_batch,
)
from apps.requests.estimating import Estimate, estimate
from apps.requests.filters import MetadataFiltersField, PeriodEndField, PeriodStartField
from apps.requests.lookup import RequestNotFound, find_request
from apps.requests.models import MeteredRequest
from apps.requests.presenting import batch_json, encode, line_json, request_json, status_of
from apps.requests.receipts import receipt_json
from apps.requests.reporting import (
    MetadataInvalid,
    ResponseUnreadable,
    TooManyItems,
    parse_batch,
    parse_estimate,
    parse_report,
)
from apps.requests.usage_report import Day, PeriodInvalid, Sums, report_usage
from apps.requests.voiding import void_request

REFUSED_REPORTS = (UsageInvalid, MetadataInvalid, ResponseUnreadable)
REFUSED_ESTIMATES = (CustomerNotFound, MeterNotFound, MeterNotOnPlan, CostUnknown, AmountTooLarge)
REFUSED_CHARGES = (*REFUSED_ESTIMATES, OutOfRange, RequestIdConflict)


class RequestFilters(Query):
    """Which requests are meant."""

    customer_id = serializers.CharField(required=False, help_text="The customer's id or `reference_id`.")
    meter_id = serializers.CharField(required=False, help_text="Only this meter.")
    metadata_filters = MetadataFiltersField(
        required=False, help_text='Pairs that the metadata must hold, as JSON: `[["user_id","123"]]`.'
    )


class RequestQuery(PageQuery, RequestFilters):
    pass


class UsageQuery(RequestFilters):
    start = PeriodStartField(help_text="Inclusive. Its offset from UTC says when days begin.")
    end = PeriodEndField(required=False, help_text="Inclusive; now, unless given.")


class VoidInput(Input):
    reason = TextField(required=False, max_length=1000, help_text="Stays with the reversal in the ledger.")


class Requests(Endpoint):
    usage_methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    @operation(
        "listRequests",
        "List requests",
        asks=RequestQuery,
        refusals=[CustomerNotFound, MeterNotFound],
        answers=page_of(schema.RequestOutput),
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.query(RequestQuery)
        requests = MeteredRequest.objects.for_merchant(self.merchant).select_related("meter")
        requests = requests.filter(**_chosen(self.merchant, query))
        for key, value in query.get("metadata_filters", ()):
            requests = requests.filter(metadata__contains={key: value})
        page = self.page(requests, query)
        return _json(page.body([request_json(row, mode=self.merchant.mode) for row in page.rows]))

    @operation(
        "createRequest",
        "Report usage",
        description="Records and charges one request, exactly once per `request_id`. Usage has happened, so it is "
        "charged even when the credits do not cover it; the balance then goes below zero.",
        takes=schema.RequestInput,
        example={
            "request_id": "run-2041",
            "customer_id": "user-7",
            "meter_slug": "chat",
            "input_tokens": 845000,
            "output_tokens": 412000,
            "provider": "openai",
            "model": "gpt-5-mini",
            "metadata": {"user_id": "7"},
        },
        refusals=[*REFUSED_REPORTS, *REFUSED_CHARGES],
        answers={
            201: schema.RequestOutput,
            200: OpenApiResponse(schema.RequestOutput, description="It was recorded before; nothing changed."),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        at = clock.now()
        [outcome] = charge([parse_report(self.raw_body, self.merchant, at=at)], at=at)
        if isinstance(outcome, LavaError):
            raise outcome
        return _json(request_json(outcome.record, mode=self.merchant.mode), status=status_of(outcome))


class RequestBatch(Endpoint):
    usage_methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    @operation(
        "createRequests",
        "Report usage of many requests",
        description="Each item is recorded or refused by itself and has its own answer, in its place.",
        takes=schema.BatchInput,
        example={
            "requests": [
                {"request_id": "run-1", "customer_id": "user-7", "meter_slug": "chat", "output_tokens": 90},
                {"request_id": "run-2", "customer_id": "user-8", "meter_slug": "chat", "output_tokens": 412},
            ]
        },
        refusals=[TooManyItems],
        answers=schema.BatchOutput,
    )
    def post(self, request: Request) -> HttpResponse:
        at = clock.now()
        items = parse_batch(self.raw_body, self.merchant, at=at)
        return _json(batch_json(charge_batch(items, at=at), mode=self.merchant.mode))


class RequestEstimate(Endpoint):
    usage_methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    @operation(
        "estimateRequest",
        "Estimate a charge",
        description="What a request would cost and be charged if it were reported now. Nothing is stored.",
        takes=schema.EstimateInput,
        example={"customer_id": "user-7", "meter_slug": "chat", "input_tokens": 845000, "output_tokens": 412000},
        refusals=[*REFUSED_REPORTS, *REFUSED_ESTIMATES],
        answers=schema.EstimateOutput,
    )
    def post(self, request: Request) -> HttpResponse:
        at = clock.now()
        report = parse_estimate(self.raw_body, self.merchant, at=at)
        return _json(_estimate_json(estimate(report, at=at)))


class OneRequest(Endpoint):
    @operation("retrieveRequest", "Retrieve a request", refusals=[RequestNotFound], answers=schema.RequestOutput)
    def get(self, request: Request, request_id: str) -> HttpResponse:
        return _json(request_json(find_request(self.merchant, request_id), mode=self.merchant.mode))


class RequestReceipt(Endpoint):
    @operation(
        "retrieveReceipt",
        "Retrieve a request's receipt",
        description="The rate it was priced at and where in the tiers it began, so that the charge can be computed "
        "again, and the grants that paid for it.",
        refusals=[RequestNotFound],
        answers=schema.ReceiptOutput,
    )
    def get(self, request: Request, request_id: str) -> HttpResponse:
        return _json(receipt_json(find_request(self.merchant, request_id)))


class RequestVoid(Endpoint):
    @operation(
        "voidRequest",
        "Void a request",
        description="Gives back what it was charged, by a reversal in the ledger; the request stays. "
        "Voiding it again changes nothing.",
        takes=VoidInput,
        example={"reason": "Reported twice"},
        refusals=[RequestNotFound],
        answers=schema.RequestOutput,
    )
    @idempotent
    def post(self, request: Request, request_id: str) -> HttpResponse:
        found, body = find_request(self.merchant, request_id), self.body(VoidInput)
        voided = void_request(request=found, at=clock.now(), actor=self.caller.actor, reason=body.get("reason", ""))
        return _json(request_json(voided, mode=self.merchant.mode))


class Usage(Endpoint):
    @operation(
        "retrieveUsage",
        "Add up usage by day",
        description="Exact sums of all requests that were not voided.",
        asks=UsageQuery,
        refusals=[PeriodInvalid, CustomerNotFound, MeterNotFound],
        answers=schema.UsageOutput,
    )
    def get(self, request: Request) -> HttpResponse:
        query, at = self.query(UsageQuery), clock.now()
        report = report_usage(
            merchant=self.merchant,
            starts_at=query["start"],
            # Whatever happens in this instant is still before it ends.
            until=query.get("end", at + timedelta(microseconds=1)),
            at=at,
            metadata=query.get("metadata_filters", ()),
            **_chosen(self.merchant, query),
        )
        return _json({"items": [_day_json(day) for day in report.days], "totals": _sums_json(report.totals)})


def _json(body: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Both doors of `POST /v1/requests` answer byte for byte the same, so none of these goes through a renderer."""
    return HttpResponse(encode(body), status=status, content_type="application/json")


def _chosen(merchant: Merchant, query: dict[str, Any]) -> dict[str, Any]:
    """The customer and meter that a query names, deleted ones included: their requests are still there."""
    chosen: dict[str, Any] = {}
    if "customer_id" in query:
        chosen["customer"] = find_customer(merchant, query["customer_id"], or_deleted=True)
    if "meter_id" in query:
        chosen["meter"] = find_meter(merchant, query["meter_id"], or_deleted=True)
    return chosen


def _estimate_json(estimated: Estimate) -> dict[str, Any]:
    report, price, priced = estimated.report, estimated.meter.price, estimated.priced
    mode = report.merchant.mode
    return {
        "customer_id": estimated.customer.public_id,
        "meter_id": public_id(METER, mode, estimated.meter.meter_id),
        "provider": report.provider,
        "model": report.model,
        "cost": None if report.cost is None else format_amount(report.cost.total),
        "charge": {
            "amount": format_amount(priced.amount),
            "rate_type": price.rate_type.value,
            "breakdown": [line_json(line, price.tier_type.value) for line in breakdown_of(priced)],
        },
        "currency": estimated.credits.currency,
        "balance_before": format_amount(estimated.credits.total_remaining),
        "balance_after": format_amount(estimated.balance_after),
        "draws": [
            {
                "grant_id": public_id(GRANT, mode, draw.grant_id) if draw.grant_id else None,
                "amount": format_amount(draw.amount),
            }
            for draw in estimated.draws
        ],
    }


def _day_json(day: Day) -> dict[str, Any]:
    return {
        "date": day.on,
        "start": _moment(day.starts_at),
        "end": _moment(day.last_second_at),
        **_sums_json(day.sums),
    }


def _sums_json(sums: Sums) -> dict[str, Any]:
    return {
        "total_requests": sums.requests,
        "total_requests_without_cost": sums.requests_without_cost,
        "total_usage_tokens": sums.tokens,
        "total_cost": format_amount(sums.cost),
        "total_charge": format_amount(sums.charge),
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
