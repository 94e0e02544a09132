"""What an earlier start left behind is recognised, and strangers are left alone."""

from __future__ import annotations

import subprocess

from apps.devstack.roll import Roll


def test_a_part_left_behind_is_stopped_by_the_next_start(tmp_path):
    with subprocess.Popen(["sleep", "600"]) as left_behind:
        Roll(tmp_path / "parts.json").note("web", left_behind.pid)

        assert Roll(tmp_path / "parts.json").stop_left_over() == ["web"]

        assert left_behind.wait(10) != 0
    assert Roll(tmp_path / "parts.json").stop_left_over() == []


def test_a_stranger_who_was_given_the_old_number_is_left_alone(tmp_path):
    roll = Roll(tmp_path / "parts.json")
    with subprocess.Popen(["sleep", "600"]) as stranger:
        roll.note("web", stranger.pid)
        file = tmp_path / "parts.json"
        file.write_text(file.read_text().replace("sleep", "uvicorn"))

        assert roll.stop_left_over() == []

        assert stranger.poll() is None
        stranger.kill()


def test_a_part_that_was_stopped_is_off_the_roll(tmp_path):
    roll = Roll(tmp_path / "parts.json")
    with subprocess.Popen(["sleep", "600"]) as process:
        roll.note("web", process.pid)
        roll.strike("web")

        assert roll.stop_left_over() == []

        process.kill()


def test_a_file_cut_short_by_a_power_loss_is_an_empty_roll(tmp_path):
    (tmp_path / "parts.json").write_text('{"web": ["12')
    assert Roll(tmp_path / "parts.json").stop_left_over() == []
