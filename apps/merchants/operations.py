"""How the routes of the API are described: one decorator per method, from which OpenAPI is made.

A route names the refusals that are its own. What every route may answer (no key, too often, a malformed body)
is added here, so that the description is complete without being repeated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from apps.core.errors import LavaError
from apps.core.rest.answers import ErrorOutput
from apps.core.rest.errors import BodyTooLarge, Busy, InternalError, InvalidRequest, error_body
from apps.core.rest.pages import InvalidCursor
from apps.core.rest.parsing import InvalidJSON
from apps.core.rest.serializers import Output, PageQuery, Query
from apps.merchants.authentication import AuthHeaderMissing
from apps.merchants.endpoints import IDEMPOTENCY_HEADER
from apps.merchants.idempotency import KEY_LENGTH_MAX, IdempotencyKeyInvalid, IdempotencyKeyReused
from apps.merchants.rate_limits import RateLimited
from apps.merchants.secret_keys import KeyRefused

F = TypeVar("F", bound=Callable[..., Any])
Refusal = type[LavaError]

ALWAYS: Final[tuple[Refusal, ...]] = (AuthHeaderMissing, KeyRefused, RateLimited, InternalError, Busy)
WITH_A_BODY: Final[tuple[Refusal, ...]] = (InvalidJSON, InvalidRequest, BodyTooLarge)
WITH_A_KEY: Final[tuple[Refusal, ...]] = (IdempotencyKeyInvalid, IdempotencyKeyReused)

PATH_PARAMETERS: Final = {
    "customer_id": "The customer's id (`con_…`) or your own `reference_id`.",
    "request_id": "The id under which you reported the request.",
    "meter_id": "The meter's id (`prd_…`).",
    "plan_id": "The plan's id (`sub_…`).",
    "credit_bundle_id": "The credit bundle's id (`cb_…`).",
    "subscription_id": "The subscription's id (`asub_…`).",
    "secret_key_id": "The secret key's id (`sk_…`).",
}


def operation(
    operation_id: str,
    summary: str,
    *,
    answers: type[Output] | Mapping[int, type[Output] | OpenApiResponse],
    takes: type[serializers.Serializer[Any]] | None = None,
    asks: type[Query] | None = None,
    example: Mapping[str, Any] | None = None,
    refusals: Iterable[Refusal] = (),
    description: str = "",
) -> Callable[[F], F]:
    """Describe a method: the body it `takes` (with an `example`), the query it `asks` for, what it `answers`.

    `refusals` are its own; those that any route may answer are added.
    """
    by_status = answers if isinstance(answers, Mapping) else {200: answers}

    def describe(handler: F) -> F:
        is_idempotent = getattr(handler, "is_idempotent", False)
        refused = [*refusals, *ALWAYS]
        refused += WITH_A_BODY if takes else ()
        refused += [InvalidRequest] if asks else []
        refused += [InvalidCursor] if asks and issubclass(asks, PageQuery) else []
        refused += WITH_A_KEY if is_idempotent else ()
        return extend_schema(
            operation_id=operation_id,
            summary=summary,
            description=description or f"{summary}.",
            parameters=[*([asks] if asks else []), *([_IDEMPOTENCY_KEY] if is_idempotent else [])],
            request=takes,
            examples=[OpenApiExample("Example", value=example, request_only=True)] if example else None,
            responses={**by_status, **_refused(dict.fromkeys(refused))},
        )(handler)

    return describe


def page_of(rows: type[Output]) -> type[Output]:
    """The list object of the API around such rows."""
    name = rows.__name__.removesuffix("Output") + "Page"
    fields = {
        "data": rows(many=True, help_text="Newest first."),
        "has_more": serializers.BooleanField(),
        "next_cursor": serializers.CharField(allow_null=True, help_text="Null on the last page."),
    }
    return type(name, (Output,), {"__doc__": "A page of a list.", **fields})


class ApiSchema(AutoSchema):
    """Tags routes by their first word and explains the ids in their paths."""

    def get_tags(self) -> list[str]:
        """`Credit bundles` for /v1/credit_bundles/{credit_bundle_id}."""
        return [self.path.split("/")[2].replace("_", " ").capitalize()]

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            parameter["description"] = PATH_PARAMETERS[parameter["name"]]
        return parameters


class SecretKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Authorization: Bearer aks_…"""

    target_class = "apps.merchants.authentication.SecretKeyAuthentication"
    name = "secretKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """How a caller proves who it is."""
        return {"type": "http", "scheme": "bearer", "description": "A secret key of the merchant: `aks_…`."}


_IDEMPOTENCY_KEY: Final = OpenApiParameter(
    name=IDEMPOTENCY_HEADER,
    location=OpenApiParameter.HEADER,
    description=f"Any text of 1 to {KEY_LENGTH_MAX} characters. The same request with the same key happens once and "
    "gets the same answer for a day.",
)


def _refused(refusals: Iterable[Refusal]) -> dict[int, OpenApiResponse]:
    """The error responses, by status: each says which codes it may carry, and why."""
    by_status: dict[int, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        by_status[refusal.status].append(refusal)
    return {
        status: OpenApiResponse(
            ErrorOutput,
            description="\n\n".join(f"`{refusal.code}`: {reason_of(refusal)}" for refusal in together),
            examples=[_example(refusal) for refusal in together],
        )
        for status, together in sorted(by_status.items())
    }


def reason_of(refusal: Refusal) -> str:
    """What a refusal means: the first paragraph of its docstring."""
    return " ".join((refusal.__doc__ or "").strip().split("\n\n")[0].split())


def _example(refusal: Refusal) -> OpenApiExample:
    body = error_body(message=reason_of(refusal), code=refusal.code, status=refusal.status)
    return OpenApiExample(refusal.code, value=body, response_only=True, status_codes=[str(refusal.status)])
