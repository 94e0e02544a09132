"""How every refusal looks from outside: `{"error": {"message", "code", "status"}}`, whoever refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, ClassVar, Final
from uuid import uuid4

import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from apps.core.errors import LavaError

log = logging.getLogger(__name__)

# PostgreSQL's own codes: waited too long for a lock, deadlock, statement too slow, shutting down, no connection.
_BUSY: Final = {"55P03", "40P01", "57014", "57P01", "57P02", "57P03", "53300"}


class RouteNotFound(LavaError):
    """There is nothing at this address."""

    code: ClassVar[str] = "route_not_found"
    status: ClassVar[int] = 404


class BodyTooLarge(LavaError):
    """The body is larger than `settings.BODY_BYTES_MAX`."""

    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413


class InvalidRequest(LavaError):
    """A field or query parameter is missing, unknown or malformed; the message names it."""

    code: ClassVar[str] = "invalid_request"


class Busy(LavaError):
    """The database could not answer in time; nothing was stored and the same call may be sent again."""

    code: ClassVar[str] = "temporarily_unavailable"
    status: ClassVar[int] = 503


class InternalError(LavaError):
    """A bug of ours, logged under the id in the message."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500


# What Django REST framework itself refuses, in our words.
FRAMEWORK_CODES: Final[dict[type[exceptions.APIException], str]] = {
    exceptions.ValidationError: InvalidRequest.code,
    exceptions.ParseError: "invalid_json",
    exceptions.NotFound: RouteNotFound.code,
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    exceptions.NotAuthenticated: "auth_header_missing",
    exceptions.AuthenticationFailed: "invalid_secret_key",
    exceptions.PermissionDenied: "forbidden",
}


def error_body(*, message: str, code: str, status: int) -> dict[str, Any]:
    """The error object."""
    return {"error": {"message": message, "code": code, "status": status}}


def handle(exc: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever a view raised into the API's error body; a bug is logged and told by its id only."""
    if isinstance(exc, exceptions.APIException):
        return _framework_refusal(exc)
    refusal = _as_refusal(exc, context)
    response = _response(str(refusal), refusal.code, refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(refusal, Busy):
        response["Retry-After"] = "1"
    return response


@csrf_exempt
def unknown_route(request: HttpRequest) -> JsonResponse:
    """What the API answers at an address that has no route."""
    message = f"There is no {request.method} {request.path}. Every route is listed at /v1/docs."
    body = error_body(message=message, code=RouteNotFound.code, status=RouteNotFound.status)
    return JsonResponse(body, status=RouteNotFound.status)


def _as_refusal(exc: Exception, context: dict[str, Any]) -> LavaError:
    match exc:
        case LavaError():
            return exc
        case Http404():
            return RouteNotFound("There is nothing here.")
        case PermissionDenied():
            return _Forbidden("This is not yours to do.")
        case RequestDataTooBig():
            return BodyTooLarge("The body is too large.")
        case OperationalError() | psycopg.OperationalError() if _is_busy(exc):
            log.warning("%s: %s", _what(context), exc)
            return Busy("Busy at the moment; nothing was stored. Send the same request again.")
        case _:
            request_id = uuid4().hex
            log.error("Request %s failed: %s", request_id, _what(context), exc_info=exc)
            return InternalError(f"Something went wrong on our side. Quote {request_id} when you report it.")


class _Forbidden(LavaError):
    """The key is good, but may not do this."""

    code: ClassVar[str] = "forbidden"
    status: ClassVar[int] = 403


def _is_busy(exc: OperationalError | psycopg.OperationalError) -> bool:
    # Django wraps what psycopg raised; the statements of a charge go past Django.
    cause = exc if isinstance(exc, psycopg.OperationalError) else exc.__cause__
    state = getattr(cause, "sqlstate", None)
    return state is None or state in _BUSY  # without a state the connection itself failed


def _what(context: dict[str, Any]) -> str:
    request = context.get("request")
    return f"{request.method} {request.path}" if request is not None else "a request"


def _framework_refusal(exc: exceptions.APIException) -> Response:
    code = next((code for kind, code in FRAMEWORK_CODES.items() if isinstance(exc, kind)), "error")
    message = "; ".join(_sentences(exc.detail))
    response = _response(message, code, exc.status_code)
    if (header := getattr(exc, "auth_header", None)) is not None:
        response["WWW-Authenticate"] = header
    if (seconds := getattr(exc, "wait", None)) is not None:
        response["Retry-After"] = str(max(1, int(seconds)))
    return response


def _sentences(detail: Any, path: str = "") -> Iterator[str]:
    """Flatten the framework's nested details: "tiers[1].rate: A valid number is required."."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            below = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _sentences(inner, below)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, (dict, list))
            yield from _sentences(inner, f"{path}[{place}]" if nested else path)
    else:
        yield f"{path}: {detail}" if path else str(detail)


def _response(message: str, code: str, status: int) -> Response:
    return Response(error_body(message=message, code=code, status=status), status=status)
