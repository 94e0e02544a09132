"""Columns that several apps need: amounts of money."""

from typing import Any

from django.db import models


class AmountField(models.DecimalField[Any, Any]):
    """Money or credits, `NUMERIC(20,10)`: ten places, never a float (money.md section 1)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = 20
        kwargs["decimal_places"] = 10
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[Any, ...]:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs
