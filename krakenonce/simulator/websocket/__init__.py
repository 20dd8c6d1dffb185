"""The WebSocket v2 face of the simulated exchange: the same accounts, orders and prices as over REST, as they happen.

Sources: https://docs.kraken.com/api/docs/guides/spot-ws-intro and the pages of each channel and method beside it.
"""
