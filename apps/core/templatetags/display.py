"""The filters and tags that templates show money, times and ids with: `{{ charge|charge:currency }}`."""

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils.safestring import SafeString

from apps.core import display, markup

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str) -> SafeString:
    """A sum to the cent."""
    return markup.money(amount, currency)


@register.filter
def money_text(amount: Decimal, currency: str) -> str:
    """A sum to the cent, without markup: for attributes and titles."""
    return display.money(amount, currency)


@register.filter
def charge(amount: Decimal | None, currency: str) -> SafeString:
    """A charge or cost of one request; None is not known."""
    return markup.unknown() if amount is None else markup.charge(amount, currency)


@register.filter
def exact(amount: Decimal, currency: str) -> SafeString:
    """Every digit the books hold."""
    return markup.exact(amount, currency)


@register.filter
def movement(amount: Decimal, currency: str) -> SafeString:
    """Credits that came or went."""
    return markup.movement(amount, currency)


@register.filter
def quantity(number: Decimal | int) -> str:
    """A count."""
    return display.quantity(number)


@register.filter
def percent(share: Decimal) -> str:
    """A share as a percentage."""
    return display.percent(share)


@register.filter
def moment(at: datetime) -> SafeString:
    """How long ago."""
    return markup.moment(at)


@register.filter
def timestamp(at: datetime) -> SafeString:
    """The moment itself."""
    return markup.timestamp(at)


@register.filter
def day(at: datetime) -> SafeString:
    """The day alone."""
    return markup.day(at)


@register.simple_tag
def copyable(text: str, most: int = 22) -> SafeString:
    """An id with a copy button."""
    return markup.copyable(text, most=most)


@register.simple_tag
def pill(word: str, tone: str = "") -> SafeString:
    """A state in one word."""
    return markup.pill(word, tone)
