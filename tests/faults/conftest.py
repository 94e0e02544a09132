"""A running Lava with a customer to charge, for faults that leave it as they found it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.reporting import Application
from tests.sdk.system import System, fresh_system


@pytest.fixture(scope="package")
def system(tmp_path_factory) -> Iterator[System]:
    """A web process over a database of its own."""
    with fresh_system(os.environ["DATABASE_URL"], tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture(scope="package")
def application(system) -> Application:
    """The merchant's application: it reports usage of one customer on a meter at $2 per million tokens."""
    return Application.of(system)
