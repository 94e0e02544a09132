"""How figures, moments and ids are marked up on pages: what `display` says, as HTML that can be copied and read out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core import clock, display


def money(amount: Decimal, currency: str) -> SafeString:
    """A sum to the cent, with every digit on hover; below zero it says so in colour and in a word."""
    return _figure(display.money(amount, currency), amount, currency)


def charge(amount: Decimal, currency: str) -> SafeString:
    """What one request is charged or costs, as many digits as it needs."""
    return _figure(display.charge(amount, currency), amount, currency)


def exact(amount: Decimal, currency: str) -> SafeString:
    """Every digit the books hold."""
    return format_html('<span class="figure">{}</span>', display.exact(amount, currency))


def balance(amount: Decimal, currency: str) -> SafeString:
    """What was left after a movement, as many digits as it needs."""
    return _figure(display.charge(amount, currency), amount, currency)


def movement(amount: Decimal, currency: str) -> SafeString:
    """Credits that came (plus, green) or went (minus); every digit on hover."""
    text = display.signed(display.charge(amount, currency), amount)
    tone = "good" if amount > 0 else ""
    return format_html('<span class="figure {}" title="{}">{}</span>', tone, display.exact(amount, currency), text)


def share(part: Decimal) -> SafeString:
    """A margin as a percentage; a loss in red and in words."""
    if part < 0:
        return format_html(
            '<span class="figure bad">{} <span class="word">at a loss</span></span>', display.percent(part)
        )
    return format_html('<span class="figure">{}</span>', display.percent(part))


def unknown(word: str = "unknown") -> SafeString:
    """What is not known, which is not zero."""
    return format_html('<span class="wait">{}</span>', word)


def moment(at: datetime) -> SafeString:
    """How long ago, with the moment itself in the merchant's time zone on hover and for machines."""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        spelled_out(local),
        display.ago(at, now=clock.now()),
    )


def timestamp(at: datetime) -> SafeString:
    """The moment itself: "20 Nov 2026, 14:02:11 CET"."""
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), spelled_out(local))


def day(at: datetime) -> SafeString:
    """The day alone; its time on hover."""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        spelled_out(local),
        f"{local.day} {local:%b %Y}",
    )


def spelled_out(local: datetime) -> str:
    """ "20 Nov 2026, 14:02:11 CET", of a moment that is in its zone already."""
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def copyable(text: str, *, most: int = 22) -> SafeString:
    """An id, its middle left out, with a button that copies all of it."""
    return format_html(
        '<span class="copyable"><code title="{0}">{1}</code>'
        '<button type="button" class="copy" data-copy="{0}" aria-label="Copy {0}">'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button></span>',
        text,
        display.truncated(text, most=most),
    )


def bar(percent: int) -> SafeString:
    """How much of something is left, as a bar and a number."""
    return format_html(
        '<span class="left"><meter min="0" max="100" value="{0}">{0} %</meter> '
        '<span class="figure">{0} %</span></span>',
        percent,
    )


def code(text: str) -> SafeString:
    """What a machine reads."""
    return format_html("<code>{}</code>", text)


def by(at: datetime, who: str) -> SafeString:
    """When, and by whom if it is known."""
    return format_html('{} <span class="muted">by {}</span>', moment(at), who) if who else moment(at)


def link(text: object, address: str) -> SafeString:
    """A link in a table."""
    return format_html('<a class="quiet" href="{}">{}</a>', address, text)


def pill(word: str, tone: str = "") -> SafeString:
    """A state in one word; `tone` is good, bad, wait, accent or nothing."""
    return format_html('<span class="pill {}">{}</span>', tone, word)


def _figure(text: str, amount: Decimal, currency: str) -> SafeString:
    title = display.exact(amount, currency)
    if amount < 0:
        return format_html(
            '<span class="figure bad" title="{}">{} <span class="word">below zero</span></span>', title, text
        )
    return format_html('<span class="figure" title="{}">{}</span>', title, text)
