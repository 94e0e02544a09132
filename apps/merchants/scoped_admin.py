"""The admin of a tenant's table: one merchant's rows, and what the member's role lets them do.

Every page of the dashboard that shows rows goes through here, so that three promises are kept in one place:
rows of other merchants do not exist (404), writing needs a `Right`, and what is written goes through the app's
own functions, whose refusals come back as errors of the form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from apps.core.errors import LavaError
from apps.core.public_ids import MODES, parse_public_id
from apps.merchants.acting import has_merchant, may_do, merchant_of, one_of_theirs, switch_to
from apps.merchants.models import Merchant
from apps.merchants.roles import Right
from apps.merchants.tenancy import TenantModel

ObjectView = TypeVar("ObjectView", bound=Callable[..., HttpResponse])


class RefusableForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose data were refused further down shows why, beside the field it is about.

    A new row belongs to `merchant` from the start.
    """

    merchant: ClassVar[Merchant | None] = None
    refusal: ClassVar[LavaError | None] = None
    refused_fields: ClassVar[dict[str, str]] = {}
    """Which field a refusal's code is about; others are shown above the form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("instance") is None and self.merchant is not None:
            kwargs["instance"] = self._meta.model(merchant=self.merchant)
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            field = self.refused_fields.get(self.refusal.code)
            self.add_error(field if field in self.fields else None, str(self.refusal))
        return cleaned


@dataclass(frozen=True, slots=True)
class ObjectAction:
    """Something to do to one object, after a page that says what will happen and asks what it needs to know.

    `perform` gets the request, the object and the form's data, and returns what to tell the person. What it
    refuses (LavaError) is shown on the form.
    """

    title: str
    button: str
    perform: Callable[[HttpRequest, Any, dict[str, Any]], str]
    form: type[forms.Form] = forms.Form
    explanation: str = ""
    template: str = "merchants/object_action.html"
    is_dangerous: bool = False
    leads_to_list: bool = False
    """Afterwards the object has no page any more."""


def object_action(
    description: str, *, path: str, right: Right, is_main: bool = False
) -> Callable[[ObjectView], ObjectView]:
    """A button above an object's page, for those who have the right; `is_main` is the one thing most come to do."""
    variant = ActionVariant.PRIMARY if is_main else ActionVariant.DEFAULT

    def decorate(view: ObjectView) -> ObjectView:
        decorated: Any = action(
            view, description=description, url_path=path, permissions=[right.value], variant=variant
        )
        return cast("ObjectView", decorated)

    return decorate


class Scoped:
    """What admins and inlines of tenant tables share."""

    model: type[TenantModel]
    edit_right: ClassVar[Right | None] = None
    """The right to add and change rows here; None: nobody does it by hand."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.model.objects.for_merchant(merchant_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_merchant(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_merchant(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, self.edit_right)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, self.edit_right)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted by hand: it is archived, revoked or reversed, by an action that says so."""
        return False

    # `object_action` finds these by the names of the rights.
    def has_edit_catalogue_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, Right.EDIT_CATALOGUE)

    def has_edit_customers_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, Right.EDIT_CUSTOMERS)

    def has_move_credits_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, Right.MOVE_CREDITS)

    def has_manage_keys_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, Right.MANAGE_KEYS)

    def has_manage_team_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_do(request, Right.MANAGE_TEAM)


class RowsInUse(ChangeList):
    """The list without what was archived, which keeps its page: receipts and subscriptions lead there."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        return super().get_queryset(request, exclude_parameters).filter(deleted_at__isnull=True)


# unfold's mixins do not repeat the types of the Django classes they stand before.
class ScopedInline(Scoped, TabularInline):  # type: ignore[misc]
    """Rows of a tenant's table on the page of the row they belong to."""

    extra = 0


