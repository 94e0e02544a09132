"""Every page."""

from django.urls import include, path

urlpatterns = [
    path("v1/", include("lava.api_urls")),
]
