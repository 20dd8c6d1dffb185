"""What the ``executions`` channel tells of an account's orders, read and folded into what is known of each. Pure.

https://docs.kraken.com/api/docs/websocket-v2/executions
"""

from krakenonce.broker.executions.orders import OrderLog, StreamedOrder
from krakenonce.broker.executions.reports import Report, Trade, read_report

__all__ = ["OrderLog", "Report", "StreamedOrder", "Trade", "read_report"]
