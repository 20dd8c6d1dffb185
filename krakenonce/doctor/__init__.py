"""Is everything fit for trading? Keys, clock, exchange, store and versions, each checked, named and given its mend."""

from krakenonce.doctor.examination import Subject, examine, parse_subject
from krakenonce.doctor.findings import Finding, Verdict

__all__ = ["Finding", "Subject", "Verdict", "examine", "parse_subject"]
