"""The supervisor keeps parts running, says what it does, and stops what it started and nothing else."""

from __future__ import annotations

import os
import re
import signal
import sys
import time

import pytest

from apps.devstack.processes import command_line

# A stand-in for `make run`: two parts that say who they are, and say good-bye when they are asked to stop.
TWO_PARTS = """
    import subprocess, sys
    from pathlib import Path
    from apps.devstack.errors import CannotStart
    from apps.devstack.processes import spawn
    from apps.devstack.roll import Roll
    from apps.devstack.supervisor import Part, StopAsked, Supervisor

    POLITE = "trap 'echo bye; exit 0' TERM; echo I am $$; while :; do sleep 0.05; done"
    DEAF = "trap '' TERM; echo I am $$; while :; do sleep 0.05; done"
    FORKING = "sleep 600 & echo I am $! ; trap 'exit 0' TERM; wait"

    def part(name, script, **options):
        def launch(output):
            return spawn(["/bin/sh", "-c", script], output=output, environment={"PATH": "/usr/bin:/bin"})
        return Part(name=name, launch=launch, **options)

    with Supervisor(roll=Roll(Path(sys.argv[1]))) as supervisor:
        try:
            supervisor.start(part("web", POLITE))
            supervisor.start(part("worker", globals()[sys.argv[2]], stops_within_seconds=0.5))
            supervisor.run()
        except StopAsked:
            print("asked to stop")
"""


@pytest.fixture
def roll_file(tmp_path):
    return tmp_path / "parts.json"


def pid_of(running, name, *, after=0):
    line = running.wait_for(f"{name} │ I am", after=after)
    return int(line.rsplit(maxsplit=1)[-1])


def wait_until_gone(pid):
    deadline = time.monotonic() + 10
    while command_line(pid):
        assert time.monotonic() < deadline, f"{pid} still runs: {command_line(pid)}"


def test_a_part_that_dies_is_started_again_and_said_so(program, roll_file):
    running = program(TWO_PARTS, str(roll_file), "POLITE")
    web, worker = pid_of(running, "web"), pid_of(running, "worker")
    seen = len(running.lines)

    os.kill(web, signal.SIGKILL)

    running.wait_for("web ended (killed by SIGKILL); starting it again in 0.5 s.")
    assert pid_of(running, "web", after=seen) != web
    assert command_line(worker)


def test_ctrl_c_stops_what_it_started_in_reverse_order_and_nothing_else(program, roll_file, stranger):
    bystander = stranger()
    running = program(TWO_PARTS, str(roll_file), "POLITE")
    parts = [pid_of(running, "web"), pid_of(running, "worker")]

    assert running.end(signal.SIGINT) == 0

    assert [line.split()[0] for line in running.lines if line.endswith("bye")] == ["worker", "web"]
    assert [command_line(pid) for pid in parts] == [[], []]
    assert bystander.poll() is None


def test_a_part_that_does_not_stop_is_killed_at_its_deadline(program, roll_file):
    running = program(TWO_PARTS, str(roll_file), "DEAF")
    worker = pid_of(running, "worker")

    assert running.end(signal.SIGTERM) == 0

    running.wait_for("worker does not stop; killing it.")
    assert not command_line(worker)


def test_what_a_part_started_ends_with_it(program, roll_file):
    running = program(TWO_PARTS, str(roll_file), "FORKING")
    grandchild = pid_of(running, "worker")

    assert running.end(signal.SIGTERM) == 0

    wait_until_gone(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children on Linux only")
def test_parts_do_not_outlive_a_supervisor_that_is_killed(program, roll_file):
    running = program(TWO_PARTS, str(roll_file), "POLITE")
    parts = [pid_of(running, "web"), pid_of(running, "worker")]

    running.end(signal.SIGKILL)

    for pid in parts:
        wait_until_gone(pid)


STEPS = """
    import sys
    from pathlib import Path
    from apps.devstack import supervisor as module
    from apps.devstack.errors import CannotStart
    from apps.devstack.processes import spawn
    from apps.devstack.roll import Roll

    module.RESTART_SECONDS_MIN = 0.01

    def part(name, script):
        def launch(output):
            return spawn(["/bin/sh", "-c", script], output=output, environment={"PATH": "/usr/bin:/bin"})
        return module.Part(name=name, launch=launch)

    with module.Supervisor(roll=Roll(Path(sys.argv[1]))) as supervisor:
        try:
            print("answer:", supervisor.complete(part("setup", "echo working; printf done")))
            supervisor.start(part("web", "echo cannot open the door; exit 3"))
            supervisor.run_until(lambda: False)
        except CannotStart as refusal:
            print("refused:", refusal)
        try:
            supervisor.complete(part("setup", "echo no table; exit 4"))
        except CannotStart as refusal:
            print("refused:", refusal)
"""


def test_a_step_is_waited_for_and_what_never_starts_is_given_up(program, roll_file):
    running = program(STEPS, str(roll_file))
    assert running.process.wait(20) == 0

    running.wait_for("answer: done")
    running.wait_for("setup │ working")
    running.wait_for("refused: web ended 5 times in a row")
    assert sum("cannot open the door" in line for line in running.lines) == 5
    running.wait_for("setup │ no table")
    running.wait_for("refused: setup failed (exit code 4).")


def test_colours_are_for_terminals_only(program, roll_file):
    running = program(TWO_PARTS, str(roll_file), "POLITE")
    assert re.fullmatch(r" +web │ I am \d+", running.wait_for("web │ I am"))
