"""The copy trader's truth: fills, decisions, lines, orders and standings, in SQLite or PostgreSQL."""

from krakenonce.copytrader.journal.journal import CopyJournal
from krakenonce.copytrader.journal.opening import open_copy_journal
from krakenonce.copytrader.journal.records import EVERYBODY, Changes, Snapshot, Standing, State

__all__ = ["EVERYBODY", "Changes", "CopyJournal", "Snapshot", "Standing", "State", "open_copy_journal"]
