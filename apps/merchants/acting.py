"""For which merchant a signed-in person acts, and what they may do there.

The choice is kept in the session. A member of a merchant may act for it and for its sandbox; platform staff
(superusers) may act for everyone, as an owner would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest

from apps.merchants.models import Member, Merchant, User
from apps.merchants.roles import Right, Role, may

_SESSION_KEY: Final = "merchant"


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody, at a merchant they may act for."""

    merchant: Merchant
    member: Member


def acting_for(request: HttpRequest) -> Acting | None:
    """The merchant chosen in this session, else the sandbox of the person's first; None without any."""
    user = _user(request)
    chosen = _uuid(request.session.get(_SESSION_KEY))
    merchant = _merchants_of(user).filter(pk=chosen).first() if chosen else None
    if merchant is None:
        # A newcomer looks around where nothing costs money.
        merchant = _merchants_of(user).order_by("-mode", "created_at").first()
    return None if merchant is None else Acting(merchant, membership(user, merchant))


def merchants_of(request: HttpRequest, *, most: int = 50) -> list[Merchant]:
    """The live merchants this person may act for, by name; each has its `.sandbox`."""
    live = _merchants_of(_user(request)).filter(live__isnull=True).select_related("sandbox")
    return list(live.order_by("name", "created_at")[:most])


def one_of_theirs(request: HttpRequest, merchant_ids: Iterable[object]) -> Merchant | None:
    """The first of these merchants that this person may act for."""
    wanted = [merchant_id for merchant_id in map(_uuid, merchant_ids) if merchant_id]
    found: Merchant | None = _merchants_of(_user(request)).filter(pk__in=wanted).first()
    return found


def switch_to(request: HttpRequest, merchant: Merchant) -> None:
    """Act for this merchant from the next request on; the caller made sure that it is one of theirs."""
    request.session[_SESSION_KEY] = str(merchant.pk)


def membership(user: User, merchant: Merchant) -> Member:
    """The person's membership, which the live merchant and its sandbox share; platform staff act as an owner."""
    if user.is_superuser:
        return Member(merchant_id=merchant.account_id, user=user, role=Role.OWNER.value)
    return Member.across_merchants.get(merchant_id=merchant.account_id, user=user)


def merchant_of(request: HttpRequest) -> Merchant:
    """The merchant a page is about; it has one wherever `has_merchant` says so."""
    merchant: Merchant = request.merchant  # type: ignore[attr-defined]
    return merchant


def has_merchant(request: HttpRequest) -> bool:
    """Whether the person acts for a merchant at all."""
    return getattr(request, "merchant", None) is not None


def may_do(request: HttpRequest, right: Right | None) -> bool:
    """Whether the person's role has this right; no right stands for what nobody may do."""
    if right is None or not has_merchant(request):
        return False
    return may(request.member.role, right)  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> str:
    """How the books name whoever moved credits in the dashboard."""
    return _user(request).email


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _merchants_of(user: User) -> Any:
    if user.is_superuser:
        return Merchant.objects.all()
    accounts = list(Member.across_merchants.filter(user=user).values_list("merchant_id", flat=True))
    return Merchant.objects.filter(Q(pk__in=accounts) | Q(live__in=accounts))


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
