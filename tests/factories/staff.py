"""People who work for a merchant, and a browser in which they are signed in."""

from __future__ import annotations

from datetime import datetime

from django.test import Client

from apps.merchants.models import Member, Merchant, User
from apps.merchants.roles import Role


def make_member(merchant: Merchant, *, role: Role = Role.OWNER, email: str = "", at: datetime) -> Member:
    """A person on the team of a merchant and its sandbox."""
    user = User.objects.create_user(email or f"{role}@{merchant.name.lower()}.test", "correct horse battery")
    return Member.objects.create(merchant_id=merchant.account_id, user=user, role=role.value, created_at=at)


def signed_in(user: User, *, at_merchant: Merchant | None = None) -> Client:
    """A browser of somebody who is signed in, and acts for `at_merchant` when it is given."""
    client = Client()
    client.force_login(user)
    if at_merchant is not None:
        session = client.session
        session["merchant"] = str(at_merchant.pk)
        session.save()
    return client
