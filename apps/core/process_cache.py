"""What a process may remember of the configuration, and how it hears that it changed.

A charge needs its key, meter and plan, which rarely change; asking for them each time would cost
more than the charge. So a process remembers them, and triggers on those tables `NOTIFY` the
owner (a merchant's id) whose entries to forget. While the listener is known to hear, an entry is
kept for half a minute; otherwise for `settings.CACHE_SECONDS_UNHEARD`. Either way a revoked key
stops working everywhere within a second.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

log = logging.getLogger(__name__)

CHANNEL: Final = "lava_changes"
HEARD_SECONDS: Final = 30.0
# The listener proves twice a second that it still hears; past this it counts as deaf.
DEAF_AFTER_SECONDS: Final = 0.9
_PROVE_EVERY_SECONDS: Final = 0.4

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Kept(Generic[V]):
    value: V
    owner: UUID | None
    at: float


class ProcessCache(Generic[K, V]):
    """Answers of `load`, kept per process; `owner_of` says whose change makes an answer stale.

    What `load` raises is not kept. Safe from several threads.
    """

    _all: "list[ProcessCache[Any, Any]]" = []

    def __init__(self, load: Callable[[K], V], *, owner_of: Callable[[V], UUID | None], most: int = 50_000) -> None:
        self._load = load
        self._owner_of = owner_of
        self._most = most
        self._kept: dict[K, _Kept[V]] = {}
        self._changes = 0
        self._all.append(self)

    def get(self, key: K) -> V:
        """The remembered answer, or a fresh one."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept.at < _listener.trusted_seconds():
            return kept.value
        changes = self._changes
        value = self._load(key)
        # A change announced while we were reading may not be in what we read: then do not keep it.
        if changes == self._changes:
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = _Kept(value, self._owner_of(value), time.monotonic())
        return value

    def forget(self, owner: UUID) -> None:
        """Drop what belongs to `owner`."""
        self._changes += 1
        for key in [key for key, kept in list(self._kept.items()) if kept.owner == owner]:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Drop everything."""
        self._changes += 1
        self._kept.clear()

    @classmethod
    def forget_everywhere(cls, owner: UUID) -> None:
        """Drop what belongs to `owner` from every cache of this process."""
        for cache in cls._all:
            cache.forget(owner)

    @classmethod
    def clear_everywhere(cls) -> None:
        """Drop everything from every cache of this process."""
        for cache in cls._all:
            cache.clear()


class Listener:
    """One thread and one connection per process that hears of changes."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._heard_at = float("-inf")

    def start(self) -> None:
        """Begin to listen; does nothing when it already does."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="lava-changes", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop listening and wait until the thread has ended."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None
        self._heard_at = float("-inf")

    def trusted_seconds(self) -> float:
        """How long an entry may be believed now."""
        if time.monotonic() - self._heard_at < DEAF_AFTER_SECONDS:
            return HEARD_SECONDS
        return float(settings.CACHE_SECONDS_UNHEARD)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.OperationalError, OSError) as lost:
                self._heard_at = float("-inf")
                log.warning("Not hearing of changes (%s); remembering for a second only until it is back.", lost)
                self._stopping.wait(0.5)

    def _listen(self) -> None:
        parameters = connections["default"].get_connection_params()
        wanted = {k: v for k, v in parameters.items() if k not in {"cursor_factory", "context", "prepare_threshold"}}
        with psycopg.connect(**wanted, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            # Whatever changed while nobody listened was not heard.
            ProcessCache.clear_everywhere()
            while not self._stopping.is_set():
                asked_at = time.monotonic()
                connection.execute("SELECT 1")
                self._heard_at = asked_at
                for notice in connection.notifies(timeout=_PROVE_EVERY_SECONDS):
                    ProcessCache.forget_everywhere(UUID(notice.payload))
                    if time.monotonic() - asked_at > _PROVE_EVERY_SECONDS:
                        break


_listener = Listener()
listen = _listener.start
stop_listening = _listener.stop


class AnnounceChanges(Operation):
    """After `CreateModel`: every change to this table tells all processes whose rows changed.

    `owner` is the column that holds the merchant's id; with `columns`, only an update of these counts.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, owner: str = "merchant_id", columns: Sequence[str] = ()) -> None:
        self.name = name
        self.owner = owner
        self.columns = columns

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing that Django knows of changes."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        of = f"OF {', '.join(self.columns)} " if self.columns else ""
        schema_editor.execute(f"""
            CREATE OR REPLACE FUNCTION "{table}_announce"() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_notify('{CHANNEL}', coalesce(NEW.{self.owner}, OLD.{self.owner})::text);
                RETURN NULL;
            END $$;
            CREATE TRIGGER "{table}_announces" AFTER INSERT OR DELETE OR UPDATE {of}ON "{table}"
                FOR EACH ROW EXECUTE FUNCTION "{table}_announce"();
        """)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = from_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute(f'DROP TRIGGER IF EXISTS "{table}_announces" ON "{table}"')
        schema_editor.execute(f'DROP FUNCTION IF EXISTS "{table}_announce"()')

    def describe(self) -> str:
        return f"Announce changes of {self.name}"
