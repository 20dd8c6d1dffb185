"""The report as one HTML page that needs nothing else: no script, no network, light or dark as the reader likes it."""

from krakenonce.copytrader.report.html.page import as_html

__all__ = ["as_html"]
