"""PostgreSQL's memory follows the machine's."""

from __future__ import annotations

import pytest

from apps.devstack.postgres_settings import memory_bytes, server_settings

GIGABYTE = 1024**3


@pytest.mark.parametrize(
    ("memory", "shared_buffers", "effective_cache_size"),
    [
        (GIGABYTE // 4, "128MB", "256MB"),
        (2 * GIGABYTE, "512MB", "1024MB"),
        (8 * GIGABYTE, "2048MB", "4096MB"),
        (64 * GIGABYTE, "2048MB", "32768MB"),
    ],
)
def test_a_quarter_of_the_memory_up_to_two_gigabytes_is_its_cache(memory, shared_buffers, effective_cache_size):
    settings = server_settings(memory=memory, durable=True, has_lz4=False)
    assert settings["shared_buffers"] == shared_buffers
    assert settings["effective_cache_size"] == effective_cache_size


def test_only_a_database_for_tests_may_forget():
    waits = {
        name: server_settings(memory=GIGABYTE, durable=True, has_lz4=True)[name]
        for name in ("fsync", "synchronous_commit")
    }
    assert set(waits.values()) == {"on"}
    assert server_settings(memory=GIGABYTE, durable=False, has_lz4=True)["fsync"] == "off"


def test_this_machine_has_memory():
    assert memory_bytes() > GIGABYTE // 8
