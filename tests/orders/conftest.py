"""One parent for all the processes of this folder's tests."""

import pytest

from tests.orders.crew import Crew


@pytest.fixture(scope="session")
def crew():
    with Crew() as crew:
        yield crew
