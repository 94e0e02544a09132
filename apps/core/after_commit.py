"""How code below reaches work above: by name, and only once what it is about is committed.

The broker is a hint that makes things prompt. Whatever is due also stands in a table, where a
sweep finds it, so a broker that is down or was wiped costs latency and nothing else.
"""

import logging
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def after_commit(task: str, **kwargs: Any) -> None:
    """Ask for `task` to run soon after the current transaction commits; never fails the caller."""
    transaction.on_commit(lambda: _send(task, kwargs))


def _send(task: str, kwargs: dict[str, Any]) -> None:
    try:
        current_app.send_task(task, kwargs=kwargs, retry=False, ignore_result=True)
    except (OperationalError, OSError) as unreachable:
        log.warning("The broker did not take %s (%s); the next sweep will do it.", task, unreachable)
