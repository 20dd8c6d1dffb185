"""One nonce source for every Kraken account, and lanes that make its nonces arrive in order.

    from krakenonce import install

    install(client, account="MASTER")      # any krakenex, pykrakenapi, python-kraken-sdk or ccxt client

The core imports only the standard library; clients, stores and the simulator come as extras.
"""

from krakenonce.adapters import install, priority, uninstall
from krakenonce.errors import KrakenonceError
from krakenonce.fallback import KrakenNonce
from krakenonce.global_nonce import (
    GlobalKrakenNonceManager,
    get_global_kraken_nonce,
    get_global_nonce_manager,
    get_global_nonce_stats,
    get_kraken_api_lock,
)
from krakenonce.lanes import Lane, LaneStats, Priority, Turn

__version__ = "0.1.0"

__all__ = [
    "GlobalKrakenNonceManager",
    "KrakenNonce",
    "KrakenonceError",
    "Lane",
    "LaneStats",
    "Priority",
    "Turn",
    "get_global_kraken_nonce",
    "get_global_nonce_manager",
    "get_global_nonce_stats",
    "get_kraken_api_lock",
    "install",
    "priority",
    "uninstall",
]
