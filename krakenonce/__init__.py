"""One nonce source for every Kraken account, and lanes that make its nonces arrive in order."""

__version__ = "0.1.0"
