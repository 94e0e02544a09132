"""Which merchant a signed-in person is looking at: `request.merchant` and `request.member`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class ActiveMerchant:
    """Set `request.merchant` for pages of the dashboard."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)
