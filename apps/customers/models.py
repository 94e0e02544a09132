"""Who is billed."""

from typing import Any

from django.db import models
from django.db.models import Q

from apps.core import public_ids
from apps.merchants.tenancy import TenantModel


class Customer(TenantModel):
    """Somebody a merchant bills. Everything personal about them stands in this table and no other."""

    public_prefix = public_ids.CUSTOMER

    reference_id = models.CharField(max_length=255, null=True, blank=True)
    name = models.CharField(max_length=255, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=16, blank=True, default="")
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "reference_id"],
                condition=Q(deleted_at__isnull=True),
                name="reference_id_names_one_customer",
            ),
            models.CheckConstraint(
                # `con_` begins our own ids; a reference may stand wherever an id goes.
                condition=~Q(reference_id__startswith="con_") & ~Q(reference_id=""),
                name="reference_id_is_no_customer_id",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.reference_id or self.public_id

    @property
    def contact(self) -> dict[str, Any]:
        """The API's contact; what is not known is empty, never missing."""
        first, _, last = self.name.strip().partition(" ")
        return {"phone": self.phone, "email": self.email, "first_name": first, "last_name": last.strip()}
