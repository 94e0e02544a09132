from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        # Every app that has something to show at /metrics states it in its `gauges` (apps.core.metrics).
        autodiscover_modules("gauges")
