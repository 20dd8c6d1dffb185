"""Plots as inline SVG: colours come from the page's style, so that light and dark both work. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from krakenonce.clock import NS_PER_SECOND, rfc3339
from krakenonce.copytrader.report.html.scales import Scale, decades, round_steps, spread, thin

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 34
BINS = 36
BAR_HEIGHT, BAR_GAP, MOST_BARS = 20, 10, 10
_CHARACTER = 6.6

Label = Callable[[float], str]


def line(points: Sequence[tuple[int, float]], label: Label, title: str) -> str:
    """Return a line over time (nanoseconds since 1970); its last value stands at its end."""
    if not points:
        return _nothing(title)
    shown = thin(points, 500)
    steps = round_steps(min(0.0, *(y for _, y in shown)), max(0.0, *(y for _, y in shown)))
    x = Scale(shown[0][0], shown[-1][0], LEFT, WIDTH - RIGHT)
    y = Scale(steps[0], steps[-1], HEIGHT - BOTTOM, TOP)
    path, before = [], None
    for at_ns, value in shown:
        across, up = x.at(at_ns), y.at(value)
        path.append(f"M{across:.1f},{up:.1f}" if before is None else f"H{across:.1f}V{up:.1f}")
        before = up
    base = y.at(0)
    area = f"{''.join(path)}V{base:.1f}H{x.at(shown[0][0]):.1f}Z"
    last = shown[-1][1]
    above = y.at(last) - 8 if y.at(last) > TOP + 14 else y.at(last) + 16
    parts = [
        *_rows(steps, y, label),
        f'<line class="zero" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base:.1f}" y2="{base:.1f}"/>',
        f'<path class="area" d="{area}"/><path class="line" d="{"".join(path)}"/>',
        f'<circle class="dot" cx="{x.at(shown[-1][0]):.1f}" cy="{y.at(last):.1f}" r="3.5"/>',
        f'<text class="value" x="{WIDTH - RIGHT}" y="{above:.1f}" text-anchor="end">{escape(label(last))}</text>',
        *_times(shown[0][0], shown[-1][0], x),
    ]
    return _svg(parts, HEIGHT, title)


def histogram(
    values: Sequence[float], label: Label, title: str, marks: Mapping[str, float], *, is_log: bool = False
) -> str:
    """Return how often which value occurs; each of *marks* is a named line. *is_log* needs values above 0."""
    if not values:
        return _nothing(title)
    low, high = min(values), max(values)
    edges = decades(low, high) if is_log else round_steps(low, high, 6)
    bins = spread(values, edges, BINS, is_log=is_log)
    steps = round_steps(0, max(one.size for one in bins), 4)
    x = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT, is_log)
    y = Scale(steps[0], steps[-1], HEIGHT - BOTTOM, TOP + 14)
    parts = _rows([step for step in steps if step == int(step)], y, lambda value: f"{value:,.0f}")
    for one in (one for one in bins if one.size):
        left, top = x.at(one.low), y.at(one.size)
        told = f"{one.size:,} from {label(one.low)} to {label(one.high)}"
        width = max(x.at(one.high) - left - 1.5, 1.0)
        parts.append(
            f'<rect class="bar" x="{left + 0.75:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{HEIGHT - BOTTOM - top:.1f}" rx="1.5"><title>{escape(told)}</title></rect>'
        )
    parts += _columns(edges, x, label)
    parts += _marks(marks, x, label)
    return _svg(parts, HEIGHT, title)


def bars(rows: Sequence[tuple[str, int]], title: str) -> str:
    """Return one bar for each of *rows*, the longest first; many are cut to the most frequent."""
    if not rows:
        return _nothing(title)
    ranked = sorted(rows, key=lambda row: (-row[1], row[0]))
    rest = sum(count for _, count in ranked[MOST_BARS:])
    shown = ranked[:MOST_BARS] + ([("all others", rest)] if rest else [])
    left = min(240.0, 12 + max(len(_cut(name)) for name, _ in shown) * _CHARACTER)
    x = Scale(0, max(count for _, count in shown), left, WIDTH - 64)
    parts = []
    for place, (name, count) in enumerate(shown):
        top = TOP + place * (BAR_HEIGHT + BAR_GAP)
        middle = top + BAR_HEIGHT / 2 + 4
        parts.append(
            f'<text class="tick" x="{left - 10:.1f}" y="{middle:.1f}" text-anchor="end">{escape(_cut(name))}'
            f"<title>{escape(name)}</title></text>"
            f'<rect class="bar" x="{left:.1f}" y="{top}" width="{max(x.at(count) - left, 2):.1f}" '
            f'height="{BAR_HEIGHT}" rx="2"/>'
            f'<text class="value" x="{x.at(count) + 8:.1f}" y="{middle:.1f}">{count:,}</text>'
        )
    return _svg(parts, TOP + len(shown) * (BAR_HEIGHT + BAR_GAP) + 6, title)


def _svg(parts: Sequence[str], height: float, title: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return f"{head}{''.join(parts)}</svg>"


def _nothing(title: str) -> str:
    return f'<p class="nothing">{escape(title)}: nothing to show yet.</p>'


def _rows(steps: Sequence[float], y: Scale, label: Label) -> list[str]:
    return [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(step):.1f}" y2="{y.at(step):.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y.at(step) + 4:.1f}" text-anchor="end">{escape(label(step))}</text>'
        for step in steps
    ]


def _columns(steps: Sequence[float], x: Scale, label: Label) -> list[str]:
    # Not so many that one label runs into the next.
    room = max(1, -(-len(steps) * 44 // (WIDTH - LEFT - RIGHT)))
    return [
        f'<text class="tick" x="{x.at(step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
        f"{escape(label(step))}</text>"
        for step in steps[::room]
    ]


def _times(first: int, last: int, x: Scale) -> list[str]:
    days = last - first > 3 * 86_400 * NS_PER_SECOND
    part = slice(5, 10) if days else slice(11, 19 if last - first < 600 * NS_PER_SECOND else 16)
    if first == last:
        return [f'<text class="tick" x="{LEFT}" y="{HEIGHT - BOTTOM + 18}">{rfc3339(first)[part]}</text>']
    moments = [first + (last - first) * place // 4 for place in range(5)]
    anchors = ("start", "middle", "middle", "middle", "end")
    return [
        f'<text class="tick" x="{x.at(at_ns):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">'
        f"{rfc3339(at_ns)[part]}</text>"
        for at_ns, anchor in zip(moments, anchors, strict=True)
    ]


def _marks(marks: Mapping[str, float], x: Scale, label: Label) -> list[str]:
    parts, ends = [], -1.0
    for place, (name, value) in enumerate(sorted(marks.items(), key=lambda mark: mark[1])):
        across = x.at(value)
        text = f"{name} {label(value)}"
        width = len(text) * _CHARACTER
        # To the left of its line where there is no room to the right; a line whose text would cover another has none.
        start = across + 5 if across + 5 + width < WIDTH else across - 5 - width
        parts.append(f'<line class="mark" x1="{across:.1f}" x2="{across:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        if start > ends:
            parts.append(f'<text class="value" x="{start:.1f}" y="{TOP + 8}">{escape(text)}</text>')
            ends = start + width
        else:
            parts.append(f'<text class="value" x="{start:.1f}" y="{TOP + 8 + 14 * place}">{escape(text)}</text>')
    return parts


def _cut(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"
