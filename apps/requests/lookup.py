"""Which recorded request a `request_id` means."""

from typing import ClassVar

from apps.core.errors import LavaError
from apps.merchants.models import Merchant
from apps.requests.models import MeteredRequest


class RequestNotFound(LavaError):
    """This merchant has recorded no such request."""

    code: ClassVar[str] = "request_not_found"
    status: ClassVar[int] = 404


def find_request(merchant: Merchant, request_id: str) -> MeteredRequest:
    """The merchant's request with this `request_id`, with its meter and rate. Raises RequestNotFound."""
    found: MeteredRequest | None = None
    if "\0" not in request_id:
        requests = MeteredRequest.objects.for_merchant(merchant).select_related("meter__merchant", "rate")
        found = requests.filter(request_id=request_id).first()
    if found is None:
        raise RequestNotFound("There is no such request.")
    return found
