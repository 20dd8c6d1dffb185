"""One account over its own WebSocket: orders handed over at once, their endings told, REST where there is no socket."""

from krakenonce.broker.streaming.account import StreamingAccount
from krakenonce.broker.streaming.options import StreamOptions
from krakenonce.broker.streaming.switch import CancelAfter

__all__ = ["CancelAfter", "StreamOptions", "StreamingAccount"]
