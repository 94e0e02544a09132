"""What every page of the dashboard has: the merchant it is about, that merchant's time, and a policy for scripts."""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.merchants.acting import acting_for

Respond = Callable[[HttpRequest], HttpResponse]

DASHBOARD: Final = "/dashboard/"
ACCOUNTS: Final = "/accounts/"

_STRICT: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# unfold's Alpine evaluates the expressions in its attributes, and its palette is an inline style.
_RELAXED: Final = _STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class ActiveMerchant:
    """Sets `request.merchant` and `request.member` on the dashboard's pages, and shows times in its zone."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(DASHBOARD) or not request.user.is_authenticated:
            return self.get_response(request)
        acting = acting_for(request)
        if acting is None:
            return self.get_response(request)
        request.merchant, request.member = acting.merchant, acting.member  # type: ignore[attr-defined]
        with timezone.override(ZoneInfo(acting.merchant.time_zone)):
            return self.get_response(request)


class ContentSecurityPolicy:
    """Lets pages for people load scripts, styles and images from here only."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(DASHBOARD):
            response.headers.setdefault("Content-Security-Policy", _RELAXED)
        elif request.path.startswith(ACCOUNTS):
            response.headers.setdefault("Content-Security-Policy", _STRICT)
        return response
