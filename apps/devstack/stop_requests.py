"""Has somebody asked us to stop, and how is a loop that waits for input woken to notice?"""

import signal
import socket
import time
from types import FrameType
from typing import Self

# One wish often arrives twice: `make`, `timeout` and the like pass on a signal that we got as well.
SAME_WISH_SECONDS = 1.0


class StopRequests:
    """Notes Ctrl-C, SIGTERM and SIGHUP inside its `with` block: `asked`, and `insisted` when asked again.

    `wakeup` becomes readable on those and on the end of a child, so a loop that selects on it sleeps until
    something happens. The handlers that were there before come back at the end of the block.
    """

    def __init__(self) -> None:
        self.insisted = False
        self._first_asked: float | None = None
        self.wakeup, self._bell = socket.socketpair()

    def __enter__(self) -> Self:
        for end in (self.wakeup, self._bell):
            end.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        asking = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # started with nohup
            asking.add(signal.SIGHUP)
        self._handlers_before = {number: signal.signal(number, self._note) for number in asking}
        # Handled by doing nothing, where the default would not even ring the bell.
        self._handlers_before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self.wakeup.close()
        self._bell.close()

    def silence(self) -> None:
        """Make `wakeup` unreadable again until the next signal."""
        try:
            while self.wakeup.recv(4096):
                pass
        except BlockingIOError:
            return

    @property
    def asked(self) -> bool:
        """Whether somebody wants us to stop."""
        return self._first_asked is not None

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first_asked is None:
            self._first_asked = now
        self.insisted = now - self._first_asked > SAME_WISH_SECONDS
