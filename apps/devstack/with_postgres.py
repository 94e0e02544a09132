"""`python -m apps.devstack.with_postgres FOLDER -- COMMAND`: run one command with a PostgreSQL of its own.

The command finds its address as `DATABASE_URL` and PostgreSQL's programs on the `PATH`. When `DATABASE_URL`
is set already, that database is used and none is started.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from apps.devstack.embedded_postgres import EmbeddedPostgres
from apps.devstack.errors import CannotStart


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.devstack.with_postgres", description=__doc__)
    parser.add_argument("--forgetful", action="store_true", help="do not wait for the disk: for tests only")
    parser.add_argument("folder", type=Path, help="where its data is, kept from run to run")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    if os.environ.get("DATABASE_URL"):
        return run_in_foreground(asked.command, environment=os.environ)
    postgres = EmbeddedPostgres(asked.folder, durable=not asked.forgetful)
    with postgres.borrowed() as url:
        programs = postgres.program("postgres").parent
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return run_in_foreground(asked.command, environment=os.environ | {"DATABASE_URL": url, "PATH": path})


def run_in_foreground(command: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run `command` in the foreground; it gets our Ctrl-C from the terminal and our SIGTERM from us."""
    child = subprocess.Popen(command, env=environment)

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    # The terminal has told the child as well; we wait for what it makes of it.
    signal.signal(signal.SIGINT, lambda *_: None)
    return_code = child.wait()
    return return_code if return_code >= 0 else 128 - return_code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as refusal:
        sys.exit(f"\n{refusal}\n")
    except KeyboardInterrupt:  # before the command had begun
        sys.exit(130)
