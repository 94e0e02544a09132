from django.apps import AppConfig
from django.contrib.admin import apps as admin


class DashboardConfig(AppConfig):
    name = "apps.dashboard"
    default = True


class DashboardAdminConfig(admin.AdminConfig):
    """Django's admin with our site as the one that `@admin.register` means."""

    default = False
    default_site = "apps.dashboard.site.Dashboard"
