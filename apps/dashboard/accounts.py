"""Who may have an account: people a merchant invites, nobody by signing up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):
    """No public sign-up: a self-hosted Lava belongs to those who run it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False
