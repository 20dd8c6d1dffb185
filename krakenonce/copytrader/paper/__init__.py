"""Accounts on paper, for dry runs and shadows: orders are filled against the public book and never sent."""

from krakenonce.copytrader.paper.account import PaperAccount
from krakenonce.copytrader.paper.market import PaperMarket
from krakenonce.copytrader.paper.wallet import PaperWallet, wallet_after

__all__ = ["PaperAccount", "PaperMarket", "PaperWallet", "wallet_after"]
