"""The one admin site: who gets in, how they switch merchants, and the pages that are not a table's."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import Resolver404, URLPattern, path, resolve, reverse
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from apps.core import clock
from apps.dashboard.charts import revenue_charts
from apps.dashboard.overview import overview_of
from apps.dashboard.quick_search import found_by
from apps.merchants.acting import has_merchant, merchant_of, merchants_of, one_of_theirs, switch_to


class Dashboard(UnfoldAdminSite):
    """The merchant's home, on the Django admin."""

    site_title = "Lava"
    site_header = "Lava"
    index_title = "Overview"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Members of a merchant, and platform staff."""
        return bool(request.user.is_active) and has_merchant(request)

    def extra_urls(self) -> list[URLPattern]:
        """Pages that are not a table's."""
        return [path("switch/", self.admin_view(require_POST(self.switch)), name="switch")]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the shell around every page shows."""
        context = super().each_context(request)
        if has_merchant(request):
            context["merchant"] = merchant_of(request)
            context["merchants"] = merchants_of(request)
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The overview."""
        overview = overview_of(merchant_of(request), now=clock.now())
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "section": self.index_title,
            "overview": overview,
            "charts": revenue_charts(overview.days, currency=overview.currency),
        }
        return TemplateResponse(request, "dashboard/overview.html", context)

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        """An app has no page of its own; its first table does."""
        apps = self.get_app_list(request, app_label)
        if not apps:
            raise Http404
        return redirect(apps[0]["models"][0]["admin_url"])

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Signing in is allauth's; whoever is signed in but belongs to no merchant is told so."""
        if request.user.is_authenticated and not self.has_permission(request):
            return render(request, "dashboard/no_merchant.html", status=403)
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Passwords are allauth's too."""
        return redirect("account_change_password")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out, and be where one can sign in again."""
        logout(request)
        return redirect("account_login")

    def switch(self, request: HttpRequest) -> HttpResponse:
        """Act for another merchant, or for the other of live and sandbox, on the same kind of page."""
        merchant = one_of_theirs(request, [request.POST.get("merchant")])
        if merchant is None:
            raise Http404
        switch_to(request, merchant)
        return redirect(same_kind_of_page(request.POST.get("from", "")))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What Ctrl+K finds: only of this merchant, and never from a cache that another one shares."""
        results = found_by(merchant_of(request), request.GET.get("s", "").strip())
        return TemplateResponse(request, "dashboard/_search_results.html", {"results": results})


def same_kind_of_page(address: str) -> str:
    """The page that both merchants have: a list stays a list, one object becomes its list."""
    try:
        match = resolve(address.partition("?")[0])
    except Resolver404:
        return reverse("admin:index")
    if match.namespace != "admin" or match.url_name is None:
        return reverse("admin:index")
    if "object_id" not in match.kwargs:
        return reverse(match.view_name)
    model_admin = getattr(match.func, "model_admin", None)
    return model_admin.list_url() if model_admin is not None else reverse("admin:index")
