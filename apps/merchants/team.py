"""Who works for a merchant: people join, change roles and leave, and an owner always remains."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import IntegrityError, transaction

from apps.core.errors import LavaError
from apps.merchants.models import Member, Merchant, User
from apps.merchants.roles import Role


class AlreadyMember(LavaError):
    """The person works for this merchant already."""

    code: ClassVar[str] = "already_member"
    status: ClassVar[int] = 409


class LastOwner(LavaError):
    """Without its last owner nobody could run the merchant any more."""

    code: ClassVar[str] = "last_owner"
    status: ClassVar[int] = 409


class OwnersOnly(LavaError):
    """Only an owner makes owners, and only an owner changes one."""

    code: ClassVar[str] = "owners_only"
    status: ClassVar[int] = 403


@transaction.atomic
def add_member(*, merchant: Merchant, email: str, role: Role, by: Member, at: datetime) -> Member:
    """Let a person work for a merchant, live and sandbox alike; who has no account yet gets one without a password.

    Raises AlreadyMember, and OwnersOnly when somebody else makes an owner.
    """
    _require_owner(by, role)
    user = User.objects.filter(email__iexact=email.strip()).first() or User.objects.create_user(email.strip())
    try:
        with transaction.atomic():
            return Member.objects.create(merchant_id=merchant.account_id, user=user, role=role.value, created_at=at)
    except IntegrityError as clash:
        raise AlreadyMember(f"{user.email} is on the team already.") from clash


@transaction.atomic
def change_role(*, member: Member, role: Role, by: Member) -> Member:
    """Give a member another role. Raises OwnersOnly and LastOwner."""
    member = _locked(member)
    _require_owner(by, member.role, role)
    if role != Role.OWNER:
        _require_another_owner(member)
    member.role = role.value
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove_member(*, member: Member, by: Member) -> None:
    """Let a member go; their account stays, without this merchant. Raises OwnersOnly and LastOwner."""
    member = _locked(member)
    _require_owner(by, member.role)
    _require_another_owner(member)
    member.delete()


def _locked(member: Member) -> Member:
    """The member as they are behind the team's lock: two owners cannot remove each other at once."""
    Merchant.objects.select_for_update(no_key=True).get(pk=member.merchant_id)
    return Member.across_merchants.select_related("user").get(pk=member.pk, merchant_id=member.merchant_id)


def _require_owner(by: Member, *roles: str) -> None:
    if Role.OWNER in roles and by.role != Role.OWNER:
        raise OwnersOnly("Only an owner can do this.")


def _require_another_owner(member: Member) -> None:
    owners = Member.across_merchants.filter(merchant_id=member.merchant_id, role=Role.OWNER.value)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise LastOwner("This is the last owner. Make somebody else an owner first.")
