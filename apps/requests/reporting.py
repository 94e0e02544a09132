"""What an application may report, read from the raw body of a request.

Both doors of `POST /v1/requests`, the batch route and the estimate read bodies here, so that they
accept and refuse exactly the same. A misspelt field is an error: a lost `output_tokens` is lost money.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta, Raw, Struct

from apps.core.errors import LavaError
from apps.core.money import AMOUNT_MAX, round_charge
from apps.core.rest.errors import InvalidRequest
from apps.core.rest.parsing import InvalidJSON
from apps.merchants.models import Merchant
from apps.meters.rules.usage import COUNT_MAX, SECONDS_PLACES, Usage, validate_usage
from apps.providers.costs import cost_of
from apps.providers.reading import read_response
from apps.providers.usage import ProviderUsage, UsageUnreadable
from apps.requests.records import ProviderCost, Report

BATCH_MAX: Final = 1_000
METADATA_PAIRS_MAX: Final = 100
TEXT_MAX: Final = 255

_METADATA_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,255}")


class MetadataInvalid(LavaError):
    """Metadata is up to 100 pairs of texts of 1 to 255 characters; keys are letters, digits and underscores."""

    code: ClassVar[str] = "metadata_invalid"


class ResponseUnreadable(LavaError):
    """The forwarded provider's answer says nothing of usage that can be read."""

    code: ClassVar[str] = "response_unreadable"


class TooManyItems(LavaError):
    """A batch holds 1 to 1,000 reports."""

    code: ClassVar[str] = "too_many_items"


Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]


