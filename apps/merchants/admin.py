"""The pages about the merchant itself: the keys of its applications, its team, and for platform staff all merchants."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core import clock, markup
from apps.merchants.acting import merchant_of
from apps.merchants.models import Member, Merchant, SecretKey, User
from apps.merchants.opening import open_merchant
from apps.merchants.roles import Right, Role
from apps.merchants.scoped_admin import ObjectAction, RefusableForm, ScopedAdmin, become, object_action
from apps.merchants.secret_keys import create_secret_key, revoke_secret_key
from apps.merchants.team import add_member, change_role, remove_member

ROLES: Final = {
    Role.OWNER: "Owner: everything, and who else is an owner",
    Role.ADMIN: "Admin: everything but owners",
    Role.DEVELOPER: "Developer: meters, plans, customers, API keys",
    Role.SUPPORT: "Support: customers and their credits",
    Role.FINANCE: "Finance: credits",
    Role.VIEWER: "Viewer: looks only",
}


class SecretKeyForm(RefusableForm):
    """What a new key is for."""

    class Meta:
        model = SecretKey
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Production server"})}
        help_texts = {"name": "Which application uses it. One key for each makes revoking one harmless."}


@admin.register(SecretKey)
class SecretKeyAdmin(ScopedAdmin):
    """API keys: made, shown once, revoked. Only for those who manage them."""

    section = "API keys"
    empty_list = "Your application needs a key to report usage. It is shown once, when you make it."
    noun = "API key"
    compressed_fields = True
    edit_right = Right.MANAGE_KEYS
    form = SecretKeyForm
    list_display = ("name", "shown_key", "status", "made", "last_used")
    list_select_related = ("created_by",)
    ordering = ("revoked_at", "-created_at")
    actions_detail = ("revoke",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_manage_keys_permission(request)

    has_module_permission = has_view_permission

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is made and revoked; nothing about it changes in between."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ("name", "shown_key", "status", "made", "last_used") if obj else ("name",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "shown_key", "status", "made", "last_used") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = [] if obj else ["name"]
        return super().get_form(request, obj, change=change, **kwargs)

    @admin.display(description="Key")
    def shown_key(self, key: SecretKey) -> SafeString:
        return markup.code(f"aks_{key.merchant.mode}_…{key.last_four}")

    @admin.display(description="Status")
    def status(self, key: SecretKey) -> SafeString:
        return markup.pill("active", "good") if key.revoked_at is None else markup.pill("revoked")

    @admin.display(description="Made", ordering="created_at")
    def made(self, key: SecretKey) -> SafeString:
        return markup.by(key.created_at, str(key.created_by) if key.created_by else "")

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, key: SecretKey) -> str | SafeString:
        return markup.moment(key.last_used_at) if key.last_used_at else "never"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the key; its text goes to the next page and nowhere else."""
        assert isinstance(request.user, User)
        key, text = create_secret_key(
            merchant=merchant_of(request), name=form.cleaned_data["name"], at=clock.now(), created_by=request.user
        )
        become(obj, key)
        request.new_key = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: SecretKey, post_url_continue: str | None = None) -> Any:
        """The one page that ever shows the key: it is answered to the POST, so no address leads back to it."""
        context = {
            **self.admin_site.each_context(request),
            **self._trail(),
            "title": obj.name,
            "key": obj,
            "text": request.new_key,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "merchants/new_secret_key.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @object_action("Revoke…", path="revoke", right=Right.MANAGE_KEYS)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a key stop working."""
        key = self.get_object_or_404(request, object_id)
        return self.act(request, object_id, _revocation(key))


def _revocation(key: SecretKey) -> ObjectAction:
    class NameAgain(forms.Form):
        name = forms.CharField(
            label=f"Type the key's name, {key.name}, to revoke it",
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        )

        def clean_name(self) -> str:
            name: str = self.cleaned_data["name"]
            if name.strip() != key.name:
                raise forms.ValidationError("That is not the key's name.")
            return name

    return ObjectAction(
        title="Revoke API key",
        button="Revoke key",
        perform=_revoke,
        form=NameAgain,
        explanation="Applications that use this key are refused within a second. It cannot be undone.",
        is_dangerous=True,
    )


def _revoke(request: HttpRequest, key: SecretKey, data: dict[str, Any]) -> str:
    revoke_secret_key(key=key, at=clock.now())
    return f"{key.name} is revoked."


class MemberForm(RefusableForm):
    """Who, and as what."""

    refused_fields = {"already_member": "email", "last_owner": "role", "owners_only": "role"}

    email = forms.EmailField(
        label="E-mail", widget=UnfoldAdminEmailInputWidget(attrs={"placeholder": "ada@example.com"})
    )
    role = forms.ChoiceField(
        label="Role",
        choices=[(role.value, words) for role, words in ROLES.items()],
        initial=Role.VIEWER.value,
        widget=UnfoldAdminSelectWidget(),
    )

    class Meta:
        model = Member
        fields = ("role",)


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    """The team, which a merchant and its sandbox share."""

    section = "Team"
    edit_right = Right.MANAGE_TEAM
    form = MemberForm
    list_display = ("email", "shown_role", "last_seen", "joined")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("created_at",)
    actions_detail = ("set_password_link", "remove")

    def get_queryset(self, request: HttpRequest) -> Any:
        """People belong to the live merchant, whichever of the two is on screen."""
        merchant = merchant_of(request)
        account = merchant.live or merchant
        return Member.objects.for_merchant(account).select_related("user")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ("email", "role")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("email",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = ["role"]
        return super().get_form(request, obj, change=change, **kwargs)

    @admin.display(description="E-mail", ordering="user__email")
    def email(self, member: Member) -> str:
        return member.user.email

    @admin.display(description="Role")
    def shown_role(self, member: Member) -> SafeString:
        return markup.pill(member.role, "accent" if member.role == Role.OWNER else "")

    @admin.display(description="Last seen", ordering="user__last_login")
    def last_seen(self, member: Member) -> str | SafeString:
        return markup.moment(member.user.last_login) if member.user.last_login else "never"

    @admin.display(description="Joined", ordering="created_at")
    def joined(self, member: Member) -> SafeString:
        return markup.day(member.created_at)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Add a person, or change a role."""
        by: Member = request.member  # type: ignore[attr-defined]
        role = Role(form.cleaned_data["role"])
        if change:
            become(obj, change_role(member=obj, role=role, by=by))
            return
        email = form.cleaned_data["email"]
        become(obj, add_member(merchant=merchant_of(request), email=email, role=role, by=by, at=clock.now()))
        if not obj.user.has_usable_password():
            messages.info(request, f"{email} has no password yet: send them the link from their page.")

    @object_action("Password link…", path="password-link", right=Right.MANAGE_TEAM)
    def set_password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a link with which a person who never signed in chooses a password."""
        member = self.get_object_or_404(request, object_id)
        if member.user.last_login is not None:
            messages.error(request, f"{member.user.email} has signed in before and can reset the password alone.")
            return HttpResponseRedirect(self.url_of(member))
        context = {
            **self.admin_site.each_context(request),
            **self._trail(),
            "title": member.user.email,
            "back_url": self.url_of(member),
            "link": request.build_absolute_uri(_password_link(member.user)),
        }
        return TemplateResponse(request, "merchants/password_link.html", context)

    @object_action("Remove…", path="remove", right=Right.MANAGE_TEAM)
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a member go."""
        return self.act(request, object_id, REMOVE)


def _password_link(user: User) -> str:
    token = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": token})


def _remove(request: HttpRequest, member: Member, data: dict[str, Any]) -> str:
    remove_member(member=member, by=request.member)  # type: ignore[attr-defined]
    return f"{member.user.email} is no longer on the team."


REMOVE: Final = ObjectAction(
    title="Remove from the team",
    button="Remove",
    perform=_remove,
    explanation="They can no longer open this merchant, live or sandbox. What they did stays in the books.",
    is_dangerous=True,
    leads_to_list=True,
)


class MerchantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new merchant's name."""

    class Meta:
        model = Merchant
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget(attrs={"placeholder": "Acme"})}
        help_texts = {"name": "It opens with a sandbox of its own and a Free plan in both."}


@admin.register(Merchant)
class MerchantAdmin(ModelAdmin):
    """All merchants, for platform staff: opened here, and from here acted for."""

    form = MerchantForm
    list_display = ("name", "shown_id", "currency", "time_zone", "opened")
    search_fields = ("name",)
    ordering = ("name",)
    actions = None
    change_form_template = "merchants/merchant.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(live__isnull=True).select_related("sandbox")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Id")
    def shown_id(self, merchant: Merchant) -> SafeString:
        return markup.copyable(merchant.public_id)

    @admin.display(description="Opened", ordering="created_at")
    def opened(self, merchant: Merchant) -> SafeString:
        return markup.day(merchant.created_at)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Open the merchant and its sandbox."""
        become(obj, open_merchant(name=form.cleaned_data["name"], at=clock.now()))
