"""A simulated Kraken Spot exchange on localhost, which unmodified clients can't tell from the real one."""

from __future__ import annotations

from krakenonce.simulator.exchange import Exchange
from krakenonce.simulator.server import SimulatedKraken
from krakenonce.simulator.settings import Settings
from krakenonce.simulator.threads import serve_in_thread

__all__ = ["Exchange", "Settings", "SimulatedKraken", "serve_in_thread"]
