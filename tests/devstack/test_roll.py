"""What an earlier start left behind is recognised, and strangers are left alone."""

from __future__ import annotations

import signal

from apps.devstack.roll import Roll


def test_a_part_left_behind_is_stopped_by_the_next_start(tmp_path, stranger):
    left_behind = stranger()
    Roll(tmp_path / "parts.json").note("web", left_behind.pid, ["sleep", "600"])

    assert Roll(tmp_path / "parts.json").stop_left_over() == ["web"]

    assert left_behind.wait(10) == -signal.SIGTERM
    assert Roll(tmp_path / "parts.json").stop_left_over() == []


def test_a_stranger_who_was_given_the_old_number_is_left_alone(tmp_path, stranger):
    somebody = stranger()
    roll = Roll(tmp_path / "parts.json")
    roll.note("web", somebody.pid, ["python", "-m", "uvicorn"])

    assert roll.stop_left_over() == []

    assert somebody.poll() is None


def test_a_part_that_was_stopped_is_off_the_roll(tmp_path, stranger):
    roll = Roll(tmp_path / "parts.json")
    roll.note("web", stranger().pid, ["sleep", "600"])
    roll.strike("web")

    assert roll.stop_left_over() == []


def test_a_file_cut_short_by_a_power_loss_is_an_empty_roll(tmp_path):
    (tmp_path / "parts.json").write_text('{"web": ["12')
    assert Roll(tmp_path / "parts.json").stop_left_over() == []
