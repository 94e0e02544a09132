"""Whether this process is alive, and whether it is ready to serve."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process answers. It asks nobody else, so that no outage elsewhere gets it restarted."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """GET /readyz: the database answers and has the schema this code needs; otherwise 503 and what is missing.

    A broker that is down does not count: it makes things prompt, and nothing waits for it.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        behind = _migrations_behind()
    except DatabaseError:
        return _unavailable("The database does not answer.")
    if behind:
        return _unavailable(f"{behind} migrations are not applied; run `manage.py migrate`.")
    return JsonResponse({"status": "ready"})


_migrated = False


def _migrations_behind() -> int:
    """How many migrations are not applied. Once that is none it stays none, so it is looked up no more."""
    global _migrated
    if _migrated:
        return 0
    executor = MigrationExecutor(connection)
    behind = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    _migrated = not behind
    return behind


def _unavailable(missing: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "missing": missing}, status=503)
