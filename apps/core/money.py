"""How amounts of money are computed, rounded, read and written. Nothing in Lava ever holds one in a float.

Money is stored as NUMERIC(20,10): at most ten digits before the point and ten after. A charge multiplies a
quantity of up to 21 digits by a rate of up to 20, and a percentage multiplies three such numbers, so the
product needs more than 60 digits. Python's default of 28 would round on the way, and the charge would then be
rounded twice. So prices are computed under `EXACT`, whose 100 digits hold every product and sum of values
within Lava's limits, and `round_charge` rounds once, at the end.
"""

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import ClassVar, Final

from apps.core.errors import LavaError

EXACT: Final = Context(prec=100, rounding=ROUND_HALF_EVEN)
"""The context to compute a price in: `with localcontext(EXACT): …`. Sums and products do not round in it.

A quotient that never ends (a third of a cent) is cut after 100 digits. That cannot turn it into a tie between
two amounts, which would take a divisor of more than eighty digits, so rounding it afterwards is still right.
"""

ZERO: Final = Decimal(0)
TEN_PLACES: Final = Decimal("1E-10")
CENT: Final = Decimal("0.01")
AMOUNT_MAX: Final = Decimal("9999999999.9999999999")
"""The largest amount the books can hold, of either sign."""

_PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,10})?")


class NotAnAmount(LavaError, ValueError):
    """The text is not a plain decimal with at most ten digits before the point and ten after."""

    code: ClassVar[str] = "not_an_amount"


class AmountTooLarge(LavaError, ValueError):
    """The amount is beyond what the books can hold."""

    code: ClassVar[str] = "amount_too_large"


def round_charge(amount: Decimal) -> Decimal:
    """Round to ten places, half to even: the one rounding a charge goes through.

    Half to even, because always rounding halves up would make many tiny charges drift in our favour.
    Raises AmountTooLarge when the books could not hold the amount.
    """
    if not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
        raise AmountTooLarge(f"{amount:.6E} is beyond the largest amount, {AMOUNT_MAX}")
    return amount.quantize(TEN_PLACES, context=EXACT)


def round_to_cents(amount: Decimal) -> Decimal:
    """Round to whole cents, half away from zero, as card statements and people do: 0.125 gives 0.13."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP, context=EXACT)


def is_whole_cents(amount: Decimal) -> bool:
    """Whether a card can be charged exactly this amount."""
    return amount == round_to_cents(amount)


def format_amount(amount: Decimal) -> str:
    """Write an amount as the API does: ten places, never an exponent, never a negative zero.

    Writing does not round. An amount with more than ten places has escaped `round_charge`, which is a bug in
    the caller, and raises ValueError.
    """
    text = format(amount, "f")
    # Amounts from the database and from `round_charge` have ten places already.
    if text[-11:-10] == "." and text != "-0.0000000000":
        return text
    padded = amount.quantize(TEN_PLACES, context=EXACT)
    if padded != amount:
        raise ValueError(f"{amount} has more than ten places")
    return format(padded or ZERO.quantize(TEN_PLACES), "f")


def parse_amount(text: str) -> Decimal:
    """Read an amount from a request body: "25", "25.00" or "-0.0581000000".

    Raises NotAnAmount for anything else: exponents, infinities, thousands separators, blanks, a bare point, or
    more digits than the books can hold. The sign is the caller's to judge.
    """
    if _PLAIN_AMOUNT.fullmatch(text) is None:
        raise NotAnAmount(
            f'{text[:40]!r} is not an amount: write a plain decimal such as "25.00", '
            "with at most ten digits before the point and ten after"
        )
    return Decimal(text) or ZERO  # "-0" is zero.
