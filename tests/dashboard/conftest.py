"""Who looks at the dashboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.merchants.roles import Role
from tests.factories.staff import make_member, signed_in


@pytest.fixture
def owner(acme, at) -> Client:
    """The browser of Acme's owner, in the sandbox."""
    return signed_in(make_member(acme, at=at).user, at_merchant=acme)


@pytest.fixture
def browser_of(acme, at) -> Callable[[Role], Client]:
    """The browser of somebody with a role at Acme."""
    return lambda role: signed_in(make_member(acme, role=role, at=at).user, at_merchant=acme)
