"""What every address of the API does alike: whose it is, how often, repeated POSTs, lists."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, TypeVar, cast

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock
from apps.core.rest.errors import BodyTooLarge
from apps.core.rest.pages import Page, read_page
from apps.core.rest.serializers import Input, Query
from apps.merchants.idempotency import Answer, answer_once, hash_of_request
from apps.merchants.models import Merchant
from apps.merchants.rate_limits import Allowance, Lane, RateLimited, count_call
from apps.merchants.secret_keys import Caller

M = TypeVar("M", bound=Model)
E = TypeVar("E", bound="Endpoint")

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"


class Endpoint(APIView):
    """One address, for callers with a secret key; methods parse, make one call, and present."""

    # Which methods report usage; they are counted apart from management.
    usage_methods: ClassVar[frozenset[str]] = frozenset()
    _allowance: Allowance | None = None

    @property
    def caller(self) -> Caller:
        """Who is asking."""
        return cast(Caller, self.request.auth)

    @property
    def merchant(self) -> Merchant:
        """Whose rows this request may see."""
        return self.caller.merchant

    @property
    def _lane(self) -> Lane:
        return Lane.USAGE if self.request.method in self.usage_methods else Lane.MANAGEMENT

    @property
    def raw_body(self) -> bytes:
        """The body as it came, for routes with a reader of their own. Raises BodyTooLarge."""
        body = self.request.body
        if len(body) > settings.BODY_BYTES_MAX:
            raise BodyTooLarge(f"The body is larger than {settings.BODY_BYTES_MAX:,} bytes.")
        return body

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer in English, whatever language the caller's browser would like: programs read these messages."""
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Read a body that was sent in chunks: the framework takes one of unknown length for none at all."""
        if "CONTENT_LENGTH" not in request.META:
            request._body = request.read(settings.BODY_BYTES_MAX + 1)  # one more, to know that it is too large
            request.META["CONTENT_LENGTH"] = str(len(request._body))
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the key, then count the call. Raises RateLimited."""
        super().initial(request, *args, **kwargs)
        self._allowance = count_call(self.caller, self._lane, at=clock.now())
        if self._allowance is not None and self._allowance.is_exceeded:
            raise RateLimited(f"More than {self._allowance.limit:,} calls in a minute with this key.")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say what is left of the minute's calls, on refusals too; an answer is for its caller and nobody's cache."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Cache-Control"] = "no-store"
        if self._allowance is not None:
            for name, value in self._allowance.headers(at=clock.now()).items():
                final[name] = value
        return final

    def body(self, fields: type[Input]) -> dict[str, Any]:
        """The request's body, checked."""
        given = fields(data=self.request.data)
        given.is_valid(raise_exception=True)
        checked: dict[str, Any] = given.validated_data
        return checked

    def query(self, parameters: type[Query]) -> dict[str, Any]:
        """The request's query string, checked."""
        given = parameters(data=self.request.query_params)
        given.is_valid(raise_exception=True)
        checked: dict[str, Any] = given.validated_data
        return checked

    def page(self, rows: QuerySet[M], query: dict[str, Any], *, key: str = "id") -> Page[M]:
        """The rows this request asks for. Raises InvalidCursor."""
        scope = f"{self.merchant.pk}:{self.request.path}"
        return read_page(rows, scope=scope, cursor=query.get("cursor"), limit=query["limit"], key=key)


Handler = Callable[..., HttpResponse]


def idempotent(handler: Handler) -> Callable[..., HttpResponse]:
    """Make a POST happen once per `Idempotency-Key`, when it comes with one."""

    @wraps(handler)
    def answer(self: Endpoint, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get(IDEMPOTENCY_HEADER)
        if key is None:
            return handler(self, request, *args, **kwargs)
        plain = request._request
        given = answer_once(
            merchant=self.merchant,
            key=key,
            request_hash=hash_of_request(method="POST", path=plain.get_full_path(), body=plain.body),
            at=clock.now(),
            answer=lambda: _on_the_wire(handler(self, request, *args, **kwargs)),
        )
        response = HttpResponse(given.body, status=given.status, content_type="application/json")
        if given.is_replay:
            response[REPLAYED_HEADER] = "true"
        return response

    answer.is_idempotent = True  # type: ignore[attr-defined]
    return answer


def _on_the_wire(response: HttpResponse) -> Answer:
    body = JSONRenderer().render(response.data) if isinstance(response, Response) else response.content
    return Answer(status=response.status_code, body=body)
