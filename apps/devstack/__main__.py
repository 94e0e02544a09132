"""`python -m apps.devstack`: what `make run` does.

`run` tells the story of a start: look whether it can work, start PostgreSQL, migrate and seed, start web
server and worker, wait until they are healthy, say where everything is, and keep it all running.
`python -m apps.devstack manage COMMAND` runs one manage.py command on the same data, `seed` the seed alone.
"""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from apps.devstack import preflight
from apps.devstack.embedded_postgres import EmbeddedPostgres
from apps.devstack.errors import CannotStart
from apps.devstack.folder_lock import FolderLock, folder_lock
from apps.devstack.roll import Roll
from apps.devstack.stack import (
    FOLDER,
    HOST,
    PROJECT,
    WORKER_READY,
    environment,
    make_folder,
    postgres_part,
    setup_part,
    web_part,
    worker_part,
)
from apps.devstack.supervisor import StopAsked, Supervisor
from apps.devstack.terminal import say, show_box
from apps.devstack.with_postgres import run_in_foreground

HEALTHY_WITHIN_SECONDS = 60.0


class AlreadyRunning(CannotStart):
    """Lava was started from this folder and has not been stopped."""


class NotHealthy(CannotStart):
    """Web server and worker run, but one of them does not report itself ready."""


def main(arguments: Sequence[str]) -> int:
    """Do what is asked and return the exit code."""
    preflight.check_python()
    make_folder()
    match list(arguments):
        case []:
            return run()
        case ["seed", *options]:
            return run_command([sys.executable, "-m", "apps.devstack.migrate_and_seed", str(FOLDER), *options])
        case ["manage", *command]:
            return run_command([sys.executable, str(PROJECT / "manage.py"), *command])
    raise CannotStart("Usage: python -m apps.devstack [seed | manage COMMAND…]; see make help.")


def run() -> int:
    """Start everything, and keep it running until Ctrl-C."""
    port = preflight.wanted_port()
    with only_start() as roll:
        preflight.check_port_is_free(HOST, port)
        if redis_url := os.environ.get("REDIS_URL"):
            preflight.check_redis(redis_url)
        if database_url := os.environ.get("DATABASE_URL"):
            preflight.check_database(database_url)
            with Supervisor(roll=roll) as supervisor:
                start_and_watch(supervisor, lambda: database_url, port=port)
        else:
            postgres = EmbeddedPostgres(FOLDER / "postgres")
            with postgres.claimed() as users, Supervisor(roll=roll) as supervisor:
                start_and_watch(supervisor, partial(start_postgres, supervisor, postgres, users), port=port)
    say("Stopped.")
    return 0


@contextmanager
def only_start() -> Iterator[Roll]:
    """Be the only start of this folder, with what an earlier one left behind out of the way."""
    with folder_lock(FOLDER / "run.lock") as lock:
        if not lock.try_alone():
            raise AlreadyRunning(f"Lava already runs from {PROJECT}. Stop it there first, with Ctrl-C.")
        roll = Roll(FOLDER / "parts.json")
        for name in roll.stop_left_over():
            say(f"Stopped {name}, which an earlier start had left behind.")
        yield roll


def start_and_watch(supervisor: Supervisor, database: Callable[[], str], *, port: int) -> None:
    """Start what stands on the database, say where everything is, and look after it until asked to stop."""
    began = time.monotonic()
    try:
        settings = environment(database_url=database(), port=port)
        say("Bringing the database up to date; the first time, a sandbox merchant gets its history.")
        sandbox = json.loads(supervisor.complete(setup_part(settings)))
        supervisor.start(web_part(settings, port=port))
        supervisor.start(worker_part(settings))
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        supervisor.run_until(partial(is_healthy, port=port, deadline=deadline))
        introduce(sandbox, base_url=settings["LAVA_BASE_URL"], seconds=time.monotonic() - began)
        supervisor.run()
    except StopAsked:
        say("Stopping.")


def start_postgres(supervisor: Supervisor, postgres: EmbeddedPostgres, users: FolderLock) -> str:
    """Start the embedded database under supervision, and return its URL once it takes connections."""
    postgres.prepare()
    supervisor.start(postgres_part(postgres))
    supervisor.run_until(postgres.is_ready)
    postgres.ensure_database()
    users.together()  # from here on `make audit` and the like may use it as well
    return postgres.url()


def is_healthy(*, port: int, deadline: float) -> bool:
    """Whether the worker takes tasks and the web server answers. Raises `NotHealthy` after the deadline."""
    if time.monotonic() > deadline:
        who = f"http://{HOST}:{port}/readyz" if WORKER_READY.exists() else "The worker"
        raise NotHealthy(f"{who} was not ready within {HEALTHY_WITHIN_SECONDS:g} s.")
    if not WORKER_READY.exists():
        return False
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def introduce(sandbox: Mapping[str, str], *, base_url: str, seconds: float) -> None:
    """Say where everything is, and how to call it."""
    show_box(
        f"Lava is ready ({seconds:.1f} s). Ctrl-C stops it.",
        [
            ("Dashboard", f"{base_url}/"),
            ("  email", sandbox["email"]),
            ("  password", sandbox["password"]),
            ("API", f"{base_url}/v1"),
            ("  secret key", sandbox["secret_key"]),
            ("  reference", f"{base_url}/v1/docs"),
        ],
        below=[f'curl {base_url}/v1/customers -H "Authorization: Bearer {sandbox["secret_key"]}"'],
    )


def run_command(command: Sequence[str]) -> int:
    """Run one command with the settings and the database of `make run`, whether that is running or not."""
    port = preflight.wanted_port()
    if database_url := os.environ.get("DATABASE_URL"):
        preflight.check_database(database_url)
        return run_in_foreground(command, environment=environment(database_url=database_url, port=port))
    with EmbeddedPostgres(FOLDER / "postgres").borrowed() as url:
        return run_in_foreground(command, environment=environment(database_url=url, port=port))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as refusal:
        sys.exit(f"\n{refusal}\n")
    except KeyboardInterrupt:  # before there was anything to stop
        sys.exit(130)
