"""Our own tests use the plugin that other projects get; no property is judged by the speed of the machine."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["krakenonce.pytest_plugin"]

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("steady")

WORKERS_FOR_A_PROCESSOR = 2
"""Two thirds of the tests' time is waiting: for the end of a lease, for a server that starts, for a slow network."""

MOST_WORKERS = 16
"""Each starts a Redis and a PostgreSQL of its own."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many workers `-n auto` means here."""
    return min(WORKERS_FOR_A_PROCESSOR * len(os.sched_getaffinity(0)), MOST_WORKERS)
