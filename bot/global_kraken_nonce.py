"""The quick start's import path. Everything here lives in `krakenonce.global_nonce`."""

from krakenonce.fallback import KrakenNonce
from krakenonce.global_nonce import (
    GlobalKrakenNonceManager,
    get_global_kraken_nonce,
    get_global_nonce_manager,
    get_global_nonce_stats,
    get_kraken_api_lock,
)

__all__ = [
    "GlobalKrakenNonceManager",
    "KrakenNonce",
    "get_global_kraken_nonce",
    "get_global_nonce_manager",
    "get_global_nonce_stats",
    "get_kraken_api_lock",
]
