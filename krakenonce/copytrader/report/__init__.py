"""What copying came to: receipts, and per user gains, fees, latencies and slippage; as text, CSV or one HTML page."""

from krakenonce.copytrader.report.csv_file import as_csv
from krakenonce.copytrader.report.html import as_html
from krakenonce.copytrader.report.reading import PAIR_FACT, Report, read_report
from krakenonce.copytrader.report.receipts import Outcome, Receipt

__all__ = ["PAIR_FACT", "Outcome", "Receipt", "Report", "as_csv", "as_html", "read_report"]
