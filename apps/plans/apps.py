from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "apps.plans"

    def ready(self) -> None:
        from apps.merchants.opening import when_opened
        from apps.plans.catalogue import ensure_free_plan

        when_opened(ensure_free_plan)
