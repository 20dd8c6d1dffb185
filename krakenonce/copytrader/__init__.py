"""Copies a master's fills to every user's account: each fill once, each user on his own."""

from krakenonce.copytrader.copier import CopyTrader
from krakenonce.copytrader.fills import FillFeed
from krakenonce.copytrader.follower import CopyPolicy, Follower
from krakenonce.copytrader.receipts import Receipt, ReceiptBook, Verdict

__all__ = ["CopyPolicy", "CopyTrader", "FillFeed", "Follower", "Receipt", "ReceiptBook", "Verdict"]
