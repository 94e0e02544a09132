"""What a merchant may say about a customer, and change."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.db import IntegrityError, transaction

from apps.core.errors import LavaError
from apps.core.unchanged import UNCHANGED, UnchangedType
from apps.customers.lookup import CustomerNotFound
from apps.customers.models import Customer

REFERENCE_LENGTH_MAX: Final = 255


class ReferenceIdInvalid(LavaError):
    """The reference is empty, too long, or looks like an id of ours."""

    code: ClassVar[str] = "reference_id_invalid"


class ReferenceIdTaken(LavaError):
    """Another customer of this merchant has the reference."""

    code: ClassVar[str] = "reference_id_taken"
    status: ClassVar[int] = 409


def validate_reference_id(text: str) -> None:
    """Refuse what could be mistaken for an id of ours, because it may stand wherever one goes.

    Raises ReferenceIdInvalid.
    """
    if not 1 <= len(text) <= REFERENCE_LENGTH_MAX:
        raise ReferenceIdInvalid(f"reference_id has 1 to {REFERENCE_LENGTH_MAX} characters.")
    if text.startswith(f"{Customer.public_prefix}_"):
        raise ReferenceIdInvalid(f"reference_id must not start with {Customer.public_prefix}_: Lava's own ids do.")


def change_customer(
    *,
    customer: Customer,
    name: str | UnchangedType = UNCHANGED,
    email: str | UnchangedType = UNCHANGED,
    phone: str | UnchangedType = UNCHANGED,
    reference_id: str | UnchangedType | None = UNCHANGED,
    metadata: dict[str, Any] | UnchangedType | None = UNCHANGED,
) -> Customer:
    """Change what is known about a customer; an empty text or None forgets it.

    Raises ReferenceIdInvalid, ReferenceIdTaken, and CustomerNotFound when they were deleted meanwhile.
    """
    if reference_id is not UNCHANGED and reference_id is not None:
        validate_reference_id(reference_id)
    told = {
        "name": name,
        "email": email,
        "phone": phone,
        "reference_id": reference_id,
        "metadata": metadata,
    }
    changes = {field: value for field, value in told.items() if value is not UNCHANGED}
    customers = Customer.objects.for_merchant(customer.merchant).filter(deleted_at__isnull=True)
    try:
        with transaction.atomic():
            changed = customers.filter(pk=customer.pk).update(**changes) if changes else 1
    except IntegrityError as clash:
        raise ReferenceIdTaken(f"Another customer has the reference_id {reference_id!r}.") from clash
    if not changed:
        raise CustomerNotFound("There is no such customer.")
    for field, value in changes.items():
        setattr(customer, field, value)
    return customer
