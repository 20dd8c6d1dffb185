"""Lanes: one queue per API key, one request in flight, first come first served. Threads and event loops share it."""

from krakenonce.lanes.lane import Lane
from krakenonce.lanes.priority import Priority
from krakenonce.lanes.registry import LaneRegistry, process_registry
from krakenonce.lanes.statistics import LaneStats
from krakenonce.lanes.turn import Turn

__all__ = ["Lane", "LaneRegistry", "LaneStats", "Priority", "Turn", "process_registry"]
