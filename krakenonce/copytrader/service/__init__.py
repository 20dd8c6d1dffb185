"""Runs what a configuration asks for: accounts, feeds, engine, journal and notices, until it is told to stop."""

from krakenonce.copytrader.service.copying import CopyService

__all__ = ["CopyService"]
