"""A pytest plugin: the ``kraken_sim`` fixture, a simulated Kraken for tests of anybody's bot.

It comes with the package; ``pip install 'krakenonce[sim]'`` is all. See docs/how-to/test-your-bot.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from krakenonce.simulator import SimulatedKraken


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known that carries the fixture's switches."""
    config.addinivalue_line(
        "markers", "kraken_sim(**settings): switches of the simulated Kraken, such as accounts=3, latency_ms=20"
    )


@pytest.fixture
def kraken_sim(request: pytest.FixtureRequest) -> Iterator[SimulatedKraken]:
    """A fresh simulated Kraken on a free port of 127.0.0.1, in a thread of its own, until the test ends.

    Its accounts have 100,000 USD each and coins; there are no rate limits unless the test is marked with
    ``@pytest.mark.kraken_sim(tier="pro")``. When the test ends, its books must balance and nothing may have crashed.
    """
    from krakenonce.simulator import serve_in_thread

    marker = request.node.get_closest_marker("kraken_sim")
    with serve_in_thread(**(marker.kwargs if marker is not None else {})) as sim:
        yield sim
    problems = sim.stats()["crashes"] + sim.audit()
    if problems:
        pytest.fail(f"the simulated exchange failed: {problems}")
