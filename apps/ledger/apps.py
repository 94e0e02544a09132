from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LedgerConfig(AppConfig):
    name = "apps.ledger"

    def ready(self) -> None:
        # Every app that has something to prove states it in its `invariants` (apps.ledger.audit).
        autodiscover_modules("invariants")
