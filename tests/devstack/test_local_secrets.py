"""Secrets are made up once, stay the same, and are nobody else's to read."""

from __future__ import annotations

from itertools import count

from apps.devstack.local_secrets import local_secrets


def test_they_are_made_once_and_a_new_one_joins_the_others(tmp_path):
    numbers = count(1)
    make = lambda: str(next(numbers))  # noqa: E731
    file = tmp_path / "secrets.json"

    assert local_secrets(file, made_by={"a": make}) == {"a": "1"}
    assert local_secrets(file, made_by={"a": make, "b": make}) == {"a": "1", "b": "2"}
    assert local_secrets(file, made_by={"b": make}) == {"b": "2"}
    assert local_secrets(file, made_by={"a": make}) == {"a": "1"}


def test_only_their_owner_can_read_them(tmp_path):
    file = tmp_path / "secrets.json"
    local_secrets(file, made_by={"a": lambda: "secret"})
    assert file.stat().st_mode & 0o777 == 0o600
