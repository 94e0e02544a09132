"""The Celery app and everything that runs by the clock, on one screen."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lava.settings")

app = Celery("lava")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect
def schedule(sender: Celery, **_: object) -> None:
    """Fill the beat schedule. Any number of beats is harmless: every task claims rows before it works."""
    every = float(settings.SWEEP_SECONDS)
    sender.conf.beat_schedule = {
        "renew what is due": {"task": "subscriptions.renew_due", "schedule": every},
        "expire what is over": {"task": "ledger.expire_due", "schedule": every},
        "release holds nobody came back for": {"task": "ledger.release_expired_holds", "schedule": every},
        "prove the books": {"task": "ledger.audit_books", "schedule": 300.0},
        "forget old idempotency keys": {"task": "merchants.forget_old_idempotency_keys", "schedule": 3600.0},
    }
