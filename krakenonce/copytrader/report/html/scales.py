"""Where things stand on a plot: round numbers on an axis, bins, and pixels. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Scale(NamedTuple):
    """Maps *low* to *high* onto *start* to *end* (pixels); *is_log* by their logarithms."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of *value*."""
        low, high, value = (math.log10(number) if self.is_log else number for number in (self.low, self.high, value))
        return self.start if high == low else self.start + (value - low) / (high - low) * (self.end - self.start)


class Bin(NamedTuple):
    """How many values lie from *low* to *high*."""

    low: float
    high: float
    size: int


def round_steps(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from at or below *low* to at or above *high*, about *most* of them."""
    reach = (high - low) or abs(high) or 1.0
    raw = reach / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [number * step for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each power of ten around *low* to *high* (both above 0)."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    below = max((mark for mark in marks if mark <= low), default=marks[0])
    above = min((mark for mark in marks if mark >= high), default=marks[-1])
    if below == above:
        above = marks[marks.index(below) + 1] if below != marks[-1] else 2 * below
    return [mark for mark in marks if below <= mark <= above] or [below, above]


def spread(values: Sequence[float], edges: Sequence[float], count: int, *, is_log: bool) -> list[Bin]:
    """Return *count* bins of equal width on the scale, from the first to the last of *edges*, and what lies in each."""
    scale = Scale(edges[0], edges[-1], 0.0, float(count), is_log)
    found = [0] * count
    for value in values:
        found[min(max(int(scale.at(value)), 0), count - 1)] += 1
    low, high = (math.log10(edge) if is_log else edge for edge in (edges[0], edges[-1]))
    bounds = [low + (high - low) * place / count for place in range(count + 1)]
    bounds = [10.0**bound for bound in bounds] if is_log else bounds
    return [Bin(bounds[place], bounds[place + 1], found[place]) for place in range(count)]


def thin(points: Sequence[tuple[int, float]], columns: int) -> list[tuple[int, float]]:
    """Return at most the lowest, the highest and the last point of each of *columns* equal stretches, in order."""
    if len(points) <= 3 * columns:
        return list(points)
    first, last = points[0][0], points[-1][0]
    kept: dict[int, list[int]] = {}
    for place, (x, y) in enumerate(points):
        column = (x - first) * columns // max(last - first + 1, 1)
        low, high, _ = kept.setdefault(column, [place, place, place])
        kept[column] = [
            place if y < points[low][1] else low, place if y > points[high][1] else high, place,
        ]  # fmt: skip
    places = sorted({place for three in kept.values() for place in three})
    return [points[place] for place in places]
