"""Rows of figures, printed as plain text."""

from __future__ import annotations

from dataclasses import dataclass

HEADINGS = ("what", "measured", "bar", "")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: what was measured.
        measured: the figure with its unit.
        bar: what it should be; empty for a peer's figure, which is shown to compare with.
        ok: whether the bar is reached; None without a bar.
        is_correctness: True if missing the bar is a fault, and not only slow.
    """

    what: str
    measured: str
    bar: str = ""
    ok: bool | None = None
    is_correctness: bool = False

    @property
    def verdict(self) -> str:
        if self.ok is None:
            return ""
        return "ok" if self.ok else "WRONG" if self.is_correctness else "missed"


def show(title: str, rows: list[Row]) -> None:
    """Print *rows* under *title*, columns aligned."""
    cells = [HEADINGS, *((row.what, row.measured, row.bar, row.verdict) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}\n{'-' * len(title)}")
    for what, measured, bar, verdict in cells:
        print(f"{what:<{widths[0]}}  {measured:>{widths[1]}}  {bar:<{widths[2]}}  {verdict}".rstrip())
