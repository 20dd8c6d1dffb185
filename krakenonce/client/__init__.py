"""An asynchronous REST client whose requests are signed and sent inside a turn of their key's lane."""

from krakenonce.client.rest import DEFAULT_BASE_URL, KrakenClient

__all__ = ["DEFAULT_BASE_URL", "KrakenClient"]