class Body(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of one report."""

    request_id: Text
    customer_id: Text
    meter_slug: Text
    metadata: dict[str, str] | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_characters: Count | None = None
    output_characters: Count | None = None
    input_seconds: Decimal | None = None
    output_seconds: Decimal | None = None
    provider: Annotated[str, Meta(max_length=64)] | None = None
    model: Annotated[str, Meta(max_length=TEXT_MAX)] | None = None
    cost: Decimal | None = None
    response: Raw = Raw()  # as it was sent; empty when it was not


class EstimateBody(Body, forbid_unknown_fields=True, kw_only=True):
    """The fields of an estimate: a report that need not have a `request_id`."""

    request_id: Annotated[str, Meta(max_length=TEXT_MAX)] = ""


class _Batch(Struct, forbid_unknown_fields=True):
    requests: list[Raw]


_USAGE_FIELDS: Final = tuple(name for name in Body.__struct_fields__ if name.startswith(("input_", "output_")))
_QUOTED_FIELDS: Final = tuple(f'"{name}"'.encode() for name in Body.__struct_fields__)
_ABSENT: Final = Usage()

_report = msgspec.json.Decoder(Body)
_estimate = msgspec.json.Decoder(EstimateBody)
_batch = msgspec.json.Decoder(_Batch)
_NO_RESPONSE: Final = (b"", b"null")
_response = msgspec.json.Decoder(float_hook=Decimal)


def parse_report(body: bytes | Raw, merchant: Merchant, *, at: datetime) -> Report:
    """One report. Raises InvalidJSON, InvalidRequest, UsageInvalid, MetadataInvalid and ResponseUnreadable."""
    _refuse_repeated_fields(bytes(body))
    return _to_report(_decoded(_report, body), merchant, at)


def parse_estimate(body: bytes, merchant: Merchant, *, at: datetime) -> Report:
    """The report an estimate is asked for. Raises as `parse_report` does."""
    _refuse_repeated_fields(body)
    return _to_report(_decoded(_estimate, body), merchant, at)


def parse_batch(body: bytes, merchant: Merchant, *, at: datetime) -> list[Report | LavaError]:
    """`{"requests": […]}`: each report, or why it is none.

    Raises InvalidJSON, InvalidRequest and TooManyItems for the whole.
    """
    items = _decoded(_batch, body).requests
    if not 1 <= len(items) <= BATCH_MAX:
        raise TooManyItems(f"A batch holds 1 to {BATCH_MAX:,} requests, not {len(items):,}.")
    return [_report_or_refusal(item, merchant, at) for item in items]


def _report_or_refusal(item: Raw, merchant: Merchant, at: datetime) -> Report | LavaError:
    try:
        return parse_report(item, merchant, at=at)
    except LavaError as refusal:
        return refusal


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes | Raw) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(_explained(str(wrong))) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidJSON(f"The body is not JSON: {wrong}.") from wrong


def _refuse_repeated_fields(body: bytes) -> None:
    """Refuse a field that is given twice, of which msgspec would silently take the last."""
    # A name that stands there once is not repeated. One that stands there twice may be a text, or a field of the
    # forwarded answer: then, and only then, the slower reader looks.
    if not any(body.count(name) > 1 for name in _QUOTED_FIELDS):
        return
    try:
        fields = json.loads(body.decode(), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return  # the decoder says what is wrong with it
    # Only our own fields: what a provider repeats in its answer is its own affair.
    names = Counter(name for name, _ in fields) if isinstance(fields, tuple) else Counter[str]()
    for name, times in names.items():
        if times > 1:
            raise InvalidJSON(f"The field {name[:64]!r} is given twice.")


def _explained(problem: str) -> str:
    """msgspec's own words, and for an unknown field the one that was probably meant."""
    unknown = re.search(r"unknown field `(.*?)`", problem)
    if unknown is None:
        return f"The body cannot be read: {problem}."
    near = difflib.get_close_matches(unknown[1], Body.__struct_fields__, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known fields: {', '.join(Body.__struct_fields__)}."
    return f"Unknown field {unknown[1]!r}.{hint}"


def _to_report(body: Body, merchant: Merchant, at: datetime) -> Report:
    for text in (body.request_id, body.customer_id, body.meter_slug, body.provider, body.model):
        if text and "\x00" in text:
            raise InvalidRequest("A text must not contain the character NUL.")
    if body.metadata:
        _validate_metadata(body.metadata)
    if bytes(body.response) not in _NO_RESPONSE:
        return _forwarded(body, body.response, merchant, at)
    usage = _reported_usage(body)
    return Report(
        merchant=merchant,
        request_id=body.request_id,
        customer=body.customer_id,
        meter_slug=body.meter_slug,
        usage=usage,
        cost=_cost(body, body.provider or "", body.model or "", usage, at),
        provider=body.provider or "",
        model=body.model or "",
        metadata=body.metadata,
    )


def _reported_usage(body: Body) -> Usage:
    seconds_in, seconds_out = body.input_seconds, body.output_seconds
    usage = Usage(
        body.input_tokens or 0,
        body.output_tokens or 0,
        body.input_characters or 0,
        body.output_characters or 0,
        seconds_in or _ABSENT.input_seconds,
        seconds_out or _ABSENT.output_seconds,
    )
    # Counts were checked while decoding; only seconds can still be wrong.
    if seconds_in is not None or seconds_out is not None:
        validate_usage(usage)
    return usage


def _forwarded(body: Body, response: Raw, merchant: Merchant, at: datetime) -> Report:
    """A report whose usage and cost stand in the provider's own answer."""
    given = [name for name in _USAGE_FIELDS if getattr(body, name) is not None]
    if given:
        raise InvalidRequest(f"Send either 'response' or the usage itself, not both ({', '.join(given)}).")
    try:
        read = read_response(_decoded(_response, response), provider=body.provider)
    except UsageUnreadable as unreadable:
        raise ResponseUnreadable(f"No usage can be read from 'response': {unreadable}.") from unreadable
    used = read.usage
    provider, model = (body.provider or read.provider)[:64], (body.model or read.model)[:TEXT_MAX]
    usage = Usage(
        used.input_tokens,
        used.output_tokens,
        used.input_characters,
        used.output_characters,
        round(used.input_seconds, SECONDS_PLACES),
        round(used.output_seconds, SECONDS_PLACES),
    )
    validate_usage(usage)
    return Report(
        merchant=merchant,
        request_id=body.request_id,
        customer=body.customer_id,
        meter_slug=body.meter_slug,
        usage=usage,
        cost=_cost(body, provider, model, used, at),
        provider=_storable(provider),
        model=_storable(model),
        response_id=_storable(read.response_id[:TEXT_MAX]),
        metadata=body.metadata,
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "")


def _cost(body: Body, provider: str, model: str, usage: Usage | ProviderUsage, at: datetime) -> ProviderCost | None:
    """What the provider asks: as the application says, or else by the price list; None when neither knows."""
    if body.cost is not None:
        if not body.cost.is_finite() or not 0 <= body.cost <= AMOUNT_MAX:
            raise InvalidRequest(f"cost must be a number from 0 to {AMOUNT_MAX}.")
        return ProviderCost(round_charge(body.cost))
    if not model:
        return None
    if isinstance(usage, Usage):
        usage = ProviderUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            input_characters=usage.input_characters,
            output_characters=usage.output_characters,
            input_seconds=usage.input_seconds,
            output_seconds=usage.output_seconds,
        )
    cost = cost_of(provider=provider, model=model, usage=usage, at=at)
    if cost is None:
        return None
    sides = [None if side is None else round_charge(side) for side in (cost.input_cost, cost.output_cost)]
    return ProviderCost(round_charge(cost.total_cost), *sides)


def _validate_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > METADATA_PAIRS_MAX:
        raise MetadataInvalid(f"metadata has {len(metadata)} pairs; {METADATA_PAIRS_MAX} are the most.")
    for key, value in metadata.items():
        if not _METADATA_KEY.fullmatch(key):
            raise MetadataInvalid(
                f"metadata key {key[:40]!r}: a key is 1 to {TEXT_MAX} ASCII letters, digits and underscores."
            )
        if not 1 <= len(value) <= TEXT_MAX or "\x00" in value:
            raise MetadataInvalid(f"metadata {key!r}: a value is a text of 1 to {TEXT_MAX} characters.")
