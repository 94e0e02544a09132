"""How does a child process start so that it cannot outlive us, and how does it end?"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
# Looked up here and not in the child: between fork and exec as little as possible should happen.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """Somebody of this machine whom a process can run as."""

    name: str
    uid: int
    gid: int


def spawn(
    command: Sequence[str | Path],
    *,
    output: int | IO[bytes],
    environment: Mapping[str, str],
    account: Account | None = None,
    signal_when_we_die: signal.Signals | None = signal.SIGTERM,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of its own process group, its output and errors going to `output`.

    A group of its own keeps the terminal's Ctrl-C away from it: we decide in which order parts stop.
    On Linux the kernel sends it `signal_when_we_die` should we be killed; call this from the main thread,
    because the kernel counts the end of the calling *thread* as our death.
    """
    last_will = None
    if signal_when_we_die is not None and _prctl is not None:
        last_will = partial(_die_with, os.getpid(), signal_when_we_die)
    return subprocess.Popen(
        [os.fspath(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=directory,
        process_group=0,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=last_will,  # noqa: PLW1509 — we have one thread
    )


def _die_with(parent: int, last_signal: signal.Signals) -> None:
    """In the child, after it changed its account (which would clear the request) and before exec."""
    assert _prctl is not None
    _prctl(PR_SET_PDEATHSIG, int(last_signal))
    # The parent may have died before the kernel knew that it matters.
    if os.getppid() != parent:
        os._exit(1)


def end(process: subprocess.Popen[bytes], *, politely: signal.Signals, within_seconds: float) -> None:
    """Ask `process` to stop, and kill it and its group when it has not by then."""
    if process.poll() is None:
        process.send_signal(politely)
        try:
            process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    end_rest_of_group(process)


def end_rest_of_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what a process that has just ended started and left behind.

    Its number cannot belong to strangers yet: the kernel gives numbers out in order, and not while a
    group of that number has members.
    """
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left; macOS calls a group of zombies "not permitted"


def is_alive(pid: int) -> bool:
    """Whether a process of that number exists, whoever it belongs to."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> list[str]:
    """The words `pid` was started with; empty when it is gone (or has ended and waits to be collected)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        return [word.decode(errors="replace") for word in words]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return []
    asking = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    found = subprocess.run(asking, capture_output=True, text=True, check=False)
    return found.stdout.split()


def end_by_number(pid: int, *, politely: signal.Signals, within_seconds: float) -> None:
    """Ask a process that is not our child to stop, and kill it when it has not by then."""
    os.kill(pid, politely)
    deadline = time.monotonic() + within_seconds
    # Not is_alive: the dead that nobody collects, as in a container without an init, still have a number.
    while command_line(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.01)


def command_of(process: subprocess.Popen[bytes]) -> list[str]:
    """The words we started `process` with; the kernel would not know them yet in its first moment."""
    assert isinstance(process.args, list)
    return [str(word) for word in process.args]


def how_it_ended(return_code: int) -> str:
    """How a process ended, in words: `exit code 3`, `killed by SIGKILL`."""
    if return_code >= 0:
        return f"exit code {return_code}"
    try:
        return f"killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"killed by signal {-return_code}"
