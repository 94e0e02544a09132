"""Which parts make up Lava on one machine, and how is each of them started?"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from apps.devstack import processes
from apps.devstack.embedded_postgres import STOPPED_WITHIN_SECONDS, EmbeddedPostgres
from apps.devstack.local_secrets import local_secrets
from apps.devstack.supervisor import Part

PROJECT = Path(__file__).resolve().parent.parent.parent
# Everything that is not code: data, passwords, logs.
FOLDER = Path(os.environ.get("LAVA_FOLDER") or PROJECT / ".lava").absolute()
HOST = "127.0.0.1"
# The worker answers no requests; that this file is there says that it has begun to take tasks.
WORKER_READY = FOLDER / "worker-ready"


def make_folder() -> None:
    """Make the folder if it is missing; PostgreSQL's account must be able to enter it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o755)


def environment(*, database_url: str, port: int) -> dict[str, str]:
    """What web, worker and manage.py read their settings from; what the user set stays as it is."""
    made_up = local_secrets(
        FOLDER / "secrets.json",
        made_by={
            "LAVA_SECRET_KEY": lambda: secrets.token_urlsafe(48),
            "LAVA_KEY_PEPPER": lambda: secrets.token_urlsafe(48),
        },
    )
    defaults = {
        "DJANGO_SETTINGS_MODULE": "lava.settings",
        "LAVA_BASE_URL": f"http://{HOST}:{port}",
        "LAVA_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        # Nothing is collected into one folder here: static files are served from where they are written.
        "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
    }
    chosen = {name: value for name, value in os.environ.items() if value}
    return defaults | made_up | chosen | {"DATABASE_URL": database_url}


def postgres_part(postgres: EmbeddedPostgres) -> Part:
    """The embedded database."""
    return Part(
        name="postgres",
        launch=postgres.launch,
        stop_signal=signal.SIGINT,  # its fast shutdown; SIGTERM would wait until every client has left
        stops_within_seconds=STOPPED_WITHIN_SECONDS,
    )


def setup_part(settings: Mapping[str, str]) -> Part:
    """The step that brings the schema up to date and makes the sandbox merchant."""
    return _python_part("setup", settings, "apps.devstack.migrate_and_seed", str(FOLDER))


def web_part(settings: Mapping[str, str], *, port: int) -> Part:
    """Dashboard, checkout and API."""
    return _python_part(
        "web",
        settings,
        "uvicorn",
        "lava.asgi:application",
        *("--host", HOST, "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--log-level", "warning", "--timeout-graceful-shutdown", "5"),
    )


def worker_part(settings: Mapping[str, str]) -> Part:
    """Renewals, rollovers and everything else that happens by the clock."""
    WORKER_READY.unlink(missing_ok=True)
    return _python_part("worker", settings, "apps.devstack.worker", str(FOLDER / "beat-schedule"), str(WORKER_READY))


def _python_part(name: str, settings: Mapping[str, str], module: str, *arguments: str) -> Part:
    def launch(output: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *arguments]
        return processes.spawn(command, output=output, environment=settings, directory=PROJECT)

    return Part(name=name, launch=launch)
