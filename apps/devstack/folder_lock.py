"""Who is using a folder at this moment? The kernel keeps the answer, also through kill -9 and power loss."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderLock:
    """A file lock held by this process. Children do not inherit it, and its end always releases it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def try_alone(self) -> bool:
        """Hold it with nobody else beside us, if that is possible right now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def alone(self) -> None:
        """Wait until nobody else holds it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def together(self) -> None:
        """Hold it beside others who do the same; also gives up being alone with it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go for now."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go for good."""
        os.close(self._descriptor)


@contextmanager
def folder_lock(path: Path) -> Iterator[FolderLock]:
    """A lock to take inside the block, released at its end."""
    lock = FolderLock(path)
    try:
        yield lock
    finally:
        lock.close()
