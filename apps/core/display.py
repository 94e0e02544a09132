"""How amounts, quantities and times are said to people. Pages, e-mails and exports all say them the same way.

An amount that is not zero never reads as zero: a charge of a fifth of a cent is "$0.002", and one too small
even for that is "<$0.000001". A minus is a real minus sign.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from apps.core.money import EXACT, ZERO

CURRENCY_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}
MINUS: Final = "\N{MINUS SIGN}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
NOTHING: Final = "\N{EN DASH}"
"""What a table shows where there is nothing to say."""

_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.000001")
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def money(amount: Decimal, currency: str = "USD") -> str:
    """A sum of money, to the cent: "$1,204.50"; below a cent as many digits as it needs: "$0.002"."""
    if amount != 0 and abs(amount) < _CENT:
        return charge(amount, currency)
    return _signed(amount, f"{abs(amount):,.2f}", currency)


def charge(amount: Decimal, currency: str = "USD") -> str:
    """What one request is charged or costs: at least two places, and up to six where they are not zero."""
    size = abs(amount)
    if 0 < size < _SMALLEST:
        return "<" + _signed(ZERO, f"{_SMALLEST:f}", currency)
    text = f"{size.quantize(_SMALLEST, rounding=ROUND_HALF_EVEN, context=EXACT):,f}"
    return _signed(amount, _at_least_two_places(text), currency)


def exact(amount: Decimal, currency: str = "USD") -> str:
    """Every digit the books hold: "$0.0314480000". For receipts, whose lines must add up before one's eyes."""
    return _signed(amount, f"{abs(amount):,.10f}", currency)


def rate(amount: Decimal, currency: str = "USD") -> str:
    """A price per unit: "$5.00", "$0.0004"; no digit is lost."""
    return _signed(amount, _at_least_two_places(f"{abs(amount):,f}"), currency)


def plain(amount: Decimal) -> str:
    """An amount as one would type it, and a form shows it: "25.00", "0.0005"."""
    return _at_least_two_places(f"{amount:f}")


def signed(text: str, amount: Decimal) -> str:
    """The same with a plus before what was gained, for columns in which amounts go both ways."""
    return f"+{text}" if amount > 0 else text


def quantity(number: Decimal | int) -> str:
    """A count, with thousands apart and no digit that says nothing: "1,204", "1.5"."""
    text = f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: Decimal) -> str:
    """A share as a percentage with one place: 0.345 is "34.5 %"."""
    text = f"{abs(share) * 100:.1f} %"
    return MINUS + text if share < 0 else text


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """`part` of `whole`, zero when there is no whole."""
    return part / whole if whole else ZERO


def ago(moment: datetime, *, now: datetime) -> str:
    """How long ago, or how long until: "3 min ago", "in 12 days"."""
    passed = now - moment
    size = _size(abs(passed))
    if size is None:
        return "just now"
    return f"{size} ago" if passed > timedelta(0) else f"in {size}"


def _size(span: timedelta) -> str | None:
    if span < _MINUTE:
        return None
    if span < _HOUR:
        return f"{span // _MINUTE} min"
    if span < _DAY:
        return f"{span // _HOUR} h"
    days = span // _DAY
    return "1 day" if days == 1 else f"{days} days"


def _signed(amount: Decimal, digits: str, currency: str) -> str:
    sign = CURRENCY_SIGNS.get(currency)
    text = f"{sign}{digits}" if sign else f"{digits} {currency}"
    return MINUS + text if amount < 0 else text


def _at_least_two_places(digits: str) -> str:
    whole, _, places = digits.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def truncated(text: str, *, most: int = 22) -> str:
    """The middle of a long id left out: its beginning says what it is, its end which one."""
    if len(text) <= most:
        return text
    kept = (most - 1) // 2
    return f"{text[: most - 1 - kept]}…{text[-kept:]}"
