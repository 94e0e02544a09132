"""Who sells: merchants, the people who work for them, and the keys of their applications."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q

from apps.core import public_ids
from apps.merchants.roles import Role
from apps.merchants.tenancy import TenantForeignKey, TenantModel, TenantRow

__all__ = ["IdempotencyRecord", "Member", "Merchant", "RateWindow", "SecretKey", "TenantForeignKey", "User"]


class UserManager(BaseUserManager["User"]):
    """Makes users who sign in by e-mail."""

    def create_user(self, email: str, password: str | None = None, **values: Any) -> User:
        """A person who may sign in once a merchant makes them a member."""
        user = self.model(email=self.normalize_email(email), **values)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **values: Any) -> User:
        """Platform staff: sees every merchant."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **values)


class User(AbstractUser):
    """A person. What they may do depends on the merchant (`Member.role`)."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()  # type: ignore[assignment,misc]


class Merchant(models.Model):
    """One book: a live merchant, or the sandbox that belongs to it. Their data never meet."""

    public_prefix: ClassVar[str] = public_ids.MERCHANT

    id = models.UUIDField(primary_key=True, default=public_ids.new_id, editable=False)
    name = models.CharField(max_length=255)
    mode = models.CharField(max_length=4, editable=False)
    live = models.OneToOneField("self", models.PROTECT, null=True, blank=True, editable=False, related_name="sandbox")
    currency = models.CharField(max_length=3, default="USD", editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(mode="live", live__isnull=True) | Q(mode="test", live__isnull=False),
                name="merchant_is_live_or_a_sandbox",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (sandbox)" if self.is_sandbox else self.name

    @property
    def is_sandbox(self) -> bool:
        """Whether money here is play money."""
        return self.mode == "test"

    @property
    def account_id(self) -> Any:
        """The live merchant's id, which the pair shares; memberships hang on it."""
        return self.live_id or self.id

    @property
    def public_id(self) -> str:
        """The id as the API shows it."""
        return public_ids.public_id(self.public_prefix, self.mode, self.id)


class Member(TenantModel):
    """A person who works for a merchant, live and sandbox alike, in one role."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, default=Role.VIEWER.value)
    created_at = models.DateTimeField(editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="person_is_a_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user.email} ({self.role})"


class SecretKey(TenantModel):
    """A key of a merchant's application, kept as a keyed hash: shown once, never readable again."""

    public_prefix = public_ids.SECRET_KEY

    name = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+", editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        indexes = [
            # The one question asked before the merchant is known.
            models.Index(fields=["digest"], name="secret_key_by_digest"),
        ]


class IdempotencyRecord(TenantRow):
    """The answer given to an `Idempotency-Key`, so that a repeated POST gets it again."""

    pk = models.CompositePrimaryKey("merchant_id", "key")
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta(TenantRow.Meta):
        indexes = [models.Index(fields=["created_at"], name="idempotency_record_by_age")]


class RateWindow(TenantRow):
    """How often a key was used for one kind of call in one minute."""

    pk = models.CompositePrimaryKey("merchant_id", "secret_key_id", "lane", "starts_at")
    secret_key_id = models.UUIDField()
    lane = models.CharField(max_length=16)
    starts_at = models.DateTimeField()
    count = models.IntegerField(default=0)
