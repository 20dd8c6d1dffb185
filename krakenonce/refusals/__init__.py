"""Refused nonces: why, what to do about it, and how to keep one key's trouble to that key."""

from krakenonce.refusals.causes import Cause, Diagnosis
from krakenonce.refusals.diagnosis import Attempt, Evidence, diagnose
from krakenonce.refusals.recorder import Flight, FlightRecorder, Verdict

__all__ = ["Attempt", "Cause", "Diagnosis", "Evidence", "Flight", "FlightRecorder", "Verdict", "diagnose"]
