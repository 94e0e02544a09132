from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "apps.plans"

    def ready(self) -> None:
        # Models may be imported only now, when Django has loaded them all.
        from apps.merchants.opening import when_opened  # noqa: PLC0415
        from apps.plans.catalogue import ensure_free_plan  # noqa: PLC0415

        when_opened(ensure_free_plan)
