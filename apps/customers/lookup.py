"""Which customer an id means: ours (`con_…`) or the merchant's own `reference_id`, anywhere an id goes."""

from typing import ClassVar

from apps.core.errors import LavaError
from apps.core.public_ids import parse_public_id
from apps.customers.models import Customer
from apps.merchants.models import Merchant


class CustomerNotFound(LavaError):
    """This merchant has no such customer."""

    code: ClassVar[str] = "customer_not_found"
    status: ClassVar[int] = 404


def find_customer(merchant: Merchant, text: str, *, or_deleted: bool = False) -> Customer:
    """The merchant's customer with this id or `reference_id`.

    Raises CustomerNotFound, also for those who were deleted unless `or_deleted`; they have no reference any more.
    """
    customers = Customer.objects.for_merchant(merchant)
    if not or_deleted:
        customers = customers.filter(deleted_at__isnull=True)
    customer: Customer | None = customers.filter(**_by(merchant, text)).first()
    if customer is None:
        raise CustomerNotFound("There is no such customer.")
    return customer


def refuse_deleted(customer: Customer) -> None:
    """Ask again behind the customer's lock, because somebody may have deleted them while we waited for it.

    Raises CustomerNotFound.
    """
    present = Customer.objects.for_merchant(customer.merchant).filter(pk=customer.pk, deleted_at__isnull=True)
    if not present.exists():
        raise CustomerNotFound("There is no such customer.")


def _by(merchant: Merchant, text: str) -> dict[str, object]:
    customer_id = parse_public_id(Customer.public_prefix, merchant.mode, text)
    if customer_id is not None:
        return {"pk": customer_id}
    if text.startswith(f"{Customer.public_prefix}_") or "\0" in text:
        # Ours by its form but not of this book, or what no text column can hold.
        raise CustomerNotFound("There is no such customer.")
    return {"reference_id": text}