class ScopedAdmin(Scoped, ModelAdmin):  # type: ignore[misc]
    """The pages of one tenant table."""

    section: ClassVar[str] = ""
    """What the pages are called in the sidebar and above them."""
    noun: ClassVar[str] = ""
    """What one of them is called, where that is not the table's own word."""

    actions = None
    actions_detail: Sequence[str] = ()  # type: ignore[assignment]
    rows: ClassVar[type[ChangeList]] = ChangeList
    """The list itself; one that shows more than columns fetches it for a page of rows at once."""
    change_form_template = "merchants/scoped_form.html"
    empty_list: ClassVar[str] = "There is nothing here yet."
    """What to say while the table has no rows, and what to do about it."""
    compressed_fields = False
    list_filter_sheet = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # counting every choice of every filter reads all rows there are
    list_per_page = 50
    search_help_text = ""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """By its id, or by the public id that the API and support requests use."""
        parsed = self._parsed(object_id, merchant_of(request).mode) or object_id
        return super().get_object(request, str(parsed), from_field)

    def get_object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The merchant's object. Raises Http404."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return self.rows

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """What the admin finds, or the one row whose public id was typed in."""
        parsed = self._parsed(search_term.strip(), merchant_of(request).mode)
        if parsed is not None:
            return queryset.filter(pk=parsed), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under its section's name."""
        return super().changelist_view(request, {"title": self.section, **self._trail(), **(extra_context or {})})

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        """The form, told what was refused when its data were tried a moment ago."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, RefusableForm):
            form.merchant = merchant_of(request)
            form.refusal = getattr(request, "refusal", None)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show or save one object; a refusal has stored nothing and is shown on the form."""
        if object_id is None and request.method == "POST" and not self._is_for_this_merchant(request):
            return HttpResponseRedirect(request.get_full_path())
        context = {**self._trail(), **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except LavaError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, context)

    def act(self, request: HttpRequest, object_id: str, action: ObjectAction) -> HttpResponse:
        """Ask on a page of its own, then do it: one call, whose refusal is an error of the form."""
        obj = self.get_object_or_404(request, object_id)
        form = action.form(request.POST) if request.method == "POST" else action.form()
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    told = action.perform(request, obj, form.cleaned_data)
                    self.log_change(request, obj, action.title)
            except LavaError as refusal:
                form.add_error(None, ValidationError(str(refusal), code=refusal.code))
            else:
                messages.success(request, told)
                return HttpResponseRedirect(self.list_url() if action.leads_to_list else self.url_of(obj))
        context = {
            **self.admin_site.each_context(request),
            **self._trail(),
            "opts": self.opts,
            "original": obj,
            "object_title": self.title_of(obj),
            "title": action.title,
            "action": action,
            "form": form,
            "back_url": self.url_of(obj),
        }
        return TemplateResponse(request, action.template, context)

    def url_of(self, obj: models.Model) -> str:
        """The page of one object."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])

    def title_of(self, obj: Any) -> str:
        """What one object is called above its page."""
        return str(obj)

    def list_url(self) -> str:
        """The list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """One way to save: what it leads to is said by where one is afterwards."""
        obj = kwargs.get("obj")
        context["show_history"] = obj is not None and bool(self.edit_right or self.actions_detail)
        context["object_title"] = "" if obj is None else self.title_of(obj)
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False, "show_close": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def _trail(self) -> dict[str, Any]:
        """Where a page stands, for the line above it."""
        noun = self.noun or self.opts.verbose_name
        return {"section": self.section, "section_url": self.list_url(), "noun": noun}

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Another merchant's object does not exist; one of a merchant that is also theirs switches to it."""
        merchant = self._merchant_that_has(request, object_id) if request.method == "GET" else None
        if merchant is None:
            raise Http404
        switch_to(request, merchant)
        messages.info(request, f"You now act for {merchant}.")
        return HttpResponseRedirect(request.get_full_path())

    def _merchant_that_has(self, request: HttpRequest, object_id: str) -> Merchant | None:
        wanted = [self._parsed(object_id, mode) for mode in MODES]
        found = [parsed for parsed in wanted if parsed] or [object_id]
        try:
            owners = self.model.across_merchants.filter(pk__in=found).values_list("merchant_id", flat=True)
            return one_of_theirs(request, list(owners))
        except (ValidationError, ValueError):
            return None

    def _parsed(self, text: str, mode: str) -> Any:
        prefix = getattr(self.model, "public_prefix", "")
        return parse_public_id(prefix, mode, text) if prefix else None

    def _is_for_this_merchant(self, request: HttpRequest) -> bool:
        """Whether a form was opened for the merchant that is active now; another window may have switched."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        opened_for, now = request.POST.get("_merchant"), merchant_of(request)
        if opened_for in (None, now.public_id):
            return True
        messages.error(
            request, f"Nothing was saved: the form was opened for another merchant, and you act for {now} now."
        )
        return False


def become(obj: models.Model, made: models.Model) -> None:
    """Let the admin, which goes on with `obj`, see the row that a use case made or changed."""
    obj.__dict__.update(made.__dict__)
