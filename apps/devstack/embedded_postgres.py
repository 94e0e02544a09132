"""How does a PostgreSQL of our own come up, stay ours and go down again?

It is an ordinary, durable PostgreSQL: the wheel's programs, a password for every connection, and one
role without special rights, `lava`, that owns the application's database. `make run` supervises one;
`with_postgres.py` lends one to a single command.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql

from apps.devstack import processes
from apps.devstack.errors import CannotStart
from apps.devstack.folder_lock import FolderLock, folder_lock
from apps.devstack.local_secrets import local_secrets
from apps.devstack.postgres_home import REFUGE, Home, find_home
from apps.devstack.postgres_settings import memory_bytes, server_settings
from apps.devstack.postmaster import Postmaster, remove_stale_pid_file, running_postmaster

HOST = "127.0.0.1"
APPLICATION_ROLE = APPLICATION_DATABASE = "lava"
SUPERUSER = "postgres"
# Nothing of ours reaches it by environment: PGPORT, PGDATA and LANG would change what it does.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
# Replaying the log after a crash can take minutes; a server that is alive is given them.
READY_WITHIN_SECONDS = 600.0
STOPPED_WITHIN_SECONDS = 60.0
RESTARTED_WITHIN_SECONDS = 30.0
# What a killed server leaves behind ends within moments; until then a new one declines to start.
LEFTOVERS_GONE_WITHIN_SECONDS = 10.0
LEFTOVERS = "is still in use"
LOG_BYTES_MAX = 10_000_000


class DataTooNew(CannotStart):
    """A newer PostgreSQL than ours wrote the data."""


class DataTooOld(CannotStart):
    """An older major version of PostgreSQL wrote the data."""


class DataInUse(CannotStart):
    """Another command is using the same data at this moment."""


class PostgresFailed(CannotStart):
    """PostgreSQL or its initdb ended with an error; the message carries its last words."""


class EmbeddedPostgres:
    """The cluster in the folder `root`: its data, passwords and log. `durable=False` is for tests only."""

    def __init__(self, root: Path, *, durable: bool = True, port: int | None = None, refuge: Path = REFUGE) -> None:
        self.root = root.absolute()
        self.log = self.root / "server.log"
        self._durable = durable
        self._wanted_port = port
        self._refuge = refuge
        self._process: subprocess.Popen[bytes] | None = None

    # --- What it is -------------------------------------------------------------------------------

    @cached_property
    def home(self) -> Home:
        """Where its data and programs are, and as whom it runs."""
        return find_home(self.root, refuge=self._refuge)

    @cached_property
    def port(self) -> int:
        """The port it listens on: the one asked for, or that of last time if it is still free."""
        if running := self.running():
            return running.port
        if self._wanted_port is not None:
            return self._wanted_port
        remembered = self.root / "port"
        port = _free_port(preferred=int(remembered.read_text()) if remembered.exists() else 0)
        remembered.write_text(f"{port}\n")
        return port

    def url(self, *, database: str = APPLICATION_DATABASE, superuser: bool = False) -> str:
        """The address of a database for the application's role, or for the superuser."""
        role = SUPERUSER if superuser else APPLICATION_ROLE
        return f"postgresql://{role}:{self._passwords[role]}@{HOST}:{self.port}/{quote(database)}"

    def program(self, name: str) -> Path:
        """One of PostgreSQL's own programs, such as `psql` or `pgbench`."""
        return self.home.programs.path(name)

    def running(self) -> Postmaster | None:
        """Its server, if one runs: ours, or one that an earlier command left behind."""
        return running_postmaster(self.home.data)

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        running = self.running()
        return running is not None and running.is_ready

    # --- For commands that need it for a while ----------------------------------------------------

    @contextmanager
    def borrowed(self) -> Iterator[str]:
        """Have it running while the block lasts. Of several borrowers at once, the last one stops it."""
        with self._lock("door") as door, self._lock("users") as users:
            door.alone()
            is_first = users.try_alone()
            users.together()
            if not is_first:
                self._wait_for_whoever_runs_it()
            url = self.start()
            door.release()
            try:
                yield url
            finally:
                door.alone()
                if users.try_alone():
                    self.stop()

    @contextmanager
    def claimed(self) -> Iterator[FolderLock]:
        """Be the one who runs it: nobody else does, and borrowers wait until we hold the lock `together`.

        Stops a server that somebody left behind. Raises `DataInUse` while others are using the data.
        """
        with self._lock("users") as users:
            if not users.try_alone():
                raise DataInUse(f"Another command is using {self.root}. Try again when it has ended.")
            self.stop()
            yield users

    def start(self) -> str:
        """Have it running and ready, and return the application's URL.

        A server of this data that runs already is used as it is. A new one runs until `stop()`, also when
        we end before that.
        """
        self.prepare()
        if not (self.running() and self._becomes_ready()):
            self._launch_and_log()
        self.ensure_database()
        return self.url()

    def stop(self) -> None:
        """Disconnect everybody, write everything and end; nothing happens when it does not run."""
        running = self.running()
        politely, patience = signal.SIGINT, STOPPED_WITHIN_SECONDS
        if self._process is not None:
            processes.end(self._process, politely=politely, within_seconds=patience)
            self._process = None
        elif running is not None:
            processes.end_by_number(running.pid, politely=politely, within_seconds=patience)

    # --- Step by step, for the supervisor ---------------------------------------------------------

    def prepare(self) -> None:
        """Have programs and data in place; refuses data of another major version."""
        if not self.home.data.exists():
            self._initialise()
        self._check_version()

    def launch(
        self, output: int | IO[bytes], *, signal_when_we_die: signal.Signals | None = signal.SIGINT
    ) -> subprocess.Popen[bytes]:
        """Start the server in the foreground, logging to `output`; it is ready some time later."""
        remove_stale_pid_file(self.home.data)
        settings = server_settings(memory=memory_bytes(), durable=self._durable, has_lz4=self.home.programs.has_lz4())
        addresses = {"listen_addresses": HOST, "port": str(self.port), "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in (settings | addresses).items()]
        return processes.spawn(
            [self.program("postgres"), "-D", self.home.data, *options],
            output=output,
            environment=ENVIRONMENT,
            account=self.home.account,
            signal_when_we_die=signal_when_we_die,
        )

    def ensure_database(self) -> None:
        """Have the application's role and its database; also completes a first start that was interrupted."""
        try:
            connection = psycopg.connect(self.url(database="postgres", superuser=True), autocommit=True)
        except psycopg.OperationalError as problem:
            raise PostgresFailed(f"PostgreSQL runs but does not let us in. {problem}") from None
        with connection:
            _make_role(connection, password=self._passwords[APPLICATION_ROLE])
            _make_database(connection)

    # --- How --------------------------------------------------------------------------------------

    @contextmanager
    def _lock(self, name: str) -> Iterator[FolderLock]:
        assert self.home  # makes the folder
        with folder_lock(self.root / f"{name}.lock") as lock:
            yield lock

    @cached_property
    def _passwords(self) -> dict[str, str]:
        """Made up once, readable by the one who starts it and nobody else."""
        return local_secrets(
            self.root / "passwords.json",
            made_by=dict.fromkeys((SUPERUSER, APPLICATION_ROLE), lambda: secrets.token_urlsafe(24)),
        )

    def _initialise(self) -> None:
        """Make the data folder; it gets its name only when it is complete."""
        data = self.home.data
        unfinished = data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._hand_over(unfinished)
        with self._password_file() as password_file:
            self._initdb(unfinished, password_file)
        unfinished.rename(data)

    def _initdb(self, folder: Path, password_file: Path) -> None:
        account = self.home.account
        made = subprocess.run(
            [
                *(self.program("initdb"), "--pgdata", folder, "--pwfile", password_file),
                *("--username", SUPERUSER, "--auth", "scram-sha-256", "--data-checksums"),
                # Sorts bytewise and knows all of Unicode, the same on every machine, whatever its locales.
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C"),
                *([] if self._durable else ["--no-sync"]),
            ],
            cwd="/",
            env=ENVIRONMENT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise PostgresFailed(f"PostgreSQL could not make its data folder:\n{made.stderr.strip()}")

    @contextmanager
    def _password_file(self) -> Iterator[Path]:
        """The superuser's password where initdb can read it, for as long as it does."""
        with tempfile.NamedTemporaryFile("w", dir=self.home.data.parent, prefix=".initdb-") as stream:
            stream.write(self._passwords[SUPERUSER])
            stream.flush()
            self._hand_over(Path(stream.name))
            yield Path(stream.name)

    def _hand_over(self, path: Path) -> None:
        if account := self.home.account:
            os.chown(path, account.uid, account.gid)

    def _check_version(self) -> None:
        programs, data = self.home.programs, self.home.data
        written_by = int((data / "PG_VERSION").read_text())
        if written_by == programs.major:
            return
        what = f"{data} was written by PostgreSQL {written_by}; this version of Lava brings {programs.version}."
        afresh = f"To begin afresh: mv {data} {data}.{written_by}"
        if written_by > programs.major:
            raise DataTooNew(f"{what}\nStart it with the version of Lava that wrote it. {afresh}")
        raise DataTooOld(
            f"{what}\nTo take it along: start the version of Lava that wrote it and make a dump with "
            f"pg_dump --no-owner; then begin afresh here and read the dump with psql.\n{afresh}"
        )

    def _launch_and_log(self) -> None:
        """Start the server, again if need be while what a killed one left behind comes to its end."""
        deadline = time.monotonic() + LEFTOVERS_GONE_WITHIN_SECONDS
        while True:
            with self._open_log() as log:
                self._process = self.launch(log, signal_when_we_die=None)
            if self._becomes_ready():
                return
            last_words = self._last_words()
            if LEFTOVERS not in last_words or time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL did not start. The end of {self.log}:\n\n{last_words}")

    def _wait_for_whoever_runs_it(self) -> None:
        """Leave it to a supervisor to start a server that has just died: two would be in each other's way."""
        deadline = time.monotonic() + RESTARTED_WITHIN_SECONDS
        while not self.is_ready() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _becomes_ready(self) -> bool:
        """Wait for the server that is starting; False when it ended instead."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while self._is_alive():
            if self.is_ready():
                return True
            if time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL does not get ready; {self.log} may say why.")
            time.sleep(0.005)
        return False

    def _is_alive(self) -> bool:
        return self._process.poll() is None if self._process else self.running() is not None

    def _open_log(self) -> IO[bytes]:
        """The log, to append to; it starts over when it has grown large."""
        too_large = self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX
        how = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if too_large else os.O_APPEND)
        return os.fdopen(os.open(self.log, how, 0o600), "wb")  # statements in it may hold anything

    def _last_words(self, lines: int = 10) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _make_role(connection: psycopg.Connection, *, password: str) -> None:
    """The role may make databases, because tests make theirs; it may not do anything else."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE]).fetchone():
        return
    # Only the hash travels: a statement that fails is written to the log.
    role = APPLICATION_ROLE
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed.decode()))
    )


def _make_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [APPLICATION_DATABASE]).fetchone():
        return
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(
            sql.Identifier(APPLICATION_DATABASE), sql.Identifier(APPLICATION_ROLE)
        )
    )


def _free_port(*, preferred: int) -> int:
    """`preferred` if nobody listens on it, otherwise one that the kernel picks."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise PostgresFailed(f"No port is free on {HOST}.")
