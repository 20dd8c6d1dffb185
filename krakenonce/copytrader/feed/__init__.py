"""A master's fills and orders as they happen: his stream, checked against the exchange's books."""

from krakenonce.copytrader.feed.executions import ExecutionsFeed
from krakenonce.copytrader.feed.standing import FeedOptions, FeedStanding

__all__ = ["ExecutionsFeed", "FeedOptions", "FeedStanding"]
