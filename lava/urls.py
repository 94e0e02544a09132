"""Every page."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.core.health import healthz, readyz
from apps.core.metrics import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("dashboard", RedirectView.as_view(pattern_name="admin:index")),
    path("dashboard/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("v1/", include("lava.api_urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
