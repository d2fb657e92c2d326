"""Numbers in tables for readers: no more digits than mean something, and a true minus sign."""

from __future__ import annotations

import math

NOTHING = "–"
MINUS = "\u2212"


def rounded(value: float | None, digits: int = 3, *, none: str = NOTHING) -> str:
    """A number with a fixed number of decimals, so that columns align; `none` if there is none."""
    if value is None:
        return none
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signs(text: str) -> str:
    """A formula of a table with true signs."""
    for before in (" ", "[", ": ", ", "):
        text = text.replace(f"{before}-", f"{before}{MINUS}")
    return text.replace(" x ", " × ")


def compact(value: float | None) -> str:
    """A number of unknown size: three decimals below 10, fewer above."""
    if value is None:
        return NOTHING
    size = abs(value)
    return rounded(value, 3 if size < 10 else 1 if size < 1000 else 0)


def interval(low: float | None, high: float | None) -> str:
    """An interval in brackets; empty where there is none."""
    return "" if low is None or high is None else f"[{compact(low)}, {compact(high)}]"


def p_value(value: float | None) -> str:
    """A p-value: two digits that count, and none below one in ten thousand."""
    if value is None:
        return NOTHING
    if value < 0.0001:
        return "< 0.0001"
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def percent(value: float | None) -> str:
    """A share in per cent."""
    return NOTHING if value is None else f"{value:.0%}".replace("%", " %").replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it, with two or three digits that count."""
    if seconds is None:
        return NOTHING
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 99.5:
        return f"{minutes:.1f} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 999.5 else f"{hours:,.0f} h"


def megabytes(value: float | None) -> str:
    """An amount of memory given in MB."""
    if value is None:
        return NOTHING
    return f"{value:.0f} MB" if value < 999.5 else f"{value / 1000:.1f} GB"


def energy(joules: float | None) -> str:
    """An energy given in joules, in watt-hours."""
    if joules is None:
        return NOTHING
    hours = joules / 3600
    if hours >= 999.5:
        return f"{hours / 1000:.1f} kWh"
    return f"{hours:.{max(0, 1 - math.floor(math.log10(hours))) if 0 < hours < 10 else 0}f} Wh"


def counted(number: int, word: str) -> str:
    """A number with its noun."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
