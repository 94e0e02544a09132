"""How a request to the API proves whose it is: `Authorization: Bearer aks_…`."""

from typing import ClassVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.core import clock
from apps.core.errors import LavaError
from apps.merchants.secret_keys import Caller, KeyRefused, authenticate, note_use


class AuthHeaderMissing(LavaError):
    """The request names no key at all."""

    code: ClassVar[str] = "auth_header_missing"
    status: ClassVar[int] = 401


def key_in_header(header: str | None) -> str:
    """The key in an Authorization header. Raises AuthHeaderMissing, and KeyRefused when it is not a bearer's."""
    if not header or not header.strip():
        raise AuthHeaderMissing("Send your secret key: 'Authorization: Bearer aks_…'.")
    scheme, _, key = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise KeyRefused("The secret key is not valid.")
    return key.strip()


class SecretKeyAuthentication(BaseAuthentication):
    """`request.user` and `request.auth` are the Caller."""

    def authenticate(self, request: Request) -> tuple[Caller, Caller]:
        caller = authenticate(key_in_header(request.headers.get("Authorization")))
        note_use(caller, at=clock.now())
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"
