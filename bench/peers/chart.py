"""Bars as SVG, on a ground of their own, so that they read the same by day and by night."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _MARGIN, _ROW, _HEAD = 1120, 34, 30, 58
_NAMES = 330  # pixels for the engines' names
_BARS = _WIDTH - 2 * _MARGIN - _NAMES - 70
_FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\" font-size=\"13\""
_ROLE = 'role="img" aria-labelledby="title description"'
_INK, _FAINT, _OURS, _OTHERS = "#1d2430", "#5b6472", "#1d4f91", "#9db6d6"


@dataclass(frozen=True)
class Bar:
    """The first of a panel is ours. `reaches`: how far its thin line goes beyond the bar."""

    name: str
    value: float
    reaches: float | None = None


@dataclass(frozen=True)
class Panel:
    title: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.bars)


def drawn(panels: Sequence[Panel]) -> str:
    height = sum(panel.height for panel in panels) + 24
    told = "; ".join(f"{panel.title}: {_in_words(panel)}" for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT} {_ROLE}>',
        '  <title id="title">Tetsuzuki and other engines on the same small process</title>',
        f'  <desc id="description">{escape(told)}.</desc>',
        f'  <rect width="{_WIDTH}" height="{height}" rx="14" fill="#ffffff" stroke="#d5dae1"/>',
    ]
    top = 0
    for panel in panels:
        parts += _panel(panel, top)
        top += panel.height
    return "\n".join([*parts, "</svg>", ""])


def _in_words(panel: Panel) -> str:
    return ", ".join(f"{bar.name} {bar.value:.0f}" for bar in panel.bars)


def _panel(panel: Panel, top: int) -> list[str]:
    longest = max(bar.reaches or bar.value for bar in panel.bars)
    lines = [
        f'  <text x="{_MARGIN}" y="{top + 40}" font-size="15" font-weight="600" fill="{_INK}">{panel.title}</text>'
    ]
    for number, bar in enumerate(panel.bars):
        lines += _bar(bar, top + _HEAD + _ROW * number, _BARS / longest, fill=_OTHERS if number else _OURS)
    return lines


def _bar(bar: Bar, top: int, scale: float, *, fill: str) -> list[str]:
    left, middle = _MARGIN + _NAMES, top + 11
    width, end = bar.value * scale, (bar.reaches or bar.value) * scale
    lines = [
        f'  <text x="{_MARGIN}" y="{middle + 4.5}" fill="{_INK}">{escape(bar.name)}</text>',
        f'  <rect x="{left}" y="{top + 2}" width="{max(width, 1):.1f}" height="18" rx="3" fill="{fill}"/>',
    ]
    if bar.reaches is not None:
        lines.append(
            f'  <path d="M{left + width:.1f} {middle} H{left + end:.1f} m0 -5 v10" fill="none" stroke="{_FAINT}"/>'
        )
    shown = f"{bar.value:.0f}" + (f" · {bar.reaches:.0f}" if bar.reaches is not None else "")
    lines.append(f'  <text x="{left + end + 8:.1f}" y="{middle + 4.5}" fill="{_INK}">{shown}</text>')
    return lines
