"""Which subscription an id means."""

from typing import ClassVar

from apps.core.errors import LavaError
from apps.core.public_ids import parse_public_id
from apps.merchants.models import Merchant
from apps.subscriptions.models import Subscription


class SubscriptionNotFound(LavaError):
    """This merchant has no such subscription."""

    code: ClassVar[str] = "subscription_not_found"
    status: ClassVar[int] = 404


def find_subscription(merchant: Merchant, text: str) -> Subscription:
    """The merchant's subscription with this id, ended ones included. Raises SubscriptionNotFound."""
    subscription_id = parse_public_id(Subscription.public_prefix, merchant.mode, text)
    subscriptions = Subscription.objects.for_merchant(merchant).select_related("plan")
    found: Subscription | None = subscriptions.filter(pk=subscription_id).first() if subscription_id else None
    if found is None:
        raise SubscriptionNotFound("There is no such subscription.")
    return found
